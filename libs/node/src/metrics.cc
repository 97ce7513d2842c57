#include "metrics.h"

#include <map>

#include "build_revision.h"
#include "data_age.h"
#include "muster/base/prometheus.h"

#ifndef MUSTER_VERSION
#error "MUSTER_VERSION is given by the build"
#endif

namespace muster::node {
namespace {

using Kind = PrometheusText::Kind;

void add_answers(PrometheusText& out, const MetricsInput& in) {
  const responder::Totals& t = in.totals;
  out.family("muster_responder_requests_total", Kind::kCounter, "OCSP requests by HTTP method.");
  out.sample(t.get, {{"method", "get"}});
  out.sample(t.post, {{"method", "post"}});
  out.family("muster_responder_get_queries_total", Kind::kCounter,
             "GET requests with a query string, which is not looked at.");
  out.sample(t.get_queries);
  out.family("muster_responder_answers_total", Kind::kCounter,
             "Certificates answered for, by status.");
  out.sample(t.good, {{"status", "good"}});
  out.sample(t.revoked, {{"status", "revoked"}});
  out.sample(t.unknown, {{"status", "unknown"}});
  out.family("muster_responder_refusals_total", Kind::kCounter,
             "Requests refused, by cause and by what the client was told.");
  for (std::size_t i = 1; i < t.refused.size(); ++i) {  // 0: not refused
    const auto cause = static_cast<responder::Cause>(i);
    out.sample(t.refused.at(i), {{"cause", responder::to_string(cause)},
                                 {"answer", ocsp::to_string(responder::status_for(cause))}});
  }
  out.single("muster_responder_not_modified_total", Kind::kCounter,
             "Conditional requests answered with 304.", t.not_modified);
  out.single("muster_responder_nonces_echoed_total", Kind::kCounter,
             "Answers that repeat the client's nonce.", t.nonces_echoed);
  out.single("muster_responder_nonces_left_out_total", Kind::kCounter,
             "Answers without the client's nonce, since no more could be signed "
             "(nonce_overload).",
             t.nonces_left_out);
  out.family("muster_responder_cert_id_hashes_total", Kind::kCounter,
             "CertIDs asked about, by the hash they were made with.");
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    out.sample(t.cert_id_hashes.at(static_cast<std::size_t>(hash)), {{"hash", to_string(hash)}});
  }
  out.family("muster_responder_remembered_answers_total", Kind::kCounter,
             "Remembered answers: used, used after comparing with a moved store, given up for a "
             "new signature, taken from another loop, taken over from before a reload, used beyond "
             "the time for a new signature because none could be made.");
  out.sample(t.ready_hits, {{"outcome", "used"}});
  out.sample(t.ready_rechecked, {{"outcome", "rechecked"}});
  out.sample(t.ready_replaced, {{"outcome", "replaced"}});
  out.sample(t.ready_shared, {{"outcome", "shared"}});
  out.sample(t.ready_taken_over, {{"outcome", "taken_over"}});
  out.sample(t.ready_late, {{"outcome", "late"}});
}

void add_presigned(PrometheusText& out, const responder::PresignTotals& t) {
  out.single("muster_presigned_answers", Kind::kGauge, "Answers held that were signed ahead.",
             t.answers);
  out.single("muster_presign_waiting", Kind::kGauge, "Serials waiting to be signed for ahead.",
             t.waiting);
  out.family("muster_presign_signatures_total", Kind::kCounter,
             "Signatures ahead of time: for answers that were missing or old, and because the "
             "status had changed.");
  out.sample(t.signatures - t.changed, {{"for", "age"}});
  out.sample(t.changed, {{"for", "change"}});
  out.single("muster_presign_failures_total", Kind::kCounter,
             "Signatures ahead of time that the key did not make.", t.failures);
  out.single("muster_presign_shed_total", Kind::kCounter,
             "Serials that found the queue full; they are looked at again.", t.shed);
  out.family("muster_presign_kept_answers_total", Kind::kCounter,
             "Answers of an earlier run or configuration, read again: taken over, or discarded "
             "because status, signer, rules or age no longer fit.");
  out.sample(t.restored, {{"outcome", "taken"}});
  out.sample(t.discarded, {{"outcome", "discarded"}});
  out.family("muster_presign_saves_total", Kind::kCounter,
             "Times the file of answers signed ahead was written, or could not be.");
  out.sample(t.saves, {{"outcome", "written"}});
  out.sample(t.save_failures, {{"outcome", "failed"}});
}

void add_durations(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_responder_request_duration_seconds", Kind::kHistogram,
             "From a request to its answer.");
  out.sample(kAnswerBounds, in.totals.durations);
  out.family(
      "muster_revocation_propagation_seconds", Kind::kHistogram,
      "From a pushed change, durable and acknowledged, to the first answer, or CRL, that can "
      "say it; waiting for a request is counted.");
  out.sample(kPropagationBounds, in.totals.propagation, {{"to", "answer"}});
  for (const publish::SeriesStatus& series : in.crls) {
    out.sample(kPropagationBounds, series.propagation, {{"to", "crl"}, {"series", series.label}});
  }
}

