#include "muster/check/prepare.h"

#include <string.h>  // explicit_bzero
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "contents.h"
#include "directory.h"
#include "muster/base/file.h"
#include "muster/base/text.h"

namespace muster::check {
namespace {

using Fingerprint = std::array<std::uint8_t, 32>;
using Shared = std::shared_ptr<const Certificates>;

bool may_issue(const pki::Certificate& certificate) {
  return certificate.facts().is_ca || certificate.is_self_issued();
}

/// Those that a question is about.
Certificates questions_of(const Certificates& certificates, bool all) {
  if (!all) {
    return client::find_leaves(certificates);
  }
  Certificates below_roots;
  std::copy_if(certificates.begin(), certificates.end(), std::back_inserter(below_roots),
               [](const pki::Certificate& one) { return !one.is_self_issued(); });
  return below_roots.empty() ? client::find_leaves(certificates) : below_roots;
}

/// A file of a directory that holds something, or was meant to.
struct FoundFile {
  std::string path;
  Result<Contents, ContentsError> contents;
};

/// What the files of one directory know together.
struct Around {
  std::set<Buffer> issuing_names;  ///< of those that issued another certificate of it
  std::set<Fingerprint> met;       ///< certificates that are judged already
  Shared issuers;
};

class Preparation {
 public:
  explicit Preparation(const Plan& plan) : plan_(plan), inputs_(plan.inputs) {}

  Result<Prepared, std::string> run() {
    for (const std::string& name : inputs_.targets) {
      add_target(name);
    }
    if (!inputs_.serials.empty()) {
      MUSTER_TRY(const pki::Certificate issuer, issuer_of_serials());
      for (const Serial& serial : inputs_.serials) {
        add(serial.to_hex(), Question{{issuer, serial}, {}, {}, {}});
      }
    }
    if (out_.units.size() > kMaxUnits) {
      return Err{"more than " + std::to_string(kMaxUnits) +
                 " certificates and servers to check at once; split the list"};
    }
    return std::move(out_);
  }

 private:
  /// Beyond the limit nothing is kept but the fact.
  void add(std::string target, decltype(Unit::what) what) {
    if (out_.units.size() <= kMaxUnits) {
      out_.units.push_back({std::move(target), std::move(what)});
    }
  }
  void add_problem(const std::string& target, std::string detail,
                   client::Outcome outcome = client::Outcome::kUnreadable) {
    add(target, Problem{outcome, std::move(detail)});
  }

  void add_target(const std::string& name) {
    auto target = parse_target(name, inputs_.target_options);
    if (!target) {
      return add_problem(name, target.error());
    }
    if (auto* host = std::get_if<HostTarget>(&*target)) {
      return add(name, std::move(*host));
    }
    const std::string& path = std::get<FileTarget>(*target).path;
    struct stat info {};
    if (path != "-" && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return add_directory(name, path);
    }
    const auto contents = read(path);
    if (!contents) {
      return add_problem(name, contents.error().detail);
    }
    add_contents(name, *contents, nullptr);
  }

  // ---- what one file holds ----------------------------------------------------------------------

  [[nodiscard]] Result<Contents, ContentsError> read(const std::string& path) const {
    auto octets = read_file(path, kMaxFileBytes);
    if (!octets) {
      return Err{ContentsError{ContentsErrc::kNothing, to_string(octets.error())}};
    }
    auto contents = read_contents(*octets, inputs_.passphrases);
    ::explicit_bzero(octets->data(), octets->size());  // keys lie beside certificates
    return contents;
  }

  /// \param around  of its directory; null for a file that was named
  void add_contents(const std::string& name, const Contents& contents, Around* around) {
    for (const Heap& heap : contents.heaps) {
      add_heap(heap.label.empty() ? name : name + " (" + heap.label + ")", heap, around);
    }
    for (const Buffer& response : contents.responses) {
      add_response(name, response, around);
    }
  }

