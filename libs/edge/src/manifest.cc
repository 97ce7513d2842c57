#include "muster/edge/manifest.h"

#include <algorithm>
#include <charconv>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/pki/own_signature.h"

namespace muster::edge {
namespace {

constexpr std::string_view kMagic = "muster-export 1";
constexpr std::string_view kSignature = "signature ";
constexpr std::string_view kUnsigned = "unsigned";
constexpr std::size_t kMaxBasis = 64;
constexpr std::size_t kMaxRequestText = 2048;
constexpr std::uint64_t kMaxSeconds = 253402300799;  // the year 9999

/// Digits without superfluous zeros.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  const bool is_short = text.size() == 1 || (!text.empty() && text[0] != '0');
  return is_whole && is_short ? std::optional(value) : std::nullopt;
}
std::optional<UnixSeconds> instant(std::string_view text) {
  const auto value = number(text);
  return value && *value <= kMaxSeconds
             ? std::optional(unix_seconds(static_cast<std::int64_t>(*value)))
             : std::nullopt;
}
std::string text_of(UnixSeconds when) { return std::to_string(to_int(when)); }

bool is_status(std::string_view word) {
  return word == "good" || word == "revoked" || word == "unknown";
}
bool is_basis(std::string_view text) {
  return text == "-" || (!text.empty() && text.size() <= kMaxBasis &&
                         text.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

/// Hands out lines, counting.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  /// Nothing: there is none, or it does not end.
  std::optional<std::string_view> next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    ++count_;
    return line;
  }
  /// The value of the next line, which must be "name value".
  std::string_view value(std::string_view name) {
    const auto line = next();
    return line && line->starts_with(name) && line->size() > name.size() &&
                   (*line)[name.size()] == ' '
               ? line->substr(name.size() + 1)
               : std::string_view();
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  [[nodiscard]] Err<std::string> fail(std::string_view what) const {
    return Err{"line " + std::to_string(count_) + ": " + std::string(what)};
  }

 private:
  std::string_view rest_;
  std::size_t count_ = 0;
};

std::optional<std::pair<std::string, ManifestEntry>> entry_of(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 6) {
    return std::nullopt;
  }
  ManifestEntry entry;
  const auto digest = from_hex(words[0]);
  const auto next_update = instant(words[2]);
  const auto due = instant(words[3]);
  const auto request = http::base64_decode(words[5]);
  if (!digest || digest->size() != entry.digest.size() || to_hex(*digest) != words[0] ||
      !is_status(words[1]) || !next_update || !due || !is_basis(words[4]) ||
      words[5].size() > kMaxRequestText || !request || request->empty()) {
    return std::nullopt;
  }
  std::copy(digest->begin(), digest->end(), entry.digest.begin());
  entry.status = words[1];
  entry.next_update = *next_update;
  entry.due = *due;
  entry.basis = words[4];
  return std::pair(std::string(words[5]), std::move(entry));
}

struct Seal {
  Buffer algorithm, signature;
};
/// Nothing: the line is no signature.
std::optional<Seal> seal_of(std::string_view line) {
  if (!line.starts_with(kSignature)) {
    return std::nullopt;
  }
  const auto words = split(line.substr(kSignature.size()), ' ');
  if (words.size() != 2) {
    return std::nullopt;
  }
  auto algorithm = http::base64_decode(words[0]);
  auto signature = http::base64_decode(words[1]);
  return algorithm && signature ? std::optional(Seal{*std::move(algorithm), *std::move(signature)})
                                : std::nullopt;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  std::string out = std::string(kMagic) + "\nnumber " + std::to_string(manifest.number) +
                    "\nmade " + text_of(manifest.made) + "\nuntil " + text_of(manifest.until) +
                    "\nfiles " + std::to_string(manifest.files.size()) + "\n";
  for (const auto& [request, entry] : manifest.files) {
    out += to_hex(entry.digest) + " " + entry.status + " " + text_of(entry.next_update) + " " +
           text_of(entry.due) + " " + entry.basis + " " + request + "\n";
  }
  return out;
}

pki::PkiResult<std::string> seal_manifest(const Manifest& manifest, pki::Signer* signer) {
  std::string text = encode_manifest(manifest);
  if (signer == nullptr) {
    return text + std::string(kUnsigned) + "\n";
  }
  Buffer signature;
  MUSTER_CHECK(signer->sign(as_bytes(text), signature));
  return text + std::string(kSignature) + http::base64_encode(signer->algorithm()) + " " +
         http::base64_encode(signature) + "\n";
}

Result<Manifest, std::string> parse_manifest(std::string_view text) {
  Lines lines(text);
  Manifest out;
  if (lines.next() != kMagic) {
    return lines.fail("is not '" + std::string(kMagic) + "'");
  }
  const auto count_of = [&](std::string_view name) { return number(lines.value(name)); };
  const auto instant_of = [&](std::string_view name) { return instant(lines.value(name)); };
  const auto manifest_number = count_of("number");
  const auto made = instant_of("made");
  const auto until = instant_of("until");
  const auto files = count_of("files");
  if (!manifest_number || !made || !until || !files) {
    return lines.fail("'number', 'made', 'until' and 'files' are expected up to here");
  }
  out.number = *manifest_number;
  out.made = *made;
  out.until = *until;
  for (std::uint64_t i = 0; i < *files; ++i) {
    const auto line = lines.next();
    auto entry = line ? entry_of(*line) : std::nullopt;
    if (!entry) {
      return lines.fail("is no file, or lines are missing");
    }
    if (!out.files.empty() && entry->first <= out.files.rbegin()->first) {
      return lines.fail("is out of order");
    }
    out.files.emplace_hint(out.files.end(), std::move(*entry));
  }
  const auto last = lines.next();
  if (!last || (*last != kUnsigned && !seal_of(*last)) || !lines.at_end()) {
    return lines.fail("the signature is expected, and nothing behind it");
  }
  return out;
}

namespace {

/// A manifest whose last line `verify(algorithm, covered, signature)` agrees to.
template <class Verify>
Result<Manifest, std::string> parse_sealed(std::string_view text, Verify verify) {
  MUSTER_TRY(Manifest manifest, parse_manifest(text));
  const std::size_t at = text.rfind('\n', text.size() - 2) + 1;  // of the last line
  const auto seal = seal_of(text.substr(at, text.size() - at - 1));
  if (!seal) {
    return Err{std::string("it is not signed")};
  }
  der::Reader in(seal->algorithm);
  const auto algorithm = der::read_algorithm(in, "algorithm");
  if (!algorithm || !in.at_end()) {
    return Err{std::string("its signature names no algorithm")};
  }
  const pki::PkiResult<Unit> verified =
      verify(*algorithm, as_bytes(text.substr(0, at)), seal->signature);
  if (!verified) {
    return Err{"its signature: " + verified.error().detail};
  }
  return manifest;
}

}  // namespace

Result<Manifest, std::string> verify_manifest(std::string_view text,
                                              std::span<const pki::Certificate> signers) {
  MUSTER_ASSERT(!signers.empty());
  return parse_sealed(
      text, [signers](const der::AlgorithmView& algorithm, Bytes covered, Bytes signature) {
        auto verified = pki::verify_signature(algorithm, covered, signature, signers.front());
        for (std::size_t i = 1; i < signers.size() && !verified; ++i) {
          verified = pki::verify_signature(algorithm, covered, signature, signers[i]);
        }
        return verified;
      });
}

Result<Manifest, std::string> verify_own_manifest(std::string_view text,
                                                  const pki::PrivateKey& key) {
  return parse_sealed(text,
                      [&key](const der::AlgorithmView& algorithm, Bytes covered, Bytes signature) {
                        return pki::verify_own_signature(algorithm, covered, signature, key);
                      });
}

}  // namespace muster::edge