void add_issuer_answers(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_responder_issuer_answers_total", Kind::kCounter,
             "Certificates answered for and requests refused, by issuer.");
  for (const IssuerFigures& issuer : in.issuers) {
    const responder::IssuerTotals& t = issuer.totals;
    out.sample(t.good, {{"issuer", issuer.issuer}, {"result", "good"}});
    out.sample(t.revoked, {{"issuer", issuer.issuer}, {"result", "revoked"}});
    out.sample(t.unknown, {{"issuer", issuer.issuer}, {"result", "unknown"}});
    out.sample(t.refused, {{"issuer", issuer.issuer}, {"result", "refused"}});
  }
  const auto each = [&](std::string_view name, std::string_view help, auto get) {
    out.family(name, Kind::kCounter, help);
    for (const IssuerFigures& issuer : in.issuers) {
      out.sample(get(issuer.totals), {{"issuer", issuer.issuer}});
    }
  };
  each("muster_responder_unissued_requests_total",
       "Questions about serials the CA never issued. Rising: alert.",
       [](const responder::IssuerTotals& t) { return t.unissued; });
  each("muster_responder_unissued_monitor_requests_total",
       "Such questions of known monitors (ignore prefixes).",
       [](const responder::IssuerTotals& t) { return t.unissued_monitors; });
  each("muster_responder_unlisted_requests_total", "Questions about serials a CRL does not name.",
       [](const responder::IssuerTotals& t) { return t.unlisted; });
}

