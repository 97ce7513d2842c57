#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

// YAML and JSON documents as one bounded tree of what a manifest is made of. Pure.
namespace muster::check {

/// Levels of mappings and sequences inside each other.
inline constexpr std::size_t kMaxManifestDepth = 64;
/// Values of all documents together, each alias counted with all that it repeats: what a reader
/// would walk.
inline constexpr std::size_t kMaxManifestNodes = 500'000;
inline constexpr std::size_t kMaxManifestBytes = std::size_t{16} << 20;
/// Octets of all values, counted in the same way.
inline constexpr std::size_t kMaxManifestText = std::size_t{64} << 20;

/// A scalar as its text (a number, true or null, too), a mapping or a sequence. Immutable once
/// built; aliases share.
struct Node {
  enum class Kind : std::uint8_t { kScalar, kMapping, kSequence };
  using Ref = std::shared_ptr<const Node>;

  Kind kind = Kind::kScalar;
  bool is_null = false;  ///< a scalar: null, ~ or nothing at all, not in quotes
  std::string text;
  std::map<std::string, Ref, std::less<>> members;
  std::vector<Ref> items;
  std::size_t size = 1;    ///< values in it, itself included, aliases counted each time
  std::size_t octets = 0;  ///< of their texts, counted in the same way

  /// Null when there is none, or this is no mapping.
  [[nodiscard]] const Node* find(std::string_view key) const;
  /// The text of the scalar member `key`; empty when there is none.
  [[nodiscard]] std::string_view text_of(std::string_view key) const;
};

/// All documents of YAML or JSON text. What begins with '{' is read as JSON, other text as YAML
/// 1.1. Refused: keys that occur twice in a mapping, keys that are not scalars, aliases without
/// anchor, and what passes the limits above. Merge keys ("<<") are ordinary keys.
/// \return Errors: one sentence with line or offset.   Threads: pure, any.
Result<std::vector<Node::Ref>, std::string> parse_documents(Bytes text);

}  // namespace muster::check
