#include "muster/http/response.h"

#include <array>
#include <charconv>

namespace muster::http {
namespace {

void append(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

void append_number(Buffer& out, std::size_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.insert(out.end(), digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

void append_head(Buffer& out, unsigned status, std::string_view content_type,
                 std::string_view extra_headers, std::size_t body_bytes) {
  append(out, "HTTP/1.1 ");
  append_number(out, status);
  append(out, " ");
  append(out, reason_phrase(status));
  append(out, "\r\n");
  if (!content_type.empty()) {
    append(out, "Content-Type: ");
    append(out, content_type);
    append(out, "\r\n");
  }
  if (!is_bodiless(status)) {
    append(out, "Content-Length: ");
    append_number(out, body_bytes);
    append(out, "\r\n");
  }
  append(out, extra_headers);
}

}  // namespace muster::http