void add_keys(PrometheusText& out, const MetricsInput& in) {
  if (!in.keys.empty()) {
    out.family(
        "muster_key_up", Kind::kGauge,
        "Whether the token's key is asked: 0 while failures pause it, or all sessions hang.");
  }
  for (const KeyFigures& key : in.keys) {
    out.sample_flag(key.is_well, {{"issuer", key.issuer}, {"key", key.key}});
  }
  if (!in.keys.empty()) {
    out.family("muster_key_operations_total", Kind::kCounter,
               "Signatures a token's key was asked for, by what became of them.");
  }
  for (const KeyFigures& key : in.keys) {
    const std::pair<std::string_view, std::uint64_t> results[] = {
        {"signed", key.signatures},
        {"failed", key.failures},
        {"timeout", key.timeouts},
        {"refused_busy", key.refused_busy},
        {"refused_failing", key.refused_failing},
        {"bad_signature", key.bad_signatures}};
    for (const auto& [result, count] : results) {
      out.sample(count, {{"issuer", key.issuer}, {"key", key.key}, {"result", result}});
    }
  }
  out.single("muster_signing_waiting", Kind::kGauge,
             "Requests that wait for a loop to have time for their signature.", in.totals.waiting);
  out.single("muster_signing_waited_total", Kind::kCounter, "Requests that have waited so.",
             in.totals.waited);
  out.single("muster_signing_in_flight", Kind::kGauge, "Signatures that tokens are asked for now.",
             in.desk.in_flight);
  out.family("muster_signing_orders_total", Kind::kCounter,
             "Signatures wanted of tokens: begun, shared with one under way, refused because too "
             "many were, failed.");
  out.sample(in.desk.jobs, {{"result", "begun"}});
  out.sample(in.desk.joined, {{"result", "joined"}});
  out.sample(in.desk.full, {{"result", "full"}});
  out.sample(in.desk.failures, {{"result", "failed"}});
  std::map<std::pair<std::string, std::string_view>, std::uint64_t> counts;
  for (const IssuerDelegate& one : in.delegates) {
    ++counts[{one.issuer, signers::to_string(one.status.state)}];
  }
  if (!counts.empty()) {
    out.family("muster_signer_directory_delegates", Kind::kGauge,
               "What is in signer_directory, by state.");
  }
  for (const auto& [key, count] : counts) {
    out.sample(count, {{"issuer", key.first}, {"state", key.second}});
  }
}
void add_signers(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_signer_not_after_timestamp_seconds", Kind::kGauge,
             "When the signer, or its CA, ends.");
  for (const SignerFigures& signer : in.signers) {
    out.sample(signer.not_after, {{"issuer", signer.issuer}, {"signer", signer.signer}});
  }
  out.family("muster_signer_remaining_seconds", Kind::kGauge, "Until then; negative afterwards.");
  for (const SignerFigures& signer : in.signers) {
    out.sample(signer.not_after - in.now, {{"issuer", signer.issuer}, {"signer", signer.signer}});
  }
  out.family("muster_signer_operations_total", Kind::kCounter,
             "Signatures that answers wanted of a signer.");
  for (const SignerOperations& one : in.signer_operations) {
    out.sample(one.totals.made, {{"issuer", one.issuer}, {"signer", one.signer}, {"result", "ok"}});
    out.sample(one.totals.failed,
               {{"issuer", one.issuer}, {"signer", one.signer}, {"result", "failed"}});
  }
  if (!in.revoked_signers.empty()) {
    out.family("muster_signer_revoked", Kind::kGauge,
               "A signer whose certificate our own records call revoked: 1 while it signs all the "
               "same, since nobody else can (alert), 0 while it is left out.");
  }
  for (const RevokedSigner& one : in.revoked_signers) {
    out.sample_flag(!one.is_left_out, {{"issuer", one.issuer}, {"signer", one.signer}});
  }
  out.family("muster_signer_up", Kind::kGauge, "Whether the last trial signature succeeded.");
  for (const SignerFigures& signer : in.signers) {
    out.sample_flag(signer.can_sign, {{"issuer", signer.issuer}, {"signer", signer.signer}});
  }
}

void add_issuers(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_issuer_records", Kind::kGauge, "Certificates known, by state.");
  for (const IssuerFigures& issuer : in.issuers) {
    out.sample(issuer.state.revoked, {{"issuer", issuer.issuer}, {"state", "revoked"}});
    out.sample(issuer.state.records - issuer.state.revoked,
               {{"issuer", issuer.issuer}, {"state", "good"}});
  }
  out.family("muster_issuer_sequence", Kind::kGauge, "Sequence number of the last change.");
  for (const IssuerFigures& issuer : in.issuers) {
    out.sample(issuer.state.sequence, {{"issuer", issuer.issuer}});
  }
}

