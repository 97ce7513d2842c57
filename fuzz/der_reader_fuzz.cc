#include "fuzz.h"
#include "muster/der/der.h"

// Whatever the reader takes apart as DER, the writer puts together again to the same octets.
namespace {

using namespace muster;

constexpr int kMaxDepth = 40;

/// Whether `in` is wholly made of elements; writes them to `out`.
bool copy_elements(der::Reader in, der::Writer& out, int depth) {
  while (!in.at_end()) {
    const der::Reader start = in;
    const auto element = in.read_any("element");
    if (!element) {
      MUSTER_ASSERT(in.offset() == start.offset());
      MUSTER_ASSERT(element.error().offset >= start.offset());
      MUSTER_ASSERT(element.error().offset <= start.offset() + start.rest().size());
      MUSTER_ASSERT(!to_string(element.error()).empty());
      return false;
    }
    MUSTER_ASSERT(equal(in.consumed_since(start), element->raw));
    MUSTER_ASSERT(in.offset() - start.offset() == element->raw.size());
    const bool is_constructed = (static_cast<unsigned>(element->tag) & 0x20u) != 0;
    if (!is_constructed || depth == kMaxDepth) {
      out.element(element->tag, element->content);
      continue;
    }
    der::Reader inner = start;
    const auto entered = inner.enter(element->tag, "constructed");
    MUSTER_ASSERT(entered && equal(entered->rest(), element->content));
    bool whole = false;
    out.element(element->tag, [&] { whole = copy_elements(*entered, out, depth + 1); });
    if (!whole) {
      return false;
    }
  }
  return true;
}

/// The typed readers agree with each other about one element.
void read_typed(Bytes octets) {
  const auto from_start = [octets](auto&& read) {
    der::Reader in(octets);
    return read(in);
  };
  if (const auto truth = from_start([](auto& in) { return in.read_boolean("x"); })) {
    der::Writer out;
    out.boolean(*truth == der::Truth::kTrue);
    MUSTER_ASSERT(equal(Bytes(octets).first(out.bytes().size()), out.bytes()));
  }
  const auto integer = from_start([](auto& in) { return in.read_integer("x"); });
  const auto number = from_start([](auto& in) { return in.read_unsigned("x", INT64_MAX); });
  MUSTER_ASSERT(integer || !number);
  if (integer) {
    der::Writer out;
    out.integer_octets(*integer);
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
  if (number) {
    der::Writer out;
    out.integer(static_cast<std::int64_t>(*number));
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
  static_cast<void>(from_start([](auto& in) { return in.read_oid("x"); }));
  static_cast<void>(from_start([](auto& in) { return in.read_null("x"); }));
  if (const auto bits = from_start([](auto& in) { return in.read_octet_bits("x"); })) {
    der::Writer out;
    out.octet_bits(*bits);
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  der::Writer out;
  if (copy_elements(der::Reader(octets), out, 0)) {
    MUSTER_ASSERT(equal(out.bytes(), octets));
  }
  read_typed(octets);
  // The lenient reader takes what the strict one takes, to the same content.
  der::Reader strict(octets);
  der::Reader lenient(octets);
  lenient.set_lengths(der::Lengths::kAnyDefinite);
  const auto a = strict.read_any("x");
  const auto b = lenient.read_any("x");
  MUSTER_ASSERT(b || !a);
  MUSTER_ASSERT(!a || equal(a->content, b->content));
  return 0;
}
