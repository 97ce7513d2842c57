#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "muster/base/mapped_file.h"
#include "muster/crl/entry_index.h"
#include "muster/pki/verified_crl.h"

namespace muster::client {

/// One CRL that many checks look into: read once, each signature verified once, whoever asks first.
/// Threads: const methods from any.
class CrlDocument {
 public:
  /// DER in memory.
  explicit CrlDocument(Buffer der, const crl::Limits& limits = {});
  /// DER in a file, `offset` octets behind its beginning; none beyond its end.
  explicit CrlDocument(MappedFile file, std::size_t offset = 0, const crl::Limits& limits = {});
  /// Octets that outlive it.
  static std::shared_ptr<const CrlDocument> of_view(Bytes der, const crl::Limits& limits);
  CrlDocument(const CrlDocument&) = delete;
  CrlDocument& operator=(const CrlDocument&) = delete;

  [[nodiscard]] Bytes der() const { return der_; }
  /// Parsed when first asked for. A large one is hashed meanwhile by a thread of its own, and its
  /// serials are listed: whoever has it parsed wants to have it verified and to look into it.
  [[nodiscard]] const der::DerResult<crl::CrlView>& view() const;
  /// As pki::verify_crl under this one certificate. Precondition: view().
  [[nodiscard]] Result<pki::VerifiedCrl, pki::CrlError> verify(
      const pki::Certificate& signer, const pki::AlgorithmPolicy& policy) const;
  /// As crl::find_entry; of a large one by a list of its serials, and of one that is asked often by
  /// an index. Precondition: view().
  [[nodiscard]] std::optional<crl::EntryView> find(Bytes serial, Bytes certificate_issuer) const;

  /// Octets from which on a CRL is large.
  static constexpr std::size_t kLargeFrom = std::size_t{1} << 20;
  /// Look-ups before an index is worth its making; of a large one.
  static constexpr unsigned kIndexedFrom = 8, kLargeIndexedFrom = 128;
  /// Signers whose verification is remembered at most.
  static constexpr std::size_t kMaxSigners = 64;

 private:
  struct View {};
  CrlDocument(View, Bytes der, const crl::Limits& limits) : der_(der), limits_(limits) {}
  /// Fingerprint of the signer, and what the policy allows.
  using Question = std::pair<std::array<std::uint8_t, 32>, std::array<unsigned, 3>>;
  void parse() const;

  const Buffer octets_;
  const MappedFile file_;
  const Bytes der_;
  const crl::Limits limits_;
  mutable std::once_flag parsed_;
  mutable std::optional<der::DerResult<crl::CrlView>> view_;
  mutable std::mutex mutex_;
  mutable std::map<Question, Result<pki::VerifiedCrl, pki::CrlError>> verified_;  // by mutex_
  mutable std::atomic<unsigned> looked_up_{0};
  mutable std::optional<crl::SerialList> serials_;  // by parsed_: of a large one
  mutable std::once_flag indexed_;
  mutable std::optional<crl::EntryIndex> index_;
  mutable std::optional<pki::TbsDigest> digest_;  // by hashing_ until it has ended, then by mutex_
  mutable std::jthread hashing_;                  // by mutex_; last: uses the rest
};

/// One that the user gave, under the name he gave it.
struct NamedCrl {
  NamedCrl(std::string file, Buffer der)
      : name(std::move(file)), document(std::make_shared<CrlDocument>(std::move(der))) {}
  NamedCrl(std::string file, std::shared_ptr<const CrlDocument> crl)
      : name(std::move(file)), document(std::move(crl)) {}
  std::string name;  ///< file or URL, for reports
  std::shared_ptr<const CrlDocument> document;
};

/// All CRLs of a file (DER, which is mapped rather than read when it is large, or PEM; "-" is
/// standard input), or of the files of a directory in the order of their names, not of those below
/// it. Each parses, and there is one at least. Of a directory only what is evidently no CRL is
/// passed over: other content under another name than *.crl or *.r0 (an empty *.der or *.pem is
/// what a full disk leaves of a CRL, and refused), what begins with a dot and is no CRL or cannot
/// be read (others write such names while they copy), directories, sockets, devices. Errors:
/// kUnreadable, kNotACrl (damaged, or none), for any file of a directory too; the detail names the
/// file.
pki::PkiResult<std::vector<NamedCrl>> load_crls(const std::string& path);

}  // namespace muster::client