void add_sources(PrometheusText& out, const MetricsInput& in) {
  out.single("muster_sources_left_behind", Kind::kGauge,
             "Threads left waiting for a file system that does not answer. Above 0: alert.",
             in.left_behind);
  const auto each = [&](auto&& write) {
    for (const source::SourceStatus& source : in.sources) {
      write(source, PrometheusText::Labels{{"issuer", source.label}, {"source", source.path}});
    }
  };
  out.family("muster_source_up", Kind::kGauge,
             "Whether the last attempt to read the source succeeded.");
  each([&](const auto& source, const auto& labels) {
    out.sample_flag(source.checked && !source.error, labels);
  });
  out.family("muster_source_last_success_timestamp_seconds", Kind::kGauge,
             "When the source was last read, or looked at and unchanged.");
  each([&](const auto& source, const auto& labels) {
    if (source.last_success) {
      out.sample(*source.last_success, labels);
    }
  });
  out.family("muster_source_age_seconds", Kind::kGauge, "Since then.");
  each([&](const auto& source, const auto& labels) {
    if (source.last_success) {
      out.sample(in.now - *source.last_success, labels);
    }
  });
  out.family("muster_source_lag_seconds", Kind::kGauge,
             "How long the source has been failing; 0 while it is not.");
  each([&](const auto& source, const auto& labels) {
    out.sample(
        source.failing_since ? std::max(Seconds(0), in.now - *source.failing_since) : Seconds(0),
        labels);
  });
  out.family("muster_source_propagation_seconds", Kind::kGauge,
             "From when what is in use was written (an index) or issued (thisUpdate of CRLs) until "
             "it was answered from, at the last load.");
  each([&](const auto& source, const auto& labels) {
    if (source.propagation) {
      out.sample(*source.propagation, labels);
    }
  });
  out.family("muster_source_records", Kind::kGauge, "Records of the source in use.");
  each([&](const auto& source, const auto& labels) { out.sample(source.records, labels); });
  out.family("muster_source_kept_revoked_records", Kind::kGauge,
             "Certificates the source no longer calls revoked, kept revoked all the same. Not 0: "
             "somebody should look.");
  each([&](const auto& source, const auto& labels) { out.sample(source.kept_revoked, labels); });
  out.family("muster_source_kept_good_records", Kind::kGauge,
             "Certificates that the index lacks although they have not expired, kept all the same. "
             "Not 0: somebody should look.");
  each([&](const auto& source, const auto& labels) { out.sample(source.kept_good, labels); });
  out.family("muster_source_revocations_let_go_total", Kind::kCounter,
             "Revocations and holds that CRLs no longer list, of certificates whose expiry nobody "
             "told.");
  each([&](const auto& source, const auto& labels) { out.sample(source.let_go, labels); });
  out.family("muster_source_loads_total", Kind::kCounter, "Loads of the source that succeeded.");
  each([&](const auto& source, const auto& labels) { out.sample(source.loads, labels); });
  out.family("muster_source_failures_total", Kind::kCounter,
             "Attempts to read the source that failed.");
  each([&](const auto& source, const auto& labels) { out.sample(source.failures, labels); });
}

void add_store(PrometheusText& out, const MetricsInput& in) {
  if (in.store) {
    out.single("muster_store_sequence", Kind::kGauge, "Sequence number of the last commit.",
               in.store->sequence);
    out.single("muster_store_file_bytes", Kind::kGauge, "Size of the data file; it never shrinks.",
               in.store->file_bytes);
    out.single("muster_store_used_bytes", Kind::kGauge, "Of these, not free for reuse.",
               in.store->used_bytes);
    out.single("muster_store_map_bytes", Kind::kGauge, "Address space of the map.",
               in.store->map_bytes);
    out.single("muster_store_readers", Kind::kGauge, "Reader slots in use, of all processes.",
               in.store->readers);
  }
}

