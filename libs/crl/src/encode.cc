#include "muster/crl/crl.h"

namespace muster::crl {
namespace {

using der::Tag;
using der::Writer;

void write_extensions(Writer& out, const std::vector<der::Extension>& extensions) {
  for (const der::Extension& extension : extensions) {
    der::write_extension(out, extension.oid, extension.critical, extension.value);
  }
}

void write_entry(Writer& out, const Entry& entry) {
  const bool has_reason = entry.reason && *entry.reason != ReasonCode::kUnspecified;
  out.sequence([&] {
    out.integer_octets(entry.serial.octets());
    der::write_time(out, entry.revocation_date);
    if (!has_reason && !entry.invalidity_date && entry.extensions.empty()) {
      return;
    }
    out.sequence([&] {
      if (has_reason) {
        Writer value;
        value.enumerated(static_cast<std::uint8_t>(*entry.reason));
        der::write_extension(out, oid::kCeReasonCode, false, value.bytes());
      }
      if (entry.invalidity_date) {
        Writer value;
        der::write_generalized_time(value, *entry.invalidity_date);
        der::write_extension(out, oid::kCeInvalidityDate, false, value.bytes());
      }
      write_extensions(out, entry.extensions);
    });
  });
}

}  // namespace

Buffer encode_tbs_crl(const Crl& crl) {
  Writer out;
  out.sequence([&] {
    out.integer(1);  // v2
    out.raw(crl.signature_algorithm);
    out.raw(crl.issuer);
    der::write_time(out, crl.this_update);
    if (crl.next_update) {
      der::write_time(out, *crl.next_update);
    }
    if (!crl.entries.empty()) {
      out.sequence([&] {
        for (const Entry& entry : crl.entries) {
          write_entry(out, entry);
        }
      });
    }
    if (!crl.extensions.empty()) {
      out.element(der::context_constructed(0),
                  [&] { out.sequence([&] { write_extensions(out, crl.extensions); }); });
    }
  });
  return out.take();
}

Buffer encode_crl(Bytes tbs, Bytes signature_algorithm, Bytes signature) {
  Writer out;
  out.sequence([&] {
    out.raw(tbs);
    out.raw(signature_algorithm);
    out.octet_bits(signature);
  });
  return out.take();
}

}  // namespace muster::crl
