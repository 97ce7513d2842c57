#include "muster/crl/encode.h"

#include <algorithm>

namespace muster::crl {
namespace {

using der::Tag;
using der::Writer;

constexpr std::size_t kMostHeaderBytes = 6;

/// Identifier and length of an element whose content stands elsewhere.
Buffer header_of(Tag tag, std::size_t content_bytes) {
  constexpr std::size_t kMostBytes = 0xffffffff;  // four length octets: what der::Reader reads
  MUSTER_ASSERT(content_bytes <= kMostBytes);
  Buffer out;
  out.reserve(kMostHeaderBytes);
  out.push_back(static_cast<std::uint8_t>(tag));
  if (content_bytes < 0x80) {
    out.push_back(static_cast<std::uint8_t>(content_bytes));
    return out;
  }
  unsigned octets = 1;
  while (octets < 4 && content_bytes >> 8 * octets != 0) {
    ++octets;
  }
  out.push_back(static_cast<std::uint8_t>(0x80u | octets));
  while (octets-- > 0) {
    out.push_back(static_cast<std::uint8_t>(content_bytes >> 8 * octets));
  }
  return out;
}

Buffer time_value(UnixSeconds t) {
  Writer value;
  der::write_generalized_time(value, t);
  return value.take();
}

/// CertificateIssuer ::= GeneralNames with one directoryName, RFC 5280 section 5.3.3
Buffer certificate_issuer_value(Bytes name) {
  Writer value;
  value.sequence([&] { value.element(kGeneralNameDirectory, [&] { value.raw(name); }); });
  return value.take();
}

void write_entry(Writer& out, const EntryFields& entry) {
  const bool has_reason = entry.reason && *entry.reason != ReasonCode::kUnspecified;
  out.sequence([&] {
    out.integer_octets(entry.serial);
    der::write_time(out, entry.revocation_date);
    if (!has_reason && !entry.invalidity_date && entry.certificate_issuer.empty() &&
        entry.extensions.empty()) {
      return;
    }
    out.sequence([&] {
      if (has_reason) {
        const std::array<std::uint8_t, 3> value = {static_cast<std::uint8_t>(Tag::kEnumerated), 1,
                                                   static_cast<std::uint8_t>(*entry.reason)};
        der::write_extension(out, oid::kCeReasonCode, false, value);
      }
      if (entry.invalidity_date) {
        der::write_extension(out, oid::kCeInvalidityDate, false,
                             time_value(*entry.invalidity_date));
      }
      if (!entry.certificate_issuer.empty()) {
        der::write_extension(out, oid::kCeCertificateIssuer, true,
                             certificate_issuer_value(entry.certificate_issuer));
      }
      for (const der::Extension& extension : entry.extensions) {
        der::write_extension(out, extension.oid, extension.critical, extension.value);
      }
    });
  });
}

}  // namespace

CrlEncoder::CrlEncoder(const Head& head, std::size_t expected_bytes)
    : signature_algorithm_(to_buffer(head.signature_algorithm)) {
  Writer fields;
  fields.integer(1);  // v2
  fields.raw(head.signature_algorithm);
  fields.raw(head.issuer);
  der::write_time(fields, head.this_update);
  if (head.next_update) {
    der::write_time(fields, *head.next_update);
  }
  fields_ = fields.take();
  room_ = fields_.size() +
          3 * kMostHeaderBytes;  // of CertificateList, tbsCertList, revokedCertificates
  constexpr std::size_t kBehindEntries = 16 * 1024;  // extensions and signature
  octets_.reserve(room_ + expected_bytes + kBehindEntries);
  octets_.resize(room_);
}

void CrlEncoder::add(const EntryFields& entry) {
  Writer out(std::move(scratch_));
  write_entry(out, entry);
  octets_.insert(octets_.end(), out.bytes().begin(), out.bytes().end());
  scratch_ = out.take();
  ++entry_count_;
}

void CrlEncoder::put_in_front(Bytes octets) {
  begin_ -= octets.size();
  std::copy(octets.begin(), octets.end(), octets_.begin() + static_cast<std::ptrdiff_t>(begin_));
}

Bytes CrlEncoder::finish_tbs(std::span<const der::Extension> extensions) {
  MUSTER_ASSERT(begin_ == 0);
  begin_ = room_;
  if (entry_count_ != 0) {
    put_in_front(header_of(Tag::kSequence, octets_.size() - room_));
  }
  if (!extensions.empty()) {
    Writer out;
    out.element(der::context_constructed(0), [&] {
      out.sequence([&] {
        for (const der::Extension& extension : extensions) {
          der::write_extension(out, extension.oid, extension.critical, extension.value);
        }
      });
    });
    octets_.insert(octets_.end(), out.bytes().begin(), out.bytes().end());
  }
  put_in_front(fields_);
  put_in_front(header_of(Tag::kSequence, octets_.size() - begin_));
  return from_begin();
}

Bytes CrlEncoder::finish(Bytes signature) {
  MUSTER_ASSERT(begin_ != 0);
  Writer tail;
  tail.raw(signature_algorithm_);
  tail.octet_bits(signature);
  octets_.insert(octets_.end(), tail.bytes().begin(), tail.bytes().end());
  put_in_front(header_of(Tag::kSequence, octets_.size() - begin_));
  return from_begin();
}

Buffer encode_tbs_crl(const Crl& crl) {
  CrlEncoder out({crl.issuer, crl.signature_algorithm, crl.this_update, crl.next_update});
  for (const Entry& entry : crl.entries) {
    out.add({entry.serial.octets(),
             entry.revocation_date,
             entry.reason,
             entry.invalidity_date,
             {},
             entry.extensions});
  }
  return to_buffer(out.finish_tbs(crl.extensions));
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
