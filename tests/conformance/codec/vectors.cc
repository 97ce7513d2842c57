#include "vectors.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "muster/base/file.h"
#include "muster/base/text.h"

namespace muster::vectors {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

[[noreturn]] void stop(const std::string& message) {
  std::fprintf(stderr, "vectors: %s\n", message.c_str());
  std::abort();
}

Buffer read_or_stop(const std::string& path) {
  auto content = read_file(path, kMaxFileBytes);
  if (!content) {
    stop(to_string(content.error()));
  }
  return *std::move(content);
}

std::string text_or_empty(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string() : found->get<std::string>();
}

std::optional<std::int64_t> number_or_none(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null()
             ? std::nullopt
             : std::optional<std::int64_t>(found->get<std::int64_t>());
}

Kind make_kind(const std::string& name) {
  if (name == "ocsp-request") {
    return Kind::kRequest;
  }
  if (name == "ocsp-response") {
    return Kind::kResponse;
  }
  if (name == "crl") {
    return Kind::kCrl;
  }
  stop("unknown kind '" + name + "' in the manifest");
}

Expected make_expected(const json& object) {
  Expected expected;
  expected.parse = text_or_empty(object, "parse");
  expected.response_status = text_or_empty(object, "response_status");
  expected.cert_status = text_or_empty(object, "cert_status");
  expected.signature = text_or_empty(object, "signature");
  expected.responder_authorised = text_or_empty(object, "responder_authorised");
  expected.revocation_time = number_or_none(object, "revocation_time");
  expected.revocation_reason = number_or_none(object, "revocation_reason");
  expected.overall = text_or_empty(object, "overall");
  expected.why = text_or_empty(object, "why");
  expected.fields = object.value("fields", json::object());
  return expected;
}

Case make_case(const json& object, const std::string& root) {
  Case c;
  c.id = object.at("id").get<std::string>();
  c.kind = make_kind(object.at("kind").get<std::string>());
  c.main = object.at("main").get<std::string>();
  for (const auto& [role, paths] : object.at("files").items()) {
    const json list = paths.is_array() ? paths : json::array({paths});
    for (const json& path : list) {
      c.files[role].push_back(root + "/" + path.get<std::string>());
    }
  }
  c.params = object.value("params", json::object());
  if (const auto time = number_or_none(object, "verify_time")) {
    c.verify_time = unix_seconds(*time);
  }
  c.expected = make_expected(object.at("expected"));
  c.note = text_or_empty(object, "note");
  return c;
}

std::vector<Case> load_cases() {
  const std::string root = folder();
  std::vector<Case> cases;
  if (!std::filesystem::exists(root + "/manifest.json")) {
    return cases;
  }
  const Buffer octets = read_or_stop(root + "/manifest.json");
  const json manifest = json::parse(octets.begin(), octets.end());
  for (const json& object : manifest.at("cases")) {
    cases.push_back(make_case(object, root));
  }
  return cases;
}

std::string key_of(std::string_view id, std::string_view expectation) {
  return std::string(id) + " | " + std::string(expectation);
}

}  // namespace

std::size_t Case::count(std::string_view role) const {
  const auto found = files.find(role);
  return found == files.end() ? 0 : found->second.size();
}

Buffer Case::read(std::string_view role, std::size_t index) const {
  if (index >= count(role)) {
    stop(id + " has no file '" + std::string(role) + "'");
  }
  return read_or_stop(files.find(role)->second[index]);
}

std::string folder() {
  const char* const told = std::getenv("MUSTER_VECTORS");
  return told != nullptr && *told != '\0' ? told : MUSTER_PROJECT_DIR "/../shared/vectors";
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = load_cases();
  return cases;
}

Judge::Judge(const std::string& differences_path) {
  constexpr std::size_t kColumns = 4;
  const Buffer octets = read_or_stop(differences_path);
  for (const std::string_view line : split(as_text(octets), '\n')) {
    if (trim(line).empty() || line.starts_with('#')) {
      continue;
    }
    const std::vector<std::string_view> columns = split(line, '|');
    bool is_complete = columns.size() == kColumns;
    for (const std::string_view column : columns) {
      is_complete = is_complete && !trim(column).empty();
    }
    if (!is_complete || !listed_.insert(key_of(trim(columns[0]), trim(columns[1]))).second) {
      stop(differences_path +
           ": not 'id | expectation | reason | clause', or twice: " + std::string(line));
    }
  }
}

void Judge::expect(const Case& c, std::string_view expectation, std::string_view wanted,
                   std::string_view got) {
  ++checks_;
  if (wanted == got) {
    return;
  }
  const std::string key = key_of(c.id, expectation);
  seen_.insert(key);
  if (!listed_.contains(key)) {
    unlisted_.push_back(key + ": expected " + std::string(wanted) + ", got " + std::string(got) +
                        (c.note.empty() ? "" : " (" + c.note + ")"));
  }
}

std::vector<std::string> Judge::problems() const {
  std::vector<std::string> problems = unlisted_;
  // Lines about cases of another collection (the other half of the vectors) are not judged here.
  std::set<std::string, std::less<>> ids;
  for (const Case& c : all_cases()) {
    ids.insert(c.id);
  }
  for (const std::string& key : listed_) {
    if (!seen_.contains(key) && ids.contains(key.substr(0, key.find(" | ")))) {
      problems.push_back(key + ": listed as a difference, but there is none: remove the line");
    }
  }
  return problems;
}

}  // namespace muster::vectors
