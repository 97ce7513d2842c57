#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "muster/base/result.h"

// As much XML as the beginning of an XMPP stream needs: tags one after another, with namespaces.
// What RFC 6120 section 11.1 forbids (comments, document types, CDATA, processing instructions) is
// malformed. Text is passed over; references in it are not resolved.
namespace muster::probe {

struct XmlTag {
  enum class Kind : std::uint8_t { kOpen, kClose, kEmpty, kDeclaration };
  Kind kind = Kind::kOpen;
  std::string_view name;                                                    ///< with its prefix
  std::vector<std::pair<std::string_view, std::string_view>> attributes{};  ///< values as written
  std::size_t size = 0;                                                     ///< octets of the tag
};

enum class XmlErrc : std::uint8_t { kIncomplete, kMalformed };
/// The tag at the beginning of `from`, which begins with '<'. Lifetime: the octets of `from`.
Result<XmlTag, XmlErrc> read_xml_tag(std::string_view from);

/// A name with its namespace resolved.
struct XmlName {
  std::string space;
  std::string local;
  friend bool operator==(const XmlName&, const XmlName&) = default;
};

/// The elements that are open, and what their prefixes mean. Bounded in depth.
class XmlScope {
 public:
  static constexpr std::size_t kMaxDepth = 16;
  /// Errors: kMalformed (a prefix that means nothing, too deep).
  Result<XmlName, XmlErrc> open(const XmlTag& tag);
  /// Of the innermost; its qualified name is compared when `name` is given.
  Result<XmlName, XmlErrc> close(std::optional<std::string_view> name);
  [[nodiscard]] std::size_t depth() const { return open_.size(); }

 private:
  struct Open {
    std::string qualified;
    XmlName name;
    std::vector<std::pair<std::string, std::string>> prefixes;
  };
  [[nodiscard]] const std::string* meaning_of(std::string_view prefix) const;

  std::vector<Open> open_;
};

}  // namespace muster::probe
