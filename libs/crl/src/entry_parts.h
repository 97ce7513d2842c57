#pragma once

#include "muster/crl/crl.h"

// One revokedCertificates element in two steps: most entries end behind the first.
namespace muster::crl::internal {

struct EntryHead {
  Bytes serial;
  UnixSeconds revocation_date;
  der::Reader rest;  ///< crlEntryExtensions, if there are any
};

/// Reads past the whole element; `rest` is not looked at.
inline der::DerResult<EntryHead> read_entry_head(der::Reader& in) {
  MUSTER_TRY(der::Reader body, in.enter(der::Tag::kSequence, "revokedCertificate"));
  const std::uint32_t offset = body.offset();
  MUSTER_TRY(const Bytes serial, body.read_integer("userCertificate"));
  if (serial.size() > kMaxSerialOctets) {
    return Err{der::DerError{der::DerErrc::kTooLarge, offset, "userCertificate"}};
  }
  MUSTER_TRY(const UnixSeconds date, der::read_time(body, "revocationDate"));
  return EntryHead{serial, date, body};
}

/// The entry with its extensions.
der::DerResult<EntryView> finish_entry(const EntryHead& head);

}  // namespace muster::crl::internal
