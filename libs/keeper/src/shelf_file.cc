#include "muster/keeper/shelf_file.h"

#include <charconv>

#include "muster/base/text.h"

namespace muster::keeper {
namespace {

constexpr std::string_view kMagic = "muster-shelf 1";
constexpr std::string_view kPinMagic = "muster-pin 1";

/// Takes one line "key value" off `rest`; nothing when it is another one or not ended.
std::optional<std::string_view> take_line(std::string_view& rest, std::string_view key) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || end < key.size() || rest.substr(0, key.size()) != key) {
    return std::nullopt;
  }
  const std::string_view value = rest.substr(key.size(), end - key.size());
  rest.remove_prefix(end + 1);
  return value;
}

/// A line with a number of at least zero; -1 when it is not one.
std::int64_t take_number(std::string_view& rest, std::string_view key) {
  const std::string_view text = take_line(rest, key).value_or("");
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

}  // namespace

std::string shelf_file_name(const Fingerprint& certificate) {
  return to_hex(certificate) + ".staple";
}

Buffer encode_shelf_file(const Fingerprint& certificate, UnixSeconds obtained,
                         std::string_view source, Bytes response) {
  std::string head(kMagic);
  head += "\ncertificate " + to_hex(certificate);
  head += "\nobtained " + std::to_string(to_int(obtained));
  head += "\nsource " + printable(source.substr(0, kMaxSourceBytes));
  head += "\nsha256 " + to_hex(pki::digest(HashAlgorithm::kSha256, response));
  head += "\nlength " + std::to_string(response.size()) + "\n\n";
  Buffer out = to_buffer(as_bytes(head));
  out.insert(out.end(), response.begin(), response.end());
  return out;
}

std::string pin_file_name(const Fingerprint& certificate) { return to_hex(certificate) + ".pin"; }

Buffer encode_pin_file(UnixSeconds until, Bytes shelf_file) {
  const std::string head =
      std::string(kPinMagic) + "\nuntil " + std::to_string(to_int(until)) + '\n';
  Buffer out = to_buffer(as_bytes(head));
  out.insert(out.end(), shelf_file.begin(), shelf_file.end());
  return out;
}

Result<PinFile, std::string> parse_pin_file(Bytes content) {
  std::string_view rest = as_text(content);
  const auto magic = take_line(rest, kPinMagic);
  const std::int64_t until = magic && magic->empty() ? take_number(rest, "until ") : -1;
  if (until < 0) {
    return Err{std::string("not a pinned response of this version")};
  }
  MUSTER_TRY(ShelfFile file, parse_shelf_file(as_bytes(rest)));
  return PinFile{unix_seconds(until), std::move(file)};
}

Result<ShelfFile, std::string> parse_shelf_file(Bytes content) {
  const auto damaged = [](const char* what) { return Err{std::string("damaged: ") + what}; };
  std::string_view rest = as_text(content);
  const auto magic = take_line(rest, kMagic);
  if (!magic || !magic->empty()) {
    return Err{std::string("not a shelf file of this version")};
  }
  const auto certificate = take_line(rest, "certificate ");
  const auto fingerprint = certificate ? from_hex(*certificate) : std::nullopt;
  if (!fingerprint || fingerprint->size() != 32) {
    return damaged("no certificate line");
  }
  const std::int64_t obtained = take_number(rest, "obtained ");
  const auto source = take_line(rest, "source ");
  const auto digest_text = take_line(rest, "sha256 ");
  const auto digest = digest_text ? from_hex(*digest_text) : std::nullopt;
  const std::int64_t length = take_number(rest, "length ");
  if (obtained < 0 || !source || !digest || length < 0 || !take_line(rest, "")) {
    return damaged("a header line is missing or wrong");
  }
  const Bytes response = as_bytes(rest);
  if (static_cast<std::uint64_t>(length) != response.size()) {
    return damaged("cut short or grown");
  }
  if (!equal(pki::digest(HashAlgorithm::kSha256, response), *digest)) {
    return damaged("octets changed");
  }
  ShelfFile file{{}, unix_seconds(obtained), std::string(*source), to_buffer(response)};
  std::copy(fingerprint->begin(), fingerprint->end(), file.certificate.begin());
  return file;
}

}  // namespace muster::keeper
