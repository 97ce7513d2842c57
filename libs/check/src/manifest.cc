#include "manifest.h"

#include <algorithm>

#include "manifest_tree.h"
#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::check {
namespace {

constexpr std::string_view kCertificates = "tls.crt";
constexpr std::string_view kAuthorities = "ca.crt";
constexpr std::string_view kStaple = "tls.ocsp-staple";

/// Folded lines and line ends are no part of base64, and tools write both.
std::string without_blanks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  return out;
}

/// One entry of a Secret: absent, or its octets.
Result<std::optional<Buffer>, std::string> entry_of(const Node& secret, std::string_view key) {
  using Entry = std::optional<Buffer>;
  const auto wrong = [key](const char* where, const char* why) {
    return Err{std::string(where) + " '" + std::string(key) + "' " + why};
  };
  for (const char* const where : {"stringData", "data"}) {
    const Node* const map = secret.find(where);
    if (map == nullptr || map->is_null) {
      continue;
    }
    if (map->kind != Node::Kind::kMapping) {
      return Err{"its " + std::string(where) + " is no mapping of names to values"};
    }
    const Node* const value = map->find(key);
    if (value == nullptr) {
      continue;
    }
    if (value->kind != Node::Kind::kScalar) {
      return wrong(where, "is no text");
    }
    if (std::string_view(where) == "stringData") {
      return Entry(to_buffer(as_bytes(value->text)));
    }
    std::optional<Buffer> octets = http::base64_decode(without_blanks(value->text));
    if (!octets) {
      return wrong(where, "is not base64 (text as it is belongs into stringData)");
    }
    return Entry(*std::move(octets));
  }
  return Entry();
}

std::string name_of(const Node& object) {
  const Node* const metadata = object.find("metadata");
  if (metadata == nullptr) {
    return "(without a name)";
  }
  std::string name(metadata->text_of("name"));
  if (name.empty()) {
    name = "(without a name)";
  }
  const std::string_view space = metadata->text_of("namespace");
  return space.empty() ? name : std::string(space) + "/" + name;
}

Result<Secret, std::string> read_secret(const Node& object) {
  Secret secret;
  MUSTER_TRY(auto certificates, entry_of(object, kCertificates));
  if (!certificates) {
    return secret;
  }
  if (certificates->empty()) {
    return Err{std::string("its 'tls.crt' is empty")};
  }
  secret.certificates = *std::move(certificates);
  MUSTER_TRY(auto authorities, entry_of(object, kAuthorities));
  secret.authorities = std::move(authorities).value_or(Buffer());
  MUSTER_TRY(secret.staple, entry_of(object, kStaple));
  if (secret.staple && secret.staple->empty()) {  // a place that is kept for one
    secret.staple.reset();
  }
  return secret;
}

class Collector {
 public:
  Result<Unit, std::string> add(const Node& object, std::size_t depth) {
    if (object.is_null) {
      return Unit{};  // "---" with nothing behind it
    }
    const std::string_view kind = object.text_of("kind");
    if (kind == "List" || kind == "SecretList") {
      return add_items(object, depth);
    }
    if (kind != "Secret") {
      ++manifest.other_objects;
      return Unit{};
    }
    auto secret = read_secret(object);
    if (secret && secret->certificates.empty()) {
      ++manifest.other_objects;
      return Unit{};
    }
    if (manifest.secrets.size() >= kMaxSecrets) {
      return Err{"more than " + std::to_string(kMaxSecrets) + " Secrets; split the manifest"};
    }
    if (secret) {
      manifest.secrets.push_back(*std::move(secret));
    } else {
      manifest.secrets.emplace_back();
      manifest.secrets.back().problem = secret.error();
    }
    manifest.secrets.back().name = name_of(object);
    return Unit{};
  }

  Manifest manifest;

 private:
  Result<Unit, std::string> add_items(const Node& list, std::size_t depth) {
    if (depth >= kMaxListDepth) {
      return Err{"more than " + std::to_string(kMaxListDepth) + " Lists inside each other"};
    }
    const Node* const items = list.find("items");
    if (items == nullptr || items->is_null) {
      return Unit{};
    }
    if (items->kind != Node::Kind::kSequence) {
      return Err{std::string("a List whose items are no sequence")};
    }
    for (const Node::Ref& item : items->items) {
      MUSTER_CHECK(add(*item, depth + 1));
    }
    return Unit{};
  }
};

}  // namespace

bool looks_like_manifest(Bytes text) {
  std::string_view rest = as_text(text);
  if (rest.starts_with("\xef\xbb\xbf")) {
    rest.remove_prefix(3);
  }
  if (trim(rest).starts_with('{')) {
    return true;
  }
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (line.starts_with("-----BEGIN ")) {
      return false;
    }
    if (line.starts_with("kind:") || line.starts_with("apiVersion:")) {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Result<Manifest, std::string> parse_manifest(Bytes text) {
  MUSTER_TRY(const auto documents, parse_documents(text));
  Collector collector;
  for (const Node::Ref& document : documents) {
    MUSTER_CHECK(collector.add(*document, 0));
  }
  return std::move(collector.manifest);
}

}  // namespace muster::check
