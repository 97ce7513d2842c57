#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "muster/ocsp/ocsp.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

// A responder process that is fed by the push API, by an index.txt and by CRLs, crashes and comes
// back; clients that need no server to be there.
namespace muster::testing {

inline constexpr unsigned kSerials = 48;  ///< of each issuer
/// kListed: by CRLs, complete and delta, or by push: the two take turns.
enum class Fed : std::uint8_t { kPushed, kIndexed, kListed };
inline constexpr std::array kAllFed = {Fed::kPushed, Fed::kIndexed, Fed::kListed};

/// A blocking client: one request, the whole answer; fails quietly when the server goes away.
class Wire {
 public:
  explicit Wire(const std::string& address);
  [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
  bool send(std::string_view text);
  /// More octets; false at the end, after an error, or after a minute of silence.
  bool receive(std::string& text);
  /// Everything up to the end of the stream.
  std::string receive_all();

 private:
  UniqueFd fd_;
};

/// What the test knows of one certificate. A reader that saw `state` say "acknowledged" before it
/// asked, and the same value behind, must not have been told good.
struct Track {
  static constexpr std::uint32_t kAcknowledged = 1;
  std::atomic<std::uint32_t> state{
      0};  ///< generation * 2, plus kAcknowledged while revoked or on hold for all the world
  std::atomic<bool> is_final{false};      ///< the revocation acknowledged is definitive
  std::atomic<bool> is_issued{false};     ///< acknowledged as good, nothing sent since
  std::atomic<bool> is_uncertain{false};  ///< something was sent and never acknowledged

  void acknowledge() { state.fetch_or(kAcknowledged); }
  /// Before something is sent that may make it good again.
  void begin_change() {
    const std::uint32_t now = state.load();
    state.store((now / 2 + 1) * 2);
  }
};

class RevocationWorld {
 public:
  RevocationWorld();

  void start();
  /// kill -9.
  void crash();
  /// SIGTERM, which finishes what is in flight.
  void end();
  void restart() { start(); }

  [[nodiscard]] std::string ocsp_address() const;
  [[nodiscard]] std::string push_address() const { return "unix:" + dir_.file("push.sock"); }
  [[nodiscard]] std::string log() const { return daemon_ == nullptr ? "" : daemon_->output(); }
  [[nodiscard]] Track& track(Fed fed, unsigned serial) {
    return tracks_[static_cast<std::size_t>(fed)].at(serial);
  }

  /// One operation of the push API; nothing when no complete answer came.
  std::optional<unsigned> push(std::string_view verb, unsigned serial, Fed fed = Fed::kPushed);
  /// A bulk request; calls `acknowledged(line)` for each line (from 1) carried out, as results come
  /// in.
  void push_bulk(const std::string& lines, const std::function<void(std::size_t)>& acknowledged);
  /// "{"op":"revoke","serial":"0A01"}\n".
  static std::string line(std::string_view op, unsigned serial);

  /// Replaces index.txt with these revoked, and waits until the responder has taken it. False: it
  /// did not say so.
  bool swap_index(const std::vector<bool>& revoked);
  /// The next CRL of kListed, complete or a delta, with these revoked and no other. Waits until
  /// `fresh` are answered revoked. False: they were not.
  bool list(const std::vector<bool>& revoked, const std::vector<unsigned>& fresh, bool is_delta);
  /// `muster store set` for kListed; whether it was carried out.
  bool set_revoked(unsigned serial);
  /// kListed changes its source. For while the responder is down.
  void change_source();
  /// All that was acknowledged is gone. For while the responder is down.
  void lose_store() const;
  [[nodiscard]] bool is_listed_by_crl() const { return by_crl_; }
  /// Publishes CRLs of all three with `muster crl publish`. Its complaint, or empty.
  std::string publish();
  /// Whether the CRL published last lists it.
  [[nodiscard]] bool is_published(Fed fed, unsigned serial) const;
  /// SIGHUP with a configuration that is broken, or right. Waits for the outcome.
  bool reload(bool broken);
  /// Text of an admin page; empty when nobody answers.
  std::string admin(const std::string& method, const std::string& page);

  /// The OCSP request about one certificate.
  [[nodiscard]] Buffer request(Fed fed, unsigned serial, HashAlgorithm hash, bool nonce) const;

 private:
  void write_config(bool broken) const;
  void write_crl(const std::string& name, std::optional<std::uint64_t> base,
                 const std::vector<bool>& revoked) const;
  [[nodiscard]] const Identity& ca(Fed fed) const;
  [[nodiscard]] std::uint64_t metric(const std::string& name_and_labels);

  TempDir dir_;
  TestPki pki_ = make_pki(SystemClock().now());
  Identity listed_ = issue(pki_.root, listed_spec());
  static CertificateSpec listed_spec();
  bool by_crl_ = true;
  std::uint64_t crl_number_ = 0, base_number_ = 0;
  std::array<std::array<Track, kSerials>, kAllFed.size()> tracks_;
  std::unique_ptr<Daemon> daemon_;
  mutable std::mutex mutex_;
  std::string address_;  // under mutex_
};

enum class Told : std::uint8_t { kNothing, kGood, kRevoked, kUnknown, kRefused };
/// Asks over one connection.
Told ask(const std::string& address, const Buffer& request);
Told read_answer(Bytes body);

}  // namespace muster::testing