void add_push(PrometheusText& out, const MetricsInput& in) {
  if (in.push) {
    out.family("muster_push_operations_total", Kind::kCounter,
               "Operations of the push API, by outcome.");
    out.sample(in.push->changed, {{"result", "changed"}});
    out.sample(in.push->unchanged, {{"result", "unchanged"}});
    out.sample(in.push->conflicts, {{"result", "conflict"}});
    out.sample(in.push->refused, {{"result", "refused"}});
    out.sample(in.push->failed, {{"result", "failed"}});
    out.family("muster_push_refusals_total", Kind::kCounter,
               "What the push API did not carry out, by cause.");
    for (std::size_t i = 0; i < push::kCauses.size(); ++i) {
      out.sample(in.push_refusals.at(i), {{"cause", push::kCauses.at(i)}});
    }
  }
}

void add_batch(PrometheusText& out, const MetricsInput& in) {
  if (in.batch) {
    out.family("muster_batch_calls_total", Kind::kCounter, "Calls of the batch listener.");
    out.sample(in.batch->calls, {{"result", "ok"}});
    out.sample(in.batch->late, {{"result", "late"}});
    out.sample(in.batch->refused, {{"result", "refused"}});
    out.sample(in.batch->broken, {{"result", "broken"}});
    out.family("muster_batch_certificates_total", Kind::kCounter,
               "Certificates asked about in them.");
    out.sample(in.batch->answered, {{"result", "answered"}});
    out.sample(in.batch->unchanged, {{"result", "unchanged"}});
    out.sample(in.batch->left, {{"result", "left"}});
  }
}

void add_crls(PrometheusText& out, const MetricsInput& in) {
  const auto each = [&](auto&& write) {
    for (const publish::SeriesStatus& series : in.crls) {
      write(series, PrometheusText::Labels{{"series", series.label}});
    }
  };
  out.family("muster_published_crl_up", Kind::kGauge,
             "Whether the last attempt to publish succeeded.");
  each([&](const auto& series, const auto& labels) {
    out.sample_flag(series.last_success && !series.error, labels);
  });
  out.family("muster_published_crl_next_update_timestamp_seconds", Kind::kGauge,
             "nextUpdate of the complete CRLs published last. Near: alert.");
  each([&](const auto& series, const auto& labels) {
    if (series.next_update) {
      out.sample(*series.next_update, labels);
    }
  });
  out.family("muster_published_crl_entries", Kind::kGauge,
             "Entries of the complete CRLs published last by this process.");
  each([&](const auto& series, const auto& labels) { out.sample(series.entries, labels); });
  out.family("muster_published_crl_size_bytes", Kind::kGauge, "Octets of them.");
  each([&](const auto& series, const auto& labels) { out.sample(series.bytes, labels); });
  out.family("muster_published_crl_publications_total", Kind::kCounter, "Publications by outcome.");
  each([&](const auto& series, const auto&) {
    out.sample(series.publications, {{"series", series.label}, {"result", "ok"}});
    out.sample(series.failures, {{"series", series.label}, {"result", "failed"}});
  });
}

}  // namespace

void add_process(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_build_info", Kind::kGauge, "Version of the program, always 1.");
  out.sample_flag(true, {{"version", in.version}, {"revision", in.revision}});
  out.family("muster_start_time_seconds", Kind::kGauge, "When the process started.");
  out.sample(in.started);
  out.family("muster_ready", Kind::kGauge, "What /readyz says.");
  out.sample_flag(in.is_ready);
  out.family("muster_draining", Kind::kGauge, "Whether the process is being drained.");
  out.sample_flag(in.is_draining);
  out.family("muster_config_last_reload_successful", Kind::kGauge,
             "Whether the last reload took the new configuration.");
  out.sample_flag(in.reloads.last_succeeded);
  out.family("muster_config_last_reload_success_timestamp_seconds", Kind::kGauge,
             "When the configuration in force was read.");
  out.sample(in.reloads.last_success);
  out.family("muster_config_reloads_total", Kind::kCounter, "Reloads by outcome.");
  out.sample(in.reloads.succeeded, {{"result", "ok"}});
  out.sample(in.reloads.failed, {{"result", "failed"}});
}

