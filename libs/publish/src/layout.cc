#include "muster/publish/layout.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "muster/base/text.h"

namespace muster::publish {
namespace {

Err<PublishError> bad(std::string detail) {
  return Err{PublishError{PublishErrc::kTerms, std::move(detail)}};
}

Bytes significant(Bytes number) {
  while (number.size() > 1 && number.front() == 0) {
    number = number.subspan(1);
  }
  return number;
}

/// Whether `a` < `b` as numbers; both content of non-negative INTEGERs.
bool is_lower(Bytes a, Bytes b) {
  a = significant(a);
  b = significant(b);
  return a.size() != b.size() ? a.size() < b.size() : less(a, b);
}

bool is_negative(Bytes integer_content) { return (integer_content[0] & 0x80u) != 0; }

std::string place(std::string_view file, std::size_t line) {
  return std::string(file) + ", line " + std::to_string(line) + ": ";
}

}  // namespace

Assignment Assignment::by_hash(std::size_t partitions) {
  Assignment assignment;
  assignment.kind_ = partitions > 1 ? Kind::kHash : Kind::kWhole;
  assignment.partitions_ = partitions;
  return assignment;
}

PublishResult<Assignment> Assignment::by_range(const std::vector<Serial>& begins) {
  if (begins.empty() || !equal(begins.front().octets(), std::array<std::uint8_t, 1>{0})) {
    return bad("ranges: the first must begin with serial 0, so that each serial is in one");
  }
  for (std::size_t i = 1; i < begins.size(); ++i) {
    if (is_negative(begins[i].octets()) || !is_lower(begins[i - 1].octets(), begins[i].octets())) {
      return bad("ranges: " + begins[i].to_hex() + " is not above " + begins[i - 1].to_hex() +
                 " before it");
    }
  }
  Assignment assignment;
  assignment.kind_ = Kind::kRange;
  assignment.partitions_ = begins.size();
  assignment.begins_ = begins;
  return assignment;
}

PublishResult<Assignment> Assignment::listed(std::string_view text, std::string_view file,
                                             const std::vector<Partition>& partitions,
                                             std::string_view rest) {
  const auto find = [&](std::string_view name) -> std::optional<std::size_t> {
    const auto found = std::find_if(partitions.begin(), partitions.end(),
                                    [&](const Partition& p) { return p.name == name; });
    return found == partitions.end()
               ? std::nullopt
               : std::optional(static_cast<std::size_t>(found - partitions.begin()));
  };
  Assignment assignment;
  assignment.kind_ = Kind::kList;
  assignment.partitions_ = partitions.size();
  if (!rest.empty()) {
    assignment.rest_ = find(rest);
    if (!assignment.rest_) {
      return bad("there is no partition '" + printable(rest) + "' for serials that " +
                 std::string(file) + " does not list");
    }
  }
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') {
      continue;
    }
    const std::size_t gap = line.find_first_of(" \t");
    const auto serial = Serial::from_hex(line.substr(0, gap));
    if (gap == std::string_view::npos || !serial) {
      return bad(place(file, number) +
                 "expected a serial in hexadecimal and the name of a partition");
    }
    const auto partition = find(trim(line.substr(gap)));
    if (!partition) {
      return bad(place(file, number) + "there is no partition '" +
                 printable(trim(line.substr(gap))) + "'");
    }
    const Bytes octets = serial->octets();
    if (assignment.serials_.size() > 0xffffffff - kMaxSerialOctets) {
      return bad(std::string(file) + ": more than 4 GiB of serials (use hash or ranges)");
    }
    assignment.list_.push_back({static_cast<std::uint32_t>(assignment.serials_.size()),
                                static_cast<std::uint16_t>(octets.size()),
                                static_cast<std::uint16_t>(*partition)});
    assignment.serials_.insert(assignment.serials_.end(), octets.begin(), octets.end());
  }
  const auto octets_of = [&](const Listed& entry) {
    return Bytes(assignment.serials_).subspan(entry.offset, entry.size);
  };
  std::stable_sort(
      assignment.list_.begin(), assignment.list_.end(),
      [&](const Listed& a, const Listed& b) { return less(octets_of(a), octets_of(b)); });
  for (std::size_t i = 1; i < assignment.list_.size(); ++i) {
    const Listed& a = assignment.list_[i - 1];
    const Listed& b = assignment.list_[i];
    if (equal(octets_of(a), octets_of(b)) && a.partition != b.partition) {
      return bad(std::string(file) + ": serial " + Serial::make(octets_of(a))->to_hex() +
                 " is listed in two partitions (" + partitions[a.partition].name + ", " +
                 partitions[b.partition].name + ")");
    }
  }
  return assignment;
}