  void add_heap(const std::string& name, const Heap& heap, Around* around) {
    if (!heap.problem.empty()) {
      return add_problem(name, heap.problem);
    }
    Certificates all = heap.certificates;
    all.insert(all.end(), heap.helpers.begin(), heap.helpers.end());
    const Shared beside = std::make_shared<const Certificates>(std::move(all));
    for (const pki::Certificate& one : questions_of(heap.certificates, inputs_.all)) {
      const bool is_known = around != nullptr && !is_new_question(one, *around);
      if (is_known && heap.responses.empty()) {  // what came along is to be judged in any case
        continue;
      }
      Question question{one, beside, around != nullptr ? around->issuers : nullptr, {}};
      for (const Buffer& response : heap.responses) {
        question.responses.push_back({name, response});
      }
      add(name, std::move(question));
    }
  }

  [[nodiscard]] bool is_new_question(const pki::Certificate& one, Around& around) const {
    const bool is_helper = !inputs_.all && around.issuing_names.contains(to_buffer(one.subject()));
    return !is_helper && around.met.insert(one.fingerprint()).second;
  }

  // ---- an OCSP response by itself: what it says about whom --------------------------------------

  void add_response(const std::string& name, const Buffer& der, const Around* around) {
    const auto response = ocsp::parse_response(der);
    if (!response || !response->basic) {
      return add_problem(name,
                         "an OCSP response with an error status, which is about no certificate",
                         client::Outcome::kUndetermined);
    }
    std::set<std::pair<const pki::Certificate*, Serial>> told;  // several entries: one question
    for (const ocsp::SingleResponseView& entry : response->basic->responses) {
      const auto serial = Serial::make(entry.cert_id.serial);
      if (!serial) {
        continue;
      }
      const pki::Certificate* issuer = issuer_of(entry.cert_id, around);
      if (issuer == nullptr) {
        add_problem(name,
                    "an OCSP response about serial " + serial->to_hex() +
                        " of an issuer whose certificate is not at hand; name it with --issuer",
                    client::Outcome::kUndetermined);
      } else if (told.insert({issuer, *serial}).second) {
        add(name, Question{{*issuer, *serial}, {}, {}, {{name, der}}});
      }
    }
  }

  [[nodiscard]] const pki::Certificate* issuer_of(const ocsp::CertIdView& id,
                                                  const Around* around) const {
    static const Certificates kNone;
    const Certificates& near = around != nullptr ? *around->issuers : kNone;
    for (const Certificates* pool : {&plan_.issuers, &near, &plan_.anchors}) {
      const auto found = std::find_if(pool->begin(), pool->end(), [&](const auto& candidate) {
        return may_issue(candidate) && pki::names_issuer(id, candidate);
      });
      if (found != pool->end()) {
        return &*found;
      }
    }
    return nullptr;
  }

  // ---- a directory ------------------------------------------------------------------------------

  void add_directory(const std::string& name, const std::string& path) {
    const auto walk = walk_directory(path, kMaxDirectoryDepth, kMaxDirectoryFiles);
    if (!walk) {
      return add_problem(name, walk.error());
    }
    std::vector<FoundFile> found;
    std::size_t nothing = 0, closed = walk->closed;
    for (const std::string& file : walk->files) {
      if (::access(file.c_str(), R_OK) != 0) {
        ++closed;
        continue;
      }
      FoundFile one{file, read(file)};
      if (!one.contents && one.contents.error().code == ContentsErrc::kNothing) {
        ++nothing;
      } else {
        found.push_back(std::move(one));
      }
      if (found.size() > kMaxUnits) {
        break;  // run() says so
      }
    }
    Around around = look_around(found);
    const std::size_t before = out_.units.size();
    for (const FoundFile& file : found) {
      if (file.contents) {
        add_contents(file.path, *file.contents, &around);
      } else {
        add_problem(file.path, file.contents.error().detail);
      }
    }
    if (out_.units.size() == before) {
      add_problem(name, "none of the " + std::to_string(walk->files.size()) +
                            " files in it holds a certificate, an OCSP response or a TLS Secret" +
                            (closed != 0 ? "; " + std::to_string(closed) + " may not be read"
                                         : std::string()));
    }
    note(name, nothing, "files that hold nothing to judge were passed over");
    note(name, closed, "files or directories may not be read and were passed over");
    note(name, walk->too_deep, "directories lie too deep and were passed over");
  }

