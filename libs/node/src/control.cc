#include <algorithm>

#include "client_check.h"
#include "data_age.h"
#include "listeners.h"
#include "muster/node/explain.h"
#include "node_impl.h"

namespace muster::node {
namespace {

/// For those that serve to explain in between.
constexpr Milliseconds kPatienceWithLoops{2'000};
/// Whoever connects is judged by who he is, not by whether he may connect.
constexpr ::mode_t kPushSocketMode = 0666;

/// One that can sign is enough; the others deserve a look.
Check judge_signers(const std::string& issuer, const std::vector<SignerFigures>& all) {
  Check check{"signer", issuer, false, ""};
  for (const SignerFigures& signer : all) {
    if (signer.issuer != issuer) {
      continue;
    }
    check.is_ok = check.is_ok || signer.can_sign;
    if (!signer.can_sign) {
      check.why += (check.why.empty() ? "" : "; ") + signer.signer + " cannot sign: " + signer.why;
    }
  }
  return check;
}

/// Most details name the file or URL themselves.
std::string with_path(const std::string& path, const std::string& detail) {
  return detail.starts_with(path) ? detail : path + ": " + detail;
}

}  // namespace

NodeResult<ControlFiles> Node::Impl::load_control_files(const NodeOptions& options) {
  ControlFiles files;
  MUSTER_TRY(files.admin, load_admin(options.admin, "responder.admin"));
  MUSTER_TRY(files.push, load_push(options.push));
  MUSTER_TRY(files.batch, load_batch(options.batch));
  return files;
}

NodeResult<Unit> Node::Impl::listen_for_control(const NodeOptions& options, const Loaded& loaded,
                                                const ControlFiles& files) {
  const auto& [admin, push, batch] = files;
  switch_control(options, loaded, files);
  if (!push.addresses.empty()) {
    auto server = ControlServer::listen("push", push.addresses, push.certificates, kPushSocketMode,
                                        options.push.limits, *push_handler, push_stats, logger);
    if (!server) {
      return Err{cannot_listen(server.error())};
    }
    push_server = *std::move(server);
  }
  if (!batch.addresses.empty()) {
    batch_handler = std::make_unique<BatchHandler>(
        *service, options.batch,
        [this](const ControlPeer& peer) { return refuse_peer(peer, *current_setup(), *store); },
        batch_control_stats, batch_stats, logger);
    auto server =
        ControlServer::listen("batch", batch.addresses, batch.certificates, kAdminSocketMode,
                              options.batch.limits, *batch_handler, batch_control_stats, logger);
    if (!server) {
      return Err{cannot_listen(server.error())};
    }
    batch_server = *std::move(server);
  }
  if (!admin.addresses.empty()) {
    admin_handler = std::make_unique<AdminHandler>(*this, options.admin, admin_stats, logger);
    auto server =
        ControlServer::listen("admin", admin.addresses, admin.certificates, kAdminSocketMode,
                              options.admin.limits, *admin_handler, admin_stats, logger);
    if (!server) {
      return Err{cannot_listen(server.error())};
    }
    admin_server = *std::move(server);
  }
  return Unit{};
}

/// Cannot fail: everything that could was done before.
void Node::Impl::switch_control(const NodeOptions& options, const Loaded& loaded,
                                const ControlFiles& files) {
  if (push_handler == nullptr) {
    push_handler = std::make_unique<PushHandler>(push_stats, clock, logger);
  }
  const auto old = push_handler->setup();
  auto next = std::make_shared<PushSetup>(
      *store, loaded.pushed, options.push, loaded.setup,
      [this] {
        service->note_change();
        publication->wake();  // a revocation does not wait for the CRL's next turn
      },
      [this](std::uint64_t sequence) {
        if (const std::shared_ptr<StoreMark> known = store_mark()) {
          known->note(*store, sequence);
        }
      });
  if (old != nullptr) {
    next->carry_over(*old);
  }
  push_handler->adopt(std::move(next));
  if (push_server != nullptr) {
    push_server->set_tls(files.push.certificates);
  }
  if (batch_server != nullptr) {
    batch_server->set_tls(files.batch.certificates);
  }
  if (admin_server != nullptr) {
    admin_server->set_tls(files.admin.certificates);
  }
}

void Node::Impl::stop_control() {
  if (batch_server != nullptr) {
    batch_server->stop();
  }
  if (push_server != nullptr) {
    push_server->stop();
  }
  if (admin_server != nullptr) {
    admin_server->stop();
  }
}

Readiness Node::Impl::readiness() {
  const auto current = current_setup();
  Readiness out;
  const std::vector<source::SourceStatus> sources = source_states();
  const auto looked = store->check_in_place();
  out.checks = probe->ask_all(current, sources);
  if (!looked) {
    out.checks.push_back({"store", "", false, looked.error().detail});
  }
  const std::vector<SignerFigures> signers = probe->try_signers(current);
  for (const responder::Issuer& issuer : current->issuers()) {
    out.checks.push_back(judge_signers(issuer.label, signers));
  }
  for (const RevokedSigner& revoked : revoked_view()) {
    out.checks.push_back({"signer", revoked.issuer, revoked.is_left_out, describe(revoked)});
  }
  for (const source::SourceStatus& source : sources) {
    const bool never = source.checked && !source.last_success && source.error;
    Check check{"source", source.label, source.checked && !never,
                source.error ? with_path(source.path, source.error->detail) : ""};
    check.why = source.checked ? check.why : source.path + ": not looked at yet";
    out.checks.push_back(std::move(check));
  }
  if (draining) {
    out.checks.push_back({"draining", "", false, "asked to drain, or stopping"});
  }
  return out;
}

namespace {

void add_token_figures(MetricsInput& in, const responder::Setup& setup,
                       const responder::DeskCounters& desk) {
  for (const responder::Issuer& issuer : setup.issuers()) {
    for (const responder::IssuerSigner& signer : issuer.signers) {
      const pki::RemoteKey* const key = signer.signing.remote();
      const auto same = [&](const KeyFigures& one) {
        return one.issuer == issuer.label && one.key == key->name();
      };
      if (key != nullptr && std::none_of(in.keys.begin(), in.keys.end(), same)) {
        const pki::KeyCounters& c = key->counters();
        in.keys.push_back({issuer.label, key->name(), key->health() != pki::KeyHealth::kFailing,
                           c.signatures.load(), c.failures.load(), c.timeouts.load(),
                           c.refused_busy.load(), c.refused_failing.load(),
                           c.bad_signatures.load()});
      }
    }
  }
  in.desk = {desk.jobs.load(), desk.joined.load(), desk.full.load(), desk.failures.load(),
             desk.in_flight.load()};
}

}  // namespace

MetricsInput Node::Impl::collect() {
  MetricsInput in = process_of(clock, started_at);
  in.is_ready = readiness().is_ready();
  in.is_draining = draining;
  in.totals = service->totals();
  in.presigned = service->presigned();
  const auto current = current_setup();
  in.signers = probe->try_signers(current);
  add_token_figures(in, *current, service->desk());
  in.delegates = delegate_view();
  const auto reader = store->reader();
  reader->renew();
  const auto totals = service->issuer_totals();
  for (const responder::Issuer& issuer : current->issuers()) {
    if (const store::IssuerState* const state = reader->issuer_state(issuer.store_id)) {
      const auto counted = totals.find(issuer.store_id);
      in.issuers.push_back({issuer.label, *state,
                            counted == totals.end() ? responder::IssuerTotals{} : counted->second});
    }
  }
  for (const auto& [who, counted] : service->signer_totals()) {
    for (const responder::Issuer& issuer : current->issuers()) {
      if (issuer.store_id == who.first) {
        in.signer_operations.push_back({issuer.label, who.second, counted});
      }
    }
  }
  in.revoked_signers = revoked_view();
  in.sources = source_states();
  in.left_behind = *left_behind;
  in.crls = publication->status();
  if (auto figures = store->figures()) {
    in.store = *figures;
  }
  in.listeners.push_back(figures_of("ocsp", service->http_totals()));
  in.listeners.push_back(figures_of("admin", admin_stats));
  if (push_server != nullptr) {
    in.listeners.push_back(figures_of("push", push_stats));
    in.push = push_handler->setup()->stats();
    in.push_refusals = push_handler->journal().counts();
  }
  if (batch_server != nullptr) {
    in.listeners.push_back(figures_of("batch", batch_control_stats));
    in.batch = {batch_stats.calls,    batch_stats.refused,   batch_stats.broken, batch_stats.late,
                batch_stats.answered, batch_stats.unchanged, batch_stats.left};
  }
  {
    const MutexLock lock(published);
    in.reloads = reloads;
  }
  return in;
}

std::string Node::Impl::metrics() { return render_metrics(collect()); }

std::string Node::Impl::explain(Bytes request, const responder::Client& client) {
  if (const auto by_loops = service->explain(request, clock.now(), client, kPatienceWithLoops)) {
    return to_json(*by_loops);
  }
  const auto reader = store->reader();
  const auto& clock_error = served.service.clock_error;
  auto here = responder::explain(*current_setup(), *reader, request, clock.now(), client,
                                 clock_error ? clock_error() : responder::kernel_clock_error());
  here.notes.emplace_back("no loop answered: limits and remembered answers are not judged");
  return to_json(here);
}

}  // namespace muster::node
