#include "muster/der/pkix.h"

namespace muster::der {
namespace {

/// Whether an element before `end` has the OID `oid`; quadratic over at most kMaxExtensions,
/// without memory.
bool is_among(Reader earlier, std::uint32_t end, Bytes oid) {
  while (earlier.offset() < end) {
    const auto extension = read_extension(earlier);
    MUSTER_ASSERT(extension);  // read once already
    if (equal(extension->oid, oid)) {
      return true;
    }
  }
  return false;
}

}  // namespace

DerResult<ExtensionView> read_extension(Reader& in) {
  const Reader start = in;
  ExtensionView extension;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "extension"));
  MUSTER_TRY(extension.oid, body.read_oid("extnID"));
  if (body.next_is(Tag::kBoolean)) {
    const std::uint32_t offset = body.offset();
    MUSTER_TRY(const Truth critical, body.read_boolean("critical"));
    if (critical == Truth::kFalse) {  // DER omits a value that is the DEFAULT (X.690 section 11.5)
      return Err{DerError{DerErrc::kBadValue, offset, "critical"}};
    }
    extension.critical = true;
  }
  MUSTER_TRY(extension.value, body.read(Tag::kOctetString, "extnValue"));
  MUSTER_CHECK(body.finish("extension"));
  extension.raw = in.consumed_since(start);
  return extension;
}

DerResult<ExtensionsView> read_extensions(Reader& in, EmptyAllowed empty, std::string_view field) {
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const Reader list, in.enter(Tag::kSequence, field));
  if (list.at_end() && empty == EmptyAllowed::kNo) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  std::size_t count = 0;
  for (Reader rest = list; !rest.at_end(); ++count) {
    const std::uint32_t offset = rest.offset();
    if (count == kMaxExtensions) {
      return Err{DerError{DerErrc::kTooLarge, offset, field}};
    }
    MUSTER_TRY(const ExtensionView extension, read_extension(rest));
    if (is_among(list, offset, extension.oid)) {
      return Err{DerError{DerErrc::kInconsistent, offset, field}};
    }
  }
  return ExtensionsView(list.rest(), list.offset(), count);
}

std::optional<ExtensionView> find_extension(const ExtensionsView& list, Bytes oid) {
  for (const ExtensionView& extension : list) {
    if (equal(extension.oid, oid)) {
      return extension;
    }
  }
  return std::nullopt;
}

void write_extension(Writer& out, Bytes oid, bool critical, Bytes value) {
  out.sequence([&] {
    out.oid(oid);
    if (critical) {
      out.boolean(true);
    }
    out.octet_string(value);
  });
}

}  // namespace muster::der