void add_listeners(PrometheusText& out, const MetricsInput& in) {
  out.family("muster_http_connections_total", Kind::kCounter, "Connections accepted.");
  for (const ListenerFigures& listener : in.listeners) {
    out.sample(listener.connections, {{"listener", listener.listener}});
  }
  out.family("muster_http_open_connections", Kind::kGauge, "Connections open now.");
  for (const ListenerFigures& listener : in.listeners) {
    out.sample(listener.open_connections, {{"listener", listener.listener}});
  }
  out.family("muster_http_max_connections", Kind::kGauge,
             "Connections that may be open: max_connections of all loops, or what descriptors "
             "allow.");
  for (const ListenerFigures& listener : in.listeners) {
    if (listener.max_connections) {
      out.sample(*listener.max_connections, {{"listener", listener.listener}});
    }
  }
  out.family("muster_http_requests_total", Kind::kCounter, "HTTP requests read.");
  for (const ListenerFigures& listener : in.listeners) {
    out.sample(listener.requests, {{"listener", listener.listener}});
  }
  out.family("muster_http_buffered_bytes", Kind::kGauge,
             "Octets kept of unfinished requests and of answers that peers have not taken.");
  for (const ListenerFigures& listener : in.listeners) {
    if (listener.buffered_bytes) {
      out.sample(*listener.buffered_bytes, {{"listener", listener.listener}});
    }
  }
  out.family("muster_http_limits_total", Kind::kCounter,
             "How often a limit was reached or a peer misbehaved.");
  for (const ListenerFigures& listener : in.listeners) {
    for (const auto& [limit, count] : listener.limits) {
      out.sample(count, {{"listener", listener.listener}, {"limit", limit}});
    }
  }
}

ListenerFigures figures_of(std::string name, const ControlStats& stats) {
  return {std::move(name),
          stats.connections,
          stats.open_connections,
          stats.requests,
          {{"connections", stats.refused_connections},
           {"peer_connections", stats.refused_peers},
           {"bad_request", stats.bad_requests},
           {"size", stats.too_large},
           {"timeout", stats.timeouts},
           {"tls_refused", stats.tls_failures},
           {"denied", stats.denied}}};
}

ListenerFigures figures_of(std::string name, const responder::HttpTotals& stats) {
  return {std::move(name),
          stats.connections,
          stats.open_connections,
          stats.requests,
          {{"connections", stats.refused_connections},
           {"bad_request", stats.bad_requests},
           {"size", stats.too_large},
           {"timeout_header", stats.header_timeouts},
           {"timeout_body", stats.body_timeouts},
           {"timeout_idle", stats.idle_closes},
           {"timeout_write", stats.write_timeouts},
           {"tls_on_plain_port", stats.tls_on_plain_port},
           {"pipeline", stats.pipeline_pauses},
           {"descriptors", stats.accept_pauses},
           {"timeout_reply", stats.reply_timeouts},
           {"peer_gone", stats.gone_waiting},
           {"room", stats.made_room},
           {"memory", stats.freed_memory}},
          stats.buffered_bytes,
          stats.max_connections};
}

MetricsInput process_of(const Clock& clock, UnixSeconds started) {
  MetricsInput in;
  in.now = clock.now();
  in.started = started;
  in.version = MUSTER_VERSION;
  in.revision = build_revision();
  return in;
}

std::string render_metrics(const MetricsInput& input) {
  PrometheusText out;
  add_process(out, input);
  add_answers(out, input);
  add_presigned(out, input.presigned);
  add_durations(out, input);
  add_issuer_answers(out, input);
  add_signers(out, input);
  add_keys(out, input);
  add_issuers(out, input);
  add_data_age(out, input);
  add_sources(out, input);
  add_store(out, input);
  add_listeners(out, input);
  add_push(out, input);
  add_batch(out, input);
  add_crls(out, input);
  return out.take();
}

}  // namespace muster::node
