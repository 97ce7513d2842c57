#include "muster/publish/spec_files.h"

#include <algorithm>

#include "files.h"
#include "muster/base/text.h"
#include "muster/pki/key_file.h"
#include "muster/source/load.h"
#include "muster/token/token_key.h"

namespace muster::publish {
namespace {

constexpr std::string_view kPlaceholder = "{partition}";
constexpr std::size_t kMostAssignmentBytes = std::size_t{4} << 30;

Err<PublishError> bad(std::string detail) {
  return Err{PublishError{PublishErrc::kTerms, std::move(detail)}};
}
Err<PublishError> unfit(const pki::PkiError& error) {
  const bool disk = error.code == pki::PkiErrc::kUnreadable;
  return Err{PublishError{disk ? PublishErrc::kIo : PublishErrc::kSigner, error.detail}};
}

std::string numbered(std::string text, std::size_t partition) {
  for (std::size_t at = 0; (at = text.find(kPlaceholder, at)) != std::string::npos;) {
    const std::string number = std::to_string(partition);
    text.replace(at, kPlaceholder.size(), number);
    at += number.size();
  }
  return text;
}

std::vector<std::string> numbered(const std::vector<std::string>& texts, std::size_t partition) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    out.push_back(numbered(text, partition));
  }
  return out;
}

std::vector<Partition> partitions_of(const SpecFiles& files) {
  std::vector<Partition> out;
  for (std::size_t i = 0; i < files.described.size(); ++i) {
    const PartitionFiles& p = files.described[i];
    out.push_back({p.name.empty() ? std::to_string(i) : p.name, p.uris, p.only, p.delta_uris, p.out,
                   p.delta_out});
  }
  const std::size_t count = files.ranges.empty() ? files.partitions : files.ranges.size();
  for (std::size_t i = 0; files.described.empty() && i < count; ++i) {
    out.push_back({std::to_string(i), numbered(files.uris, i), files.only,
                   numbered(files.delta_uris, i), numbered(files.out, i),
                   numbered(files.delta_out, i)});
  }
  return out;
}

PublishResult<Assignment> assignment_of(const SpecFiles& files,
                                        const std::vector<Partition>& partitions) {
  if (!files.ranges.empty()) {
    std::vector<Serial> begins;
    for (const std::string& text : files.ranges) {
      const auto serial = Serial::from_hex(text);
      if (!serial) {
        return bad("ranges: '" + printable(text) + "' is no serial number (hexadecimal)");
      }
      begins.push_back(*serial);
    }
    return Assignment::by_range(begins);
  }
  if (files.assignment.empty()) {
    return Assignment::by_hash(partitions.size());
  }
  const auto content = MappedFile::open(files.assignment);
  if (!content || content->octets().size() > kMostAssignmentBytes) {
    return Err{content ? PublishError{PublishErrc::kTerms,
                                      files.assignment + ": larger than 4 GiB (use hash or ranges)"}
                       : io_error(content.error())};
  }
  return Assignment::listed(as_text(content->octets()), files.assignment, partitions,
                            files.assignment_rest);
}

PublishResult<pki::Certificate> certificate_for(const std::string& path,
                                                const pki::PrivateKey& key) {
  const auto found = pki::load_certificates(path);
  if (!found) {
    return unfit(found.error());
  }
  const auto match = std::find_if(found->begin(), found->end(),
                                  [&key](const pki::Certificate& c) { return key.matches(c); });
  return match != found->end() ? *match : found->front();
}

PublishResult<pki::PrivateKey> load_key(const SpecFiles& files) {
  if (token::is_key_uri(files.key)) {
    auto key = token::load_token_key(files.key, {}, files.passphrase);
    if (!key) {
      return unfit(key.error());
    }
    return *std::move(key);
  }
  auto held = pki::load_key_file(files.key, files.passphrase);
  if (!held) {
    return unfit(held.error());
  }
  return held->key;
}

}  // namespace

PublishResult<Unit> check_files(const SpecFiles& files) {
  const std::string who = files.label.empty() ? std::string("CRL") : files.label;
  if (files.cas.empty()) {
    return bad(who + ": no CA certificate");
  }
  if (files.key.empty()) {
    return bad(who + ": no private key to sign with");
  }
  if (!files.ranges.empty() && !files.assignment.empty()) {
    return bad(who + ": both ranges and an assignment file given; one decides");
  }
  if (!files.assignment_rest.empty() && files.assignment.empty()) {
    return bad(who + ": a partition for the rest is for an assignment file, and none is given");
  }
  if (!files.described.empty() &&
      (!files.out.empty() || files.partitions != 1 || !files.uris.empty())) {
    return bad(
        who +
        ": partitions are described one by one; out, uris and partitions do not go with that");
  }
  if (files.described.empty() && files.out.empty()) {
    return bad(who + ": no file to write the CRL to");
  }
  if (!files.assignment.empty() && files.cas.size() > 1) {
    return bad(who +
               ": an assignment file lists serials of one CA, and several are on this CRL (use "
               "hash or ranges)");
  }
  return check_terms(files.terms);
}

PublishResult<Spec> load_spec(const SpecFiles& files, const store::Store& store,
                              const std::string& store_directory) {
  MUSTER_CHECK(check_files(files));
  std::vector<Subject> subjects;
  for (const std::string& path : files.cas) {
    const auto found = pki::load_certificates(path);
    if (!found) {
      return unfit(found.error());
    }
    const auto id = store.find_issuer(source::make_issuer_key(found->front()));
    if (!id) {
      return Err{
          PublishError{PublishErrc::kSource, found->front().subject_text() +
                                                 ": the store knows nothing of this CA (import a "
                                                 "source for it; see 'muster store import')"}};
    }
    subjects.push_back({found->front(), *id});
  }
  MUSTER_TRY(pki::PrivateKey key, load_key(files));
  MUSTER_TRY(pki::Certificate signer,
             certificate_for(files.signer.empty() ? files.cas.front() : files.signer, key));
  std::vector<Partition> partitions = partitions_of(files);
  MUSTER_TRY(Assignment assignment, assignment_of(files, partitions));
  std::vector<pki::Certificate> samples;
  for (const std::string& path : files.samples) {
    const auto found = pki::load_certificates(path);
    if (!found) {
      return unfit(found.error());
    }
    samples.push_back(found->front());
  }
  const bool separate =
      !files.signer.empty() && !crl::same_name(signer.subject(), subjects.front().ca.subject());
  const Bytes name = separate ? signer.subject() : subjects.front().ca.subject();
  Spec spec{.label = files.label.empty() ? signer.subject_text() : files.label,
            .subjects = std::move(subjects),
            .signer = std::move(signer),
            .key = std::move(key),
            .scheme = files.scheme,
            .terms = files.terms,
            .partitions = std::move(partitions),
            .assignment = std::move(assignment),
            .samples = std::move(samples),
            .state_directory = files.state,
            .first_number = files.first_number,
            .format = files.format};
  if (spec.state_directory.empty()) {
    spec.state_directory = store_directory + "/crl-" + issuer_tag(name).substr(0, 16);
  }
  return spec;
}

}  // namespace muster::publish
