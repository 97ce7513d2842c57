#include <limits>

#include "muster/base/text.h"
#include "muster/der/pkix.h"

namespace muster {
namespace {

struct HashFacts {
  HashAlgorithm hash;
  std::string_view name;
  std::size_t digest_size;
  Bytes oid;
  Bytes der_with_null;
  Bytes der_without;
};

// AlgorithmIdentifier elements, so that writing one is a copy.
#define MUSTER_SHA2(last) 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last
constexpr std::uint8_t kSha1Null[] = {0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0};
constexpr std::uint8_t kSha1Absent[] = {0x30, 7, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a};
constexpr std::uint8_t kSha256Null[] = {0x30, 13, 6, 9, MUSTER_SHA2(1), 5, 0};
constexpr std::uint8_t kSha256Absent[] = {0x30, 11, 6, 9, MUSTER_SHA2(1)};
constexpr std::uint8_t kSha384Null[] = {0x30, 13, 6, 9, MUSTER_SHA2(2), 5, 0};
constexpr std::uint8_t kSha384Absent[] = {0x30, 11, 6, 9, MUSTER_SHA2(2)};
constexpr std::uint8_t kSha512Null[] = {0x30, 13, 6, 9, MUSTER_SHA2(3), 5, 0};
constexpr std::uint8_t kSha512Absent[] = {0x30, 11, 6, 9, MUSTER_SHA2(3)};
#undef MUSTER_SHA2

// In the order of the enumeration.
constexpr std::array<HashFacts, 4> kHashes = {{
    {HashAlgorithm::kSha1, "sha1", 20, oid::kSha1, kSha1Null, kSha1Absent},
    {HashAlgorithm::kSha256, "sha256", 32, oid::kSha256, kSha256Null, kSha256Absent},
    {HashAlgorithm::kSha384, "sha384", 48, oid::kSha384, kSha384Null, kSha384Absent},
    {HashAlgorithm::kSha512, "sha512", 64, oid::kSha512, kSha512Null, kSha512Absent},
}};
const HashFacts& facts(HashAlgorithm hash) { return kHashes.at(static_cast<std::size_t>(hash)); }

/// Appends one arc in base 128.
void append_arc(Buffer& out, std::uint64_t arc) {
  constexpr int kBitsPerOctet = 7;
  int shift = 0;
  while (shift + kBitsPerOctet < std::numeric_limits<std::uint64_t>::digits &&
         arc >> (shift + kBitsPerOctet) != 0) {
    shift += kBitsPerOctet;
  }
  for (; shift >= 0; shift -= kBitsPerOctet) {
    const auto digit = static_cast<std::uint8_t>(arc >> shift & 0x7fu);
    out.push_back(shift > 0 ? static_cast<std::uint8_t>(digit | 0x80u) : digit);
  }
}

std::optional<std::uint64_t> parse_arc(std::string_view text) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  if (text.empty() || (text.size() > 1 && text[0] == '0')) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) {
      return std::nullopt;
    }
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace

std::string_view to_string(HashAlgorithm hash) { return facts(hash).name; }
std::size_t digest_size(HashAlgorithm hash) { return facts(hash).digest_size; }

namespace der {

DerResult<AlgorithmView> read_algorithm(Reader& in, std::string_view field) {
  const Reader start = in;
  AlgorithmView algorithm;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, field));
  MUSTER_TRY(algorithm.oid, body.read_oid("algorithm"));
  if (!body.at_end()) {
    MUSTER_TRY(const Element parameters, body.read_any("parameters"));
    algorithm.parameters = parameters.raw;
  }
  MUSTER_CHECK(body.finish(field));
  algorithm.raw = in.consumed_since(start);
  return algorithm;
}

std::optional<HashAlgorithm> find_hash(const AlgorithmView& algorithm) {
  constexpr std::uint8_t kNullElement[] = {0x05, 0x00};
  if (algorithm.parameters && !equal(*algorithm.parameters, kNullElement)) {
    return std::nullopt;
  }
  for (const HashFacts& entry : kHashes) {
    if (equal(entry.oid, algorithm.oid)) {
      return entry.hash;
    }
  }
  return std::nullopt;
}

Bytes hash_algorithm_der(HashAlgorithm hash, HashParameters parameters) {
  return parameters == HashParameters::kNull ? facts(hash).der_with_null : facts(hash).der_without;
}

std::string oid_to_string(Bytes oid) {
  const std::string fallback = "[" + to_hex(oid) + "]";
  constexpr std::uint64_t kLastRoot = 2;
  std::string text;
  std::uint64_t arc = 0;
  bool at_start = true;
  for (const std::uint8_t octet : oid) {
    if ((at_start && octet == 0x80) || arc > std::numeric_limits<std::uint64_t>::max() >> 7) {
      return fallback;
    }
    arc = arc << 7 | (octet & 0x7fu);
    at_start = (octet & 0x80u) == 0;
    if (!at_start) {
      continue;
    }
    if (text.empty()) {
      const std::uint64_t root = arc / 40 < kLastRoot ? arc / 40 : kLastRoot;
      text = std::to_string(root);
      arc -= root * 40;
    }
    text += '.';
    text += std::to_string(arc);
    arc = 0;
  }
  return at_start && !oid.empty() ? text : fallback;
}

std::optional<Buffer> oid_from_string(std::string_view dotted) {
  const std::vector<std::string_view> pieces = split(dotted, '.');
  if (pieces.size() < 2) {
    return std::nullopt;
  }
  Buffer out;
  const std::optional<std::uint64_t> root = parse_arc(pieces[0]);
  const std::optional<std::uint64_t> second = parse_arc(pieces[1]);
  if (!root || !second || *root > 2 || (*root < 2 && *second > 39) ||
      *second > std::numeric_limits<std::uint64_t>::max() - 80) {
    return std::nullopt;
  }
  append_arc(out, *root * 40 + *second);
  for (std::size_t i = 2; i < pieces.size(); ++i) {
    const std::optional<std::uint64_t> arc = parse_arc(pieces[i]);
    if (!arc) {
      return std::nullopt;
    }
    append_arc(out, *arc);
  }
  return out;
}

}  // namespace der
}  // namespace muster
