#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/edge/manifest.h"
#include "muster/ocsp/ocsp.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

// How answers leave the core, with the real programs: a responder that is told by the push API,
// exports of its answers, a web server of somebody else's that shows them, and a keyless edge.
namespace muster::testing {

class DistributionWorld {
 public:
  /// \param serials  how many certificates the CA has issued
  explicit DistributionWorld(unsigned serials);

  // The core.
  void start_core();
  /// Acknowledged when it returns: "issue", "revoke", "hold", "unhold" for each. Whether all were.
  [[nodiscard]] bool push(std::string_view verb, const std::vector<unsigned>& serials) const;
  [[nodiscard]] const std::string& core_address() const { return core_address_; }
  [[nodiscard]] std::string core_log() const { return core_->output(); }
  /// Waits for the line of it that holds this.
  [[nodiscard]] bool core_logs(std::string_view text) const {
    return core_->wait_for(text, Milliseconds(60'000)).has_value();
  }

  // Exports.
  /// Arguments of `muster responder export` to the directory of this world.
  [[nodiscard]] std::vector<std::string> export_arguments(
      const std::vector<std::string>& more = {}) const;
  /// To its end.
  ProcessResult run_export(const std::vector<std::string>& more = {}) const;
  [[nodiscard]] std::string exported() const { return dir_.file("core"); }
  /// Path of the file for a certificate.
  [[nodiscard]] std::string file_of(unsigned serial, HashAlgorithm hash) const;

  // The way, and the edge.
  /// A web server of the directory.
  void start_origin();
  /// Over the configuration of this world; [edge.admin] on a unix socket.
  void start_edge();
  void kill_edge();
  [[nodiscard]] Daemon& edge() const { return *edge_; }
  [[nodiscard]] const std::string& edge_address() const { return edge_address_; }
  /// A page of the edge's admin listener; empty when nobody answers.
  [[nodiscard]] std::string edge_page(const std::string& page) const;
  /// Of the edge's metrics; nothing: it is not there.
  [[nodiscard]] std::optional<std::uint64_t> edge_metric(const std::string& sample) const;
  /// Waits until it is at least so much. Whether it came to that.
  [[nodiscard]] bool edge_comes_to(const std::string& sample, std::uint64_t least) const;
  [[nodiscard]] edge::Manifest manifest() const;

  // Clients.
  [[nodiscard]] Buffer request(unsigned serial, HashAlgorithm hash) const;
  /// What a POST of it brings; empty: nobody answers.
  static Buffer post(const std::string& address, const Buffer& request);
  /// "good", "revoked", "unknown"; "tryLater" and such; "nothing" for what is no OCSPResponse. Of
  /// answers the signature, the signer and the certificate are checked: "forged" else.
  [[nodiscard]] std::string says(Bytes response, unsigned serial, HashAlgorithm hash) const;
  [[nodiscard]] std::string edge_says(unsigned serial, HashAlgorithm hash) const {
    return says(post(edge_address_, request(serial, hash)), serial, hash);
  }

  [[nodiscard]] unsigned serials() const { return serials_; }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] const TestPki& pki() const { return pki_; }
  [[nodiscard]] const Identity& manifest_signer() const { return manifest_signer_; }

 private:
  const unsigned serials_;
  TempDir dir_;
  TestPki pki_ = make_pki(SystemClock().now());
  Identity manifest_signer_;
  std::unique_ptr<Daemon> core_, origin_, edge_;
  std::string core_address_, edge_address_;
};

/// The muster program.
std::string muster_binary();

}  // namespace muster::testing
