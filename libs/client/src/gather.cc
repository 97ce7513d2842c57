#include "muster/client/gather.h"

#include "gather_parts.h"
#include "muster/pki/host_name.h"

namespace muster::client {
namespace internal {

net::FetchRequest Gathering::get(const std::string& url, std::size_t limit) const {
  const Transport& transport = options.live.transport;
  net::FetchRequest request;
  request.url = url;
  request.connect_timeout = transport.connect_timeout;
  request.total_timeout = transport.total_timeout;
  request.proxy = transport.proxy;
  request.source_address = transport.source_address;
  request.ca_pem = transport.ca_pem;
  request.forbid_private_destinations = transport.forbid_private_destinations;
  request.max_body_bytes = limit;
  return request;
}

namespace {

/// The share of the time that is left which responders may take where CRLs come afterwards.
Sources::Deadline share_of(Sources::Deadline deadline) {
  if (!deadline) {
    return deadline;
  }
  const auto now = std::chrono::steady_clock::now();
  return now >= *deadline ? *deadline : now + (*deadline - now) * 2 / 3;
}

void add_no_issuer(Gathering& g) {
  for (const Channel channel : {Channel::kStapled, Channel::kLive}) {
    if (channel != Channel::kStapled || g.material.handshake) {
      g.add(channel, "", Silence::kNoIssuer);
    }
  }
}

void collect(Gathering& g) {
  CrlPart crls(g);
  OcspPart ocsp(g, crls);
  const Policy& policy = g.options.policy;
  const bool named = crls.may_use_named();
  const bool early = named && policy.turn != CrlTurn::kAfterOcsp;
  if (early) {
    crls.begin(g.material.subject);  // arrives while OCSP is asked
  }
  ocsp.weigh_staple();
  ocsp.weigh_saved();
  if (policy.turn == CrlTurn::kFirst) {
    crls.weigh(named);
    if (policy.live && !crls.told()) {
      ocsp.ask_live(g.deadline);
    }
    return;
  }
  if (policy.live) {
    ocsp.ask_live(named && !early ? share_of(g.deadline) : g.deadline);
  }
  crls.weigh(named && (early || !ocsp.told()));
}

}  // namespace
}  // namespace internal

Case gather(const Material& material, const GatherOptions& options, const Clock& clock,
            Sources& sources, Sources::Deadline deadline) {
  internal::Gathering gathering(material, options, clock, sources, deadline);
  Case& result = gathering.result;
  result.role = material.role;
  result.policy = options.policy;
  result.staple_offered = material.handshake && options.policy.stapled;
  const pki::Certificate* certificate = material.subject.certificate();
  if (!material.host.empty() && certificate != nullptr &&
      !pki::names_host(*certificate, material.host)) {
    result.not_named = material.host;
  }
  if (internal::find_chain(gathering)) {
    internal::collect(gathering);
  } else {
    internal::add_no_issuer(gathering);
  }
  return std::move(result);
}

Case gather(const Material& material, const GatherOptions& options, const Clock& clock,
            const FetchFunction& fetch) {
  Sources sources(fetch);
  return gather(material, options, clock, sources);
}

}  // namespace muster::client
