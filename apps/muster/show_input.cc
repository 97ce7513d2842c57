#include "show_input.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/ocsp/ocsp.h"

namespace muster::app {
namespace {

using Inputs = Result<std::vector<ShownInput>, std::string>;

bool is_text(Bytes octets) {
  return std::all_of(octets.begin(), octets.end(), [](std::uint8_t c) {
    return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

std::string without_blanks(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
      result += c;
    }
  }
  return result;
}

/// base64 or base64url, with or without padding.
std::optional<Buffer> decode_any_base64(std::string_view text) {
  std::string plain = without_blanks(text);
  std::replace(plain.begin(), plain.end(), '-', '+');
  std::replace(plain.begin(), plain.end(), '_', '/');
  while (plain.size() % 4 != 0) {
    plain += '=';
  }
  return http::base64_decode(plain);
}

/// Body of a PEM block: base64 lines behind an optional header ("Proc-Type: ...").
std::optional<Buffer> decode_pem_body(std::string_view body) {
  const std::size_t header_end = body.find("\n\n");
  if (body.find(':') != std::string_view::npos && header_end != std::string_view::npos) {
    body.remove_prefix(header_end);
  }
  return http::base64_decode(without_blanks(body));
}

struct PemLabel {
  std::string_view label;
  ShownType type;
};
constexpr PemLabel kPemLabels[] = {{"CERTIFICATE", ShownType::kCertificate},
                                   {"X509 CERTIFICATE", ShownType::kCertificate},
                                   {"X509 CRL", ShownType::kCrl},
                                   {"OCSP RESPONSE", ShownType::kResponse},
                                   {"OCSP REQUEST", ShownType::kRequest}};

Inputs decode_pem(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kDashes = "-----";
  std::vector<ShownInput> inputs;
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos;) {
    const std::size_t label_start = at + kBegin.size();
    const std::size_t label_end = text.find(kDashes, label_start);
    if (label_end == std::string_view::npos) {
      return Err{std::string("a PEM block begins, but its label does not end")};
    }
    const std::string_view label = text.substr(label_start, label_end - label_start);
    const std::string end_line = "-----END " + std::string(label) + "-----";
    const std::size_t body_start = label_end + kDashes.size();
    const std::size_t body_end = text.find(end_line, body_start);
    if (body_end == std::string_view::npos) {
      return Err{"the PEM block '" + printable(label) + "' does not end: is the file cut off?"};
    }
    const auto known =
        std::find_if(std::begin(kPemLabels), std::end(kPemLabels),
                     [label](const PemLabel& entry) { return entry.label == label; });
    if (known != std::end(kPemLabels)) {
      std::optional<Buffer> der = decode_pem_body(text.substr(body_start, body_end - body_start));
      if (!der) {
        return Err{"the PEM block '" + printable(label) +
                   "' holds no base64: is the file damaged?"};
      }
      inputs.push_back({*std::move(der), known->type});
    }
    at = text.find(kBegin, body_end);
  }
  if (inputs.empty()) {
    return Err{std::string("no certificate, CRL, OCSP request or response among the PEM blocks")};
  }
  return inputs;
}

/// The request inside the URL or path of a GET: behind whichever slash one decodes.
std::optional<Buffer> decode_get(std::string_view text) {
  if (text.starts_with("GET ")) {
    text = text.substr(4);
    text = text.substr(0, text.find(' '));
  }
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    const std::size_t path = text.find('/', scheme + 3);
    text = path == std::string_view::npos ? std::string_view() : text.substr(path);
  }
  if (!text.starts_with('/')) {
    return std::nullopt;
  }
  Buffer der;
  for (std::size_t slash = 0; slash != std::string_view::npos; slash = text.find('/', slash + 1)) {
    if (http::decode_get_tail(text.substr(slash + 1), ocsp::Limits().max_message_bytes, der) &&
        ocsp::parse_request(der)) {
      return der;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ShownType type) {
  switch (type) {
    case ShownType::kRequest:
      return "OCSP request";
    case ShownType::kResponse:
      return "OCSP response";
    case ShownType::kCrl:
      return "CRL";
    case ShownType::kCertificate:
      return "certificate";
  }
  return "";
}

std::string_view json_name(ShownType type) {
  switch (type) {
    case ShownType::kRequest:
      return "ocsp-request";
    case ShownType::kResponse:
      return "ocsp-response";
    case ShownType::kCrl:
      return "crl";
    case ShownType::kCertificate:
      return "certificate";
  }
  return "";
}

Inputs decode_shown_input(Buffer octets) {
  if (octets.empty()) {
    return Err{std::string("the input is empty")};
  }
  if (!is_text(octets)) {
    const std::string_view start =
        as_text(Bytes(octets).first(std::min<std::size_t>(octets.size(), 4096)));
    if (start.find("-----BEGIN ") != std::string_view::npos) {
      return decode_pem(as_text(octets));
    }
    std::vector<ShownInput> inputs;
    inputs.push_back({std::move(octets), std::nullopt});
    return inputs;
  }
  const std::string_view text = trim(as_text(octets));
  if (text.find("-----BEGIN ") != std::string_view::npos) {
    return decode_pem(text);
  }
  std::optional<Buffer> der = decode_get(text);
  if (!der) {
    der = from_hex(without_blanks(text));
  }
  if (!der) {
    der = decode_any_base64(text);
  }
  if (!der || der->empty()) {
    return Err{std::string(
        "text that is neither PEM, hexadecimal, base64 nor the URL of an OCSP GET request")};
  }
  return std::vector<ShownInput>{{*std::move(der), std::nullopt}};
}

}  // namespace muster::app
