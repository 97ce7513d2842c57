#pragma once

#include <vector>

#include "resolve.h"
#include "signing.h"

namespace muster::responder {

/// One certificate asked about.
struct Asked {
  ocsp::CertIdView id;
  SignerRef by;  ///< its issuer, and who signs, as a position in that issuer's list
  Resolved resolved;
};

/// Turns what was resolved into the octets to be signed. Keeps its buffers warm. Threads: one.
class Drafter {
 public:
  /// Valid until the next call.
  /// \param nonce  extnValue to be echoed
  /// \param reader  at the snapshot that resolved `asked`
  const Buffer& draft(const Setup& setup, const std::vector<Asked>& asked,
                      const std::optional<Bytes>& nonce, const store::Reader& reader,
                      UnixSeconds now);

 private:
  /// The response extension number `count`, which is counted up. Its buffers stay warm.
  void add_extension(std::size_t& count, Bytes oid, Bytes value);
  ocsp::ResponseData data_;
  Buffer tbs_;
};

}  // namespace muster::responder
