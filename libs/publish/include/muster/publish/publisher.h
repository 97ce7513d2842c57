#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/pki/keys.h"
#include "muster/publish/layout.h"
#include "muster/publish/plan.h"
#include "muster/store/statement.h"

// Makes CRLs from the store that OCSP answers come from, checks them, and puts them where they are
// served.
namespace muster::publish {

/// A CA whose certificates are on the CRL.
struct Subject {
  pki::Certificate ca;
  store::IssuerId id{};
  /// As the responder answers.
  store::StatementRules states{};
  /// Records that nobody confirmed for longer are not signed again. Absent: the store is written
  /// directly.
  std::optional<Seconds> oldest_source{};
};

/// How published files are written. Over HTTP CRLs are DER always (RFC 5280 section 4.2.1.13).
enum class FileFormat : std::uint8_t { kDer, kPem };

/// What becomes of revocations that were published and are not in the store any more, holds apart.
enum class Withdrawals : std::uint8_t {
  kRefused,   ///< nothing is published, unless the records come from CRLs of another program
  kAccepted,  ///< they leave the CRLs, with a warning
};

/// One series of CRLs: complete CRLs and their deltas under one sequence of numbers.
struct Spec {
  std::string label;              ///< for people
  std::vector<Subject> subjects;  ///< one, or several under an indirect CRL issuer
  pki::Certificate signer;        ///< the CA's certificate, or that of a CRL issuer
  pki::PrivateKey key;
  pki::SignatureScheme scheme = pki::SignatureScheme::kAuto;
  Terms terms;
  std::vector<Partition> partitions;
  Assignment assignment;
  std::vector<pki::Certificate>
      samples;                  ///< certificates whose distribution points must fit (check_sample)
  std::string state_directory;  ///< numbers and the CRLs published last; one for each series
  std::optional<crl::Number> first_number{};  ///< where there is no state yet
  Withdrawals withdrawals = Withdrawals::kRefused;
  FileFormat format = FileFormat::kDer;
  /// Called at each step of a publication; tests stop the process there.
  std::function<void(std::string_view step)> checkpoint_for_test{};

  /// Whether the signer is another than the CA itself: other name, or several CAs.
  [[nodiscard]] bool is_indirect() const;
  [[nodiscard]] bool has_deltas() const {
    return !partitions.empty() && !partitions.front().delta_out.empty();
  }
};
/// Everything that can be judged before the first publication: terms, partitions, samples, the
/// signer's certificate and key. Appends what an operator should know to `warnings`. Errors:
/// kTerms, kSigner, kUncovered.
PublishResult<Unit> check_spec(const Spec& spec, UnixSeconds now,
                               std::vector<std::string>& warnings);

enum class What : std::uint8_t {
  kComplete,  ///< and deltas on the complete CRLs before, where deltas are made
  kDelta,
  kLast,  ///< valid for ever; nothing may follow (OCSP-CRL-049)
};
struct PublishedFile {
  std::string path;
  std::uint64_t bytes = 0;  ///< of the DER
  std::uint64_t entries = 0;
  bool delta = false;
};
struct Published {
  crl::Number number;
  UnixSeconds this_update{};
  std::optional<UnixSeconds> next_update, delta_next_update;  ///< of what was made
  std::vector<PublishedFile> files;
  std::vector<std::string> warnings;
};

/// A CRL as it is served. The octets live as long as `owner`.
struct Served {
  std::string path;               ///< the file it was written to
  std::vector<std::string> uris;  ///< where certificates and CRLs say it is
  std::shared_ptr<const void> owner;
  Bytes octets;
  UnixSeconds this_update{};
};

/// Publishes one series. A published file is replaced only by a CRL that was read back, verified
/// and compared with the records; on every error the old files stay. The state survives the death
/// of the process at any instant: no number is signed twice, and files that were committed and not
/// yet put in place are put there when it is opened again (decision 034). Threads: one at a time.
class Publisher {
 public:
  /// Takes the state directory for this process. `store` outlives it. Errors: those of check_spec;
  /// kBusy, kState, kIo.
  static PublishResult<std::unique_ptr<Publisher>> open(Spec spec, const store::Store& store,
                                                        UnixSeconds now);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Publishes now. Blocks (disk, CPU). Errors: see PublishErrc.
  PublishResult<Published> publish(What what, UnixSeconds now, Regular regular = Regular::kYes);
  /// Publishes what is due; nothing when nothing is. Looks for changes in the store as often as
  /// Terms::reaction asks for.
  PublishResult<std::optional<Published>> step(UnixSeconds now);
  /// Lets the next step() look for changes, however short ago it looked.
  void look_again();
  /// When step() wants to be called again at the latest; nothing: never.
  [[nodiscard]] std::optional<UnixSeconds> next_step() const;

  [[nodiscard]] const Spec& spec() const;
  [[nodiscard]] const History& history() const;
  [[nodiscard]] const crl::Number& number() const;  ///< the highest used
  [[nodiscard]] std::optional<UnixSeconds> next_update()
      const;  ///< of the complete CRLs published last
  /// What open() found that an operator should know.
  [[nodiscard]] const std::vector<std::string>& warnings() const;
  /// The CRLs published last. Errors: kIo, kState.
  [[nodiscard]] PublishResult<std::vector<Served>> served() const;

 private:
  struct Impl;
  explicit Publisher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Hexadecimal SHA-256 of a Name element: which series a state directory belongs to; its first half
/// names the directory of an issuer's state below a store.
std::string issuer_tag(Bytes name);

}  // namespace muster::publish