std::optional<std::size_t> Assignment::find_listed(Bytes serial) const {
  const auto octets_of = [this](const Listed& entry) {
    return Bytes(serials_).subspan(entry.offset, entry.size);
  };
  const auto found = std::lower_bound(
      list_.begin(), list_.end(), serial,
      [&](const Listed& entry, Bytes wanted) { return less(octets_of(entry), wanted); });
  if (found != list_.end() && equal(octets_of(*found), serial)) {
    return found->partition;
  }
  return rest_;
}

std::optional<std::size_t> Assignment::partition_of(const Serial& serial) const {
  const Bytes octets = serial.octets();
  switch (kind_) {
    case Kind::kWhole:
      return 0;
    case Kind::kHash: {
      std::array<std::uint8_t, 32> digest;
      pki::digest_into(HashAlgorithm::kSha256, octets, digest);
      std::uint64_t number = 0;
      for (std::size_t i = 0; i < sizeof number; ++i) {
        number = number << 8 | digest[i];
      }
      return static_cast<std::size_t>(number % partitions_);
    }
    case Kind::kRange: {
      if (is_negative(octets)) {
        return 0;
      }
      const auto above = std::upper_bound(
          begins_.begin(), begins_.end(), octets,
          [](Bytes wanted, const Serial& begin) { return is_lower(wanted, begin.octets()); });
      return static_cast<std::size_t>(above - begins_.begin()) - 1;
    }
    case Kind::kList:
      return find_listed(octets);
  }
  return std::nullopt;
}

PublishResult<Unit> check_partitions(const std::vector<Partition>& partitions,
                                     const Assignment& assignment) {
  if (partitions.empty() || partitions.size() > kMaxPartitions) {
    return bad("there must be 1 to " + std::to_string(kMaxPartitions) + " partitions");
  }
  if (assignment.partitions() != partitions.size()) {
    return bad("certificates are assigned to " + std::to_string(assignment.partitions()) +
               " partitions, but " + std::to_string(partitions.size()) + " are described");
  }
  std::set<std::string> files;
  std::map<std::string, std::vector<crl::Scope::Only>> points;
  for (const Partition& partition : partitions) {
    if (partition.out.empty()) {
      return bad("partition '" + partition.name + "': no file to write the CRL to");
    }
    for (const std::string& file : {partition.out, partition.delta_out}) {
      if (!file.empty() && !files.insert(file).second) {
        return bad("two CRLs would be written to " + file + " (put {partition} into the name)");
      }
    }
    if (partition.delta_out.empty() != partitions.front().delta_out.empty()) {
      return bad("partition '" + partition.name +
                 "': either all partitions have a file for delta CRLs or none");
    }
    if (!partition.delta_uris.empty() && partition.delta_out.empty()) {
      return bad("partition '" + partition.name +
                 "': a URI for delta CRLs, but no file to write them to");
    }
    if (partitions.size() == 1) {
      continue;
    }
    if (partition.uris.empty() && partition.only == crl::Scope::Only::kAll) {
      return bad("partition '" + partition.name +
                 "': without the URI that its certificates name, nobody can tell which "
                 "of the CRLs speaks about them (set the URI, with {partition} in it)");
    }
    for (const std::string& uri : partition.uris) {
      auto& users = points[uri];
      const bool overlaps = std::any_of(users.begin(), users.end(), [&](crl::Scope::Only other) {
        return other == partition.only || other == crl::Scope::Only::kAll ||
               partition.only == crl::Scope::Only::kAll;
      });
      if (overlaps) {
        return bad("two partitions have the URI " + uri + " (put {partition} into it)");
      }
      users.push_back(partition.only);
    }
  }
  return Unit{};
}

PublishResult<Unit> check_sample(const pki::Certificate& sample,
                                 const std::vector<Partition>& partitions,
                                 const Assignment& assignment) {
  const auto index = assignment.partition_of(sample.serial());
  const std::string who =
      "certificate " + sample.serial().to_hex() + " (" + sample.subject_text() + ")";
  if (!index) {
    return Err{PublishError{PublishErrc::kUncovered, who + " is in no partition"}};
  }
  const Partition& partition = partitions[*index];
  if (partition.uris.empty()) {
    return Unit{};
  }
  const auto& named = sample.facts().crl_uris;
  const bool shared =
      std::any_of(partition.uris.begin(), partition.uris.end(), [&](const std::string& uri) {
        return std::find(named.begin(), named.end(), uri) != named.end();
      });
  if (!shared) {
    std::string names;
    for (const std::string& uri : named) {
      names += (names.empty() ? "" : ", ") + printable(uri);
    }
    return bad(who + " names the distribution point " + (names.empty() ? "(none)" : names) +
               ", but is on the CRL of " + partition.uris.front() +
               ": clients would not accept it (correct the URI or the assignment)");
  }
  return Unit{};
}

}  // namespace muster::publish
