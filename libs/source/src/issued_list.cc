#include "muster/source/issued_list.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/source/index_txt.h"

namespace muster::source {
namespace {

bool is_separator(char c) { return c == ' ' || c == '\t' || c == ',' || c == ';'; }

struct IssuedRecord {
  Serial serial;
  std::optional<UnixSeconds> expires;
};

Result<IssuedRecord, IssuedErrc> parse_line(std::string_view line) {
  if (std::any_of(line.begin(), line.end(),
                  [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; })) {
    return Err{IssuedErrc::kBadOctet};
  }
  const auto end = std::find_if(line.begin(), line.end(), is_separator);
  const auto serial = Serial::from_hex({line.begin(), end});
  if (!serial) {
    return Err{IssuedErrc::kBadSerial};
  }
  const auto rest = std::find_if_not(end, line.end(), is_separator);
  const std::string_view expiry(rest, line.end());
  IssuedRecord record{*serial, std::nullopt};
  if (expiry.empty()) {
    return record;
  }
  record.expires = parse_index_time(expiry);
  if (!record.expires && expiry.front() != '@') {
    record.expires = parse_iso8601(expiry);
  }
  if (!record.expires) {
    const bool more = std::any_of(expiry.begin(), expiry.end(), is_separator);
    return Err{more ? IssuedErrc::kFieldCount : IssuedErrc::kBadExpiry};
  }
  return record;
}

/// Without its end of line and what stands around it.
std::string_view tidy(std::string_view line) { return trim(line.substr(0, line.find('#'))); }

bool looks_like_index(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!tidy(line).empty()) {
      return std::count(line.begin(), line.end(), '\t') >= 5;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

Result<std::size_t, IssuedError> read_index(
    std::string_view text,
    const std::function<bool(const Serial&, std::optional<UnixSeconds>)>& visit) {
  std::size_t records = 0;
  IndexParser parser([&](const IndexRecord& record, std::size_t) {
    ++records;
    return visit(record.serial, record.status.expires);
  });
  auto read = parser.feed(text);
  if (read) {
    read = parser.finish();
  }
  if (!read) {
    return Err{IssuedError{
        read.error().code == IndexErrc::kNoNewline ? IssuedErrc::kNoNewline : IssuedErrc::kBadIndex,
        read.error().line}};
  }
  return records;
}

}  // namespace

std::string_view to_string(IssuedErrc code) {
  switch (code) {
    case IssuedErrc::kBadSerial:
      return "no serial in hexadecimal, such as 4A19C2";
    case IssuedErrc::kBadExpiry:
      return "the expiry is no time such as 2027-01-31T00:00:00Z or 270131000000Z";
    case IssuedErrc::kFieldCount:
      return "more than a serial and an expiry";
    case IssuedErrc::kBadOctet:
      return "a control character: half-written, or not a text file";
    case IssuedErrc::kLineTooLong:
      return "a line is too long: not a list of serials";
    case IssuedErrc::kNoNewline:
      return "the last line does not end: half-written";
    case IssuedErrc::kBadIndex:
      return "not a line of index.txt, as the file's first one is";
  }
  return "unknown problem";
}

Result<std::size_t, IssuedError> read_issued_list(
    std::string_view text,
    const std::function<bool(const Serial&, std::optional<UnixSeconds>)>& visit) {
  if (looks_like_index(text)) {
    return read_index(text, visit);
  }
  std::size_t records = 0;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (std::min(end, text.size()) > kMaxIssuedLineOctets) {
      return Err{IssuedError{IssuedErrc::kLineTooLong, number}};
    }
    if (end == std::string_view::npos) {
      return Err{IssuedError{IssuedErrc::kNoNewline, number}};
    }
    const std::string_view line = tidy(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (line.empty()) {
      continue;
    }
    const auto record = parse_line(line);
    if (!record) {
      return Err{IssuedError{record.error(), number}};
    }
    ++records;
    if (!visit(record->serial, record->expires)) {
      break;
    }
  }
  return records;
}

}  // namespace muster::source
