#include "muster/stapler/import.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/keeper/shelf_file.h"

namespace muster::stapler {
namespace {

std::optional<Buffer> decode_pem(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN OCSP RESPONSE-----";
  constexpr std::string_view kEnd = "-----END OCSP RESPONSE-----";
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return std::nullopt;
  }
  std::string base64;
  for (const char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size())) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') {
      base64 += c;
    }
  }
  return http::base64_decode(base64);
}

}  // namespace

SerialIndex::SerialIndex(const std::vector<InventoryEntry>& entries) {
  for (const InventoryEntry& entry : entries) {
    const keeper::Subject& subject = entry.watched.subject;
    by_serial_.emplace(to_buffer(subject.certificate.serial().octets()), &subject);
  }
}

std::vector<const keeper::Subject*> SerialIndex::find(Bytes serial) const {
  std::vector<const keeper::Subject*> out;
  const auto [begin, end] = by_serial_.equal_range(to_buffer(serial));
  std::transform(begin, end, std::back_inserter(out), [](const auto& e) { return e.second; });
  return out;
}

std::vector<Imported> import_response(
    Bytes response, const std::string& source, const SerialIndex& index,
    const client::VerifyPolicy& policy, UnixSeconds now,
    const std::function<keeper::Choice(const client::VerifiedResponse&, const std::string& source)>&
        offer) {
  const auto parsed = ocsp::parse_response(response);
  if (!parsed || !parsed->basic) {
    return {{{},
             "",
             false,
             parsed ? "an answer without status (" + std::string(to_string(parsed->status)) + ")"
                    : "no OCSP response"}};
  }
  std::map<keeper::Fingerprint, const keeper::Subject*> about;
  for (const ocsp::SingleResponseView& single : parsed->basic->responses) {
    for (const keeper::Subject* subject : index.find(single.cert_id.serial)) {
      if (pki::names(single.cert_id, subject->certificate, subject->issuer)) {
        about.emplace(subject->certificate.fingerprint(), subject);
      }
    }
  }
  std::vector<Imported> out;
  for (const auto& [id, subject] : about) {
    const auto verified = client::verify(
        {response, subject->certificate, subject->issuer, std::nullopt, {}}, policy, now);
    if (!verified) {
      out.push_back({id, subject->name, false, "refused: " + verified.error().detail});
      continue;
    }
    const keeper::Choice choice = offer(*verified, source);
    const bool is_held = keeper::takes(choice) || choice == keeper::Choice::kHoldBack ||
                         choice == keeper::Choice::kSame;
    out.push_back({id, subject->name, is_held,
                   std::string(to_string(choice)) + " (" +
                       std::string(ocsp::to_string(verified->status())) + ", until " +
                       format_iso8601(verified->effective_expiry()) + ")"});
  }
  if (out.empty()) {
    out.push_back({{}, "", false, "it is about no certificate of the inventory"});
  }
  return out;
}

Result<Buffer, std::string> read_response_file(const std::string& path) {
  auto content = read_file(path, keeper::kMaxShelfFileBytes);
  if (!content) {
    return Err{to_string(content.error())};
  }
  const std::string_view text = as_text(*content);
  if (text.starts_with("muster-shelf ")) {
    auto file = keeper::parse_shelf_file(*content);
    if (!file) {
      return Err{"'" + path + "': " + file.error()};
    }
    return std::move(file->response);
  }
  if (text.find("-----BEGIN ") != std::string_view::npos) {
    auto der = decode_pem(text);
    if (!der) {
      return Err{"'" + path + "': PEM without a whole OCSP RESPONSE"};
    }
    return *std::move(der);
  }
  return *std::move(content);
}

Result<std::vector<std::string>, std::string> response_files(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return std::vector<std::string>{path};
  }
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    std::error_code ignored;
    if (!entry.path().filename().string().starts_with('.') && entry.is_regular_file(ignored)) {
      out.push_back(entry.path().string());
    }
  }
  if (error) {
    return Err{"cannot read the directory '" + path + "': " + error.message()};
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace muster::stapler
