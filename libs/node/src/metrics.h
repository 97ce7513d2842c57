#pragma once

#include "control_server.h"
#include "muster/base/prometheus.h"
#include "muster/node/node.h"
#include "muster/publish/service.h"
#include "muster/push/api.h"
#include "muster/responder/service.h"
#include "muster/source/watcher.h"
#include "signer_revocation.h"

// A node's figures for Prometheus. Names and labels: decision 033. Labels are bounded by the
// configuration or by an enum of ours: no serials, no addresses, nothing a stranger chooses.
namespace muster::node {

struct SignerFigures {
  std::string issuer, signer;
  UnixSeconds not_after;
  bool can_sign = false;  ///< at the last trial
  std::string why{};      ///< not; never holds a PIN
};
/// What a signer was asked for since the start; also of one that signs no more.
struct SignerOperations {
  std::string issuer, signer;
  responder::SignerTotals totals;
};
/// A signer's key in a token.
struct KeyFigures {
  std::string issuer, key;  ///< key: its URI without anything about the PIN
  bool is_well = false;
  std::uint64_t signatures = 0, failures = 0, timeouts = 0, refused_busy = 0, refused_failing = 0,
                bad_signatures = 0;
};
/// What such keys were asked for by the loops.
struct DeskFigures {
  std::uint64_t jobs = 0, joined = 0, full = 0, failures = 0, in_flight = 0;
};
struct IssuerFigures {
  std::string issuer;
  store::IssuerState state;
  responder::IssuerTotals totals;
};
/// Of one listener; "ocsp", "admin", "push", "batch".
struct ListenerFigures {
  std::string listener;
  std::uint64_t connections = 0, open_connections = 0, requests = 0;
  /// By limit or fault: "connections", "size", "timeout_header"...
  std::vector<std::pair<std::string_view, std::uint64_t>> limits;
  std::optional<std::uint64_t> buffered_bytes{}, max_connections{};
};
/// What became of calls to the batch listener, and of the certificates in them.
struct BatchFigures {
  std::uint64_t calls = 0, refused = 0, broken = 0, late = 0;
  std::uint64_t answered = 0, unchanged = 0, left = 0;
};
struct ReloadFigures {
  std::uint64_t succeeded = 0, failed = 0;
  bool last_succeeded = true;
  UnixSeconds last_success;  ///< the start counts
  void note(const NodeResult<ReloadReport>& outcome, UnixSeconds now) {
    last_succeeded = static_cast<bool>(outcome);
    ++(outcome ? succeeded : failed);
    last_success = outcome ? now : last_success;
  }
};

struct MetricsInput {
  UnixSeconds now;
  UnixSeconds started;
  std::string version, revision;
  bool is_ready = false, is_draining = false;
  responder::Totals totals;
  responder::PresignTotals presigned;
  std::vector<SignerFigures> signers;
  std::vector<SignerOperations> signer_operations;
  std::vector<RevokedSigner> revoked_signers;
  std::vector<KeyFigures> keys;
  DeskFigures desk;
  std::vector<IssuerDelegate> delegates;
  std::vector<IssuerFigures> issuers;
  std::vector<source::SourceStatus> sources;
  std::uint64_t left_behind = 0;  ///< threads that wait for file systems
  std::optional<store::StoreFigures> store;
  std::vector<ListenerFigures> listeners;
  ReloadFigures reloads;
  std::optional<push::ApiStats> push;
  std::array<std::uint64_t, push::kCauses.size()> push_refusals{};
  std::optional<BatchFigures> batch;
  std::vector<publish::SeriesStatus> crls;
};

/// Begins with what every process of ours says of itself: times, version and revision.
MetricsInput process_of(const Clock& clock, UnixSeconds started);

std::string render_metrics(const MetricsInput& input);
/// The families every process of ours has: the process itself, and its listeners.
void add_process(PrometheusText& out, const MetricsInput& in);
void add_listeners(PrometheusText& out, const MetricsInput& in);
ListenerFigures figures_of(std::string name, const ControlStats& stats);
ListenerFigures figures_of(std::string name, const responder::HttpTotals& stats);

}  // namespace muster::node
