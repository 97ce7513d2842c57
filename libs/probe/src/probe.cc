#include "muster/probe/probe.h"

#include "connect.h"
#include "handshake.h"
#include "muster/base/text.h"
#include "starttls_talk.h"

namespace muster::probe {
namespace {

std::string without_brackets(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

/// Names that could be looked up or sent: bounded and without characters that only attackers use.
bool is_plausible(const std::string& host) {
  constexpr std::size_t kMaxName = 255;
  if (host.empty() || host.size() > kMaxName) {
    return false;
  }
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '/') {
      return false;
    }
  }
  return true;
}

ProbeError not_a_host(const std::string& name) {
  return {ProbeErrc::kBadRequest, "'" + printable(name) + "' is no host name or address"};
}

}  // namespace

Result<ProbeResult, ProbeError> probe(const ProbeRequest& request) {
  const MonotonicTime start = std::chrono::steady_clock::now();
  const MonotonicTime deadline = start + request.timeout;
  const std::string host = without_brackets(request.host);
  const std::string target =
      request.connect_to.empty() ? host : without_brackets(request.connect_to);
  std::string server_name = request.server_name;
  if (server_name.empty() && !is_address(host)) {  // RFC 6066 section 3: names only
    server_name = host;
  }
  const bool local = !request.unix_path.empty();
  if (!local && !is_plausible(target)) {
    return Err{not_a_host(target)};
  }
  if (!server_name.empty() && !is_plausible(server_name)) {
    return Err{not_a_host(server_name)};
  }
  if (request.port == 0 && !local) {
    return Err{ProbeError{ProbeErrc::kBadRequest, "port 0 cannot be connected to"}};
  }
  if (request.client_certificate && request.client_certificate->chain.empty()) {
    return Err{ProbeError{ProbeErrc::kBadRequest, "a client certificate without a certificate"}};
  }
  MUSTER_TRY(Connection connection, local ? connect_to_unix(request.unix_path, deadline)
                                          : connect_to(target, request.port, deadline));
  const MonotonicTime connected = std::chrono::steady_clock::now();
  MonotonicTime asked = connected;
  if (has_starttls(request.protocol)) {
    MUSTER_CHECK(ask_for_tls(request.protocol, server_name.empty() ? host : server_name, connection,
                             deadline));
    asked = std::chrono::steady_clock::now();
  }
  MUSTER_TRY(ProbeResult result, shake_hands(request, connection, server_name, deadline));
  result.protocol = request.protocol;
  result.failed_addresses = std::move(connection.failures);
  result.connect_duration = std::chrono::round<Milliseconds>(connected - start);
  result.starttls_duration = std::chrono::round<Milliseconds>(asked - connected);
  result.handshake_duration =
      std::chrono::round<Milliseconds>(std::chrono::steady_clock::now() - asked);
  return result;
}

std::string_view to_string(TlsVersion version) {
  return version == TlsVersion::kTls12 ? "TLS 1.2" : "TLS 1.3";
}

std::string_view to_string(ProbeErrc code) {
  switch (code) {
    case ProbeErrc::kBadRequest:
      return "bad-request";
    case ProbeErrc::kResolve:
      return "resolve";
    case ProbeErrc::kConnect:
      return "connect";
    case ProbeErrc::kTimeout:
      return "timeout";
    case ProbeErrc::kAlert:
      return "alert";
    case ProbeErrc::kNotTls:
      return "not-tls";
    case ProbeErrc::kClosed:
      return "closed";
    case ProbeErrc::kProtocol:
      return "protocol";
    case ProbeErrc::kTooLarge:
      return "too-large";
    case ProbeErrc::kNoStartTls:
      return "no-starttls";
    case ProbeErrc::kInjected:
      return "injected";
    case ProbeErrc::kNotProtocol:
      return "not-protocol";
  }
  return "?";
}

}  // namespace muster::probe
