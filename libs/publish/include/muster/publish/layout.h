#pragma once

#include <string>
#include <vector>

#include "muster/crl/encode.h"
#include "muster/pki/certificate.h"
#include "muster/publish/terms.h"

// Which certificate is on which CRL.
namespace muster::publish {

/// One CRL, and where it goes.
struct Partition {
  std::string name;  ///< for people and assignment files: "0", "users"...
  std::vector<std::string>
      uris;  ///< as the certificates in scope spell them; empty: no distribution point name
  crl::Scope::Only only = crl::Scope::Only::kAll;
  std::vector<std::string> delta_uris;  ///< for the freshest-CRL pointer; empty: none
  std::string out;                      ///< file of the complete CRL
  std::string delta_out;                ///< file of the delta CRL; empty: none is made
};

/// Assigns each serial to a partition, the same one for ever. Threads: immutable, any.
class Assignment {
 public:
  /// Everything in one partition.
  Assignment() = default;
  /// Partition = first 8 octets of SHA-256 over the serial's INTEGER content, as a big-endian
  /// number, modulo `partitions`.
  static Assignment by_hash(std::size_t partitions);
  /// By number: partition i begins with serial `begins[i]`; the first must be 0, and each larger
  /// than the one before. Negative serials are below all: partition 0. Errors: kTerms.
  static PublishResult<Assignment> by_range(const std::vector<Serial>& begins);
  /// By a list: lines "SERIAL PARTITION" (hexadecimal, name), '#' and empty lines skipped.
  /// \param rest  name of the partition for serials not listed; empty: they are in none, and
  /// publication refuses Errors: kTerms (a line that is none, an unknown partition, a serial listed
  /// twice with different ones).
  static PublishResult<Assignment> listed(std::string_view text, std::string_view file,
                                          const std::vector<Partition>& partitions,
                                          std::string_view rest);

  /// Nothing: no partition covers it.
  [[nodiscard]] std::optional<std::size_t> partition_of(const Serial& serial) const;
  [[nodiscard]] std::size_t partitions() const { return partitions_; }

 private:
  enum class Kind : std::uint8_t { kWhole, kHash, kRange, kList };
  [[nodiscard]] std::optional<std::size_t> find_listed(Bytes serial) const;

  Kind kind_ = Kind::kWhole;
  std::size_t partitions_ = 1;
  std::vector<Serial> begins_;
  Buffer serials_;  // kList: octets of all serials, one behind the other
  struct Listed {
    std::uint32_t offset;
    std::uint16_t size;
    std::uint16_t partition;
  };
  std::vector<Listed> list_;  // sorted by serial
  std::optional<std::size_t> rest_;
};

/// Most partitions of one issuer.
inline constexpr std::size_t kMaxPartitions = 10'000;

/// Whether the partitions can be told apart by the certificates in them. Errors: kTerms.
PublishResult<Unit> check_partitions(const std::vector<Partition>& partitions,
                                     const Assignment& assignment);
/// Whether a certificate names, octet by octet, the distribution point of the partition it is in
/// (OCSP-CRL-044). Errors: kTerms, kUncovered.
PublishResult<Unit> check_sample(const pki::Certificate& sample,
                                 const std::vector<Partition>& partitions,
                                 const Assignment& assignment);

}  // namespace muster::publish