  static Around look_around(const std::vector<FoundFile>& found) {
    Around around;
    Certificates issuers;
    std::set<Fingerprint> known;
    const auto look_at = [&](const pki::Certificate& one) {
      if (!one.is_self_issued()) {
        around.issuing_names.insert(to_buffer(one.issuer()));
      }
      if (may_issue(one) && known.insert(one.fingerprint()).second) {
        issuers.push_back(one);
      }
    };
    for (const FoundFile& file : found) {
      if (!file.contents) {
        continue;
      }
      for (const Heap& heap : file.contents->heaps) {
        std::for_each(heap.certificates.begin(), heap.certificates.end(), look_at);
        std::for_each(heap.helpers.begin(), heap.helpers.end(), look_at);
      }
    }
    around.issuers = std::make_shared<const Certificates>(std::move(issuers));
    return around;
  }

  void note(const std::string& name, std::size_t count, const char* what) {
    if (count != 0) {
      out_.notes.push_back(printable(name) + ": " + std::to_string(count) + " " + what);
    }
  }

  // ---- serials ----------------------------------------------------------------------------------

  /// The one CA of --issuer that issued no other certificate of it: with a chain, its lower end.
  [[nodiscard]] Result<pki::Certificate, std::string> issuer_of_serials() const {
    Certificates candidates;
    for (const pki::Certificate& one : client::find_leaves(plan_.issuers)) {
      const bool same_ca =
          std::any_of(candidates.begin(), candidates.end(), [&](const pki::Certificate& other) {
            return equal(one.subject(), other.subject()) &&
                   equal(one.public_key_info(), other.public_key_info());
          });
      if (may_issue(one) && !same_ca) {
        candidates.push_back(one);
      }
    }
    if (candidates.size() == 1) {
      return candidates.front();
    }
    if (candidates.empty()) {
      return Err{std::string(plan_.issuers.empty()
                                 ? "a serial says nothing without its CA: give --issuer FILE"
                                 : "no certificate of --issuer is a CA's; a serial needs its CA")};
    }
    return Err{"a serial needs one CA, and --issuer names " + std::to_string(candidates.size()) +
               ": " + printable(candidates[0].subject_text()) + "; " +
               printable(candidates[1].subject_text())};
  }

  const Plan& plan_;
  const Inputs& inputs_;
  Prepared out_;
};

}  // namespace

Result<Prepared, std::string> prepare(const Plan& plan) { return Preparation(plan).run(); }

Result<std::vector<std::string>, std::string> parse_target_list(Bytes text) {
  constexpr std::size_t kMaxLine = 4096;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view rest = as_text(text);
  if (rest.starts_with(kByteOrderMark)) {
    rest.remove_prefix(kByteOrderMark.size());
  }
  std::vector<std::string> targets;
  std::size_t number = 0;
  for (std::string_view line : split(rest, '\n')) {
    ++number;
    const std::size_t comment = std::min(line.find(" #"), line.find("\t#"));
    line = trim(line.substr(0, comment));
    if (line.empty() || line.front() == '#') {
      continue;
    }
    if (line.size() > kMaxLine || line.find('\0') != std::string_view::npos) {
      return Err{"line " + std::to_string(number) + " is no target: longer than " +
                 std::to_string(kMaxLine) + " octets, or not text; wanted: one target a line"};
    }
    if (line == "-") {
      return Err{"line " + std::to_string(number) +
                 ": standard input cannot be a target of a list"};
    }
    if (targets.size() >= kMaxUnits) {
      return Err{"more than " + std::to_string(kMaxUnits) + " targets; split the list"};
    }
    targets.emplace_back(line);
  }
  return targets;
}

}  // namespace muster::check
