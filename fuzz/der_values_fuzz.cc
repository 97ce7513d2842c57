#include "fuzz.h"
#include "muster/der/pkix.h"

// What messages share: algorithms, extensions, times, names, serials.
namespace {

using namespace muster;

void check_text(const std::string& text) {
  for (const char c : text) {
    MUSTER_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
}

template <class Read>
auto read_from_start(Bytes octets, Read&& read) {
  der::Reader in(octets);
  return read(in);
}

void check_times(Bytes octets) {
  const auto general =
      read_from_start(octets, [](auto& in) { return der::read_generalized_time(in, "t"); });
  const auto either = read_from_start(octets, [](auto& in) { return der::read_time(in, "t"); });
  if (general) {
    der::Writer out;
    der::write_generalized_time(out, *general);
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
    MUSTER_ASSERT(either && *either == *general);
  } else if (either) {
    der::Writer out;
    der::write_time(out, *either);
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
}

void check_extensions(Bytes octets) {
  for (const der::EmptyAllowed empty : {der::EmptyAllowed::kNo, der::EmptyAllowed::kYes}) {
    const auto list =
        read_from_start(octets, [empty](auto& in) { return der::read_extensions(in, empty, "x"); });
    if (!list) {
      continue;
    }
    MUSTER_ASSERT(list->size() <= der::kMaxExtensions);
    der::Writer out;
    std::size_t count = 0;
    out.sequence([&] {
      for (const der::ExtensionView& extension : *list) {
        der::write_extension(out, extension.oid, extension.critical, extension.value);
        check_text(der::oid_to_string(extension.oid));
        const auto found = der::find_extension(*list, extension.oid);
        MUSTER_ASSERT(found && equal(found->raw, extension.raw));
        ++count;
      }
    });
    MUSTER_ASSERT(count == list->size());
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
}

void check_names(Bytes octets) {
  check_text(der::name_to_string(octets));
  const auto name = read_from_start(octets, [](auto& in) { return der::read_name(in, "n"); });
  if (name) {
    MUSTER_ASSERT(equal(octets.first(name->size()), *name));
    MUSTER_ASSERT(der::name_to_string(*name) != "[" + to_hex(*name) + "]");
  }
  static_cast<void>(
      read_from_start(octets, [](auto& in) { return der::read_general_name(in, "n"); }));
  const auto access =
      read_from_start(octets, [](auto& in) { return der::read_access_descriptions(in, "n"); });
  if (access) {
    der::Writer out;
    out.sequence([&] {
      for (const der::AccessDescriptionView& description : *access) {
        out.sequence([&] {
          out.oid(description.method);
          out.raw(description.location.raw);
        });
      }
    });
    MUSTER_ASSERT(equal(octets.first(out.bytes().size()), out.bytes()));
  }
}

void check_algorithm(Bytes octets) {
  const auto algorithm =
      read_from_start(octets, [](auto& in) { return der::read_algorithm(in, "a"); });
  if (!algorithm) {
    return;
  }
  MUSTER_ASSERT(equal(octets.first(algorithm->raw.size()), algorithm->raw));
  if (const auto hash = der::find_hash(*algorithm)) {
    const auto parameters =
        algorithm->parameters ? der::HashParameters::kNull : der::HashParameters::kAbsent;
    MUSTER_ASSERT(equal(der::hash_algorithm_der(*hash, parameters), algorithm->raw));
  }
}

void check_serial(Bytes octets) {
  const auto content = read_from_start(octets, [](auto& in) { return in.read_integer("serial"); });
  if (!content) {
    return;
  }
  const auto serial = Serial::make(*content);
  MUSTER_ASSERT(static_cast<bool>(serial) == (content->size() <= kMaxSerialOctets));
  if (serial) {
    MUSTER_ASSERT(equal(serial->octets(), *content));
    const auto again = Serial::from_hex(serial->to_hex());
    MUSTER_ASSERT(again && *again == *serial);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  check_times(octets);
  check_extensions(octets);
  check_names(octets);
  check_algorithm(octets);
  check_serial(octets);
  return 0;
}
