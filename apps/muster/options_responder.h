#pragma once

#include <string>
#include <vector>

#include "muster/config/config.h"
#include "muster/responder/issuer_files.h"
#include "muster/responder/service.h"
#include "options_policy.h"
#include "options_source.h"

namespace muster::app {

/// [[responder.issuer.signer]], or the signer that keys of the issuer itself describe.
struct SignerOptions {
  responder::SignerFiles files;
  std::string key_pass;  ///< "file:PATH" or "env:NAME"
  bool locally_trusted = false;
  bool standby = false;
};

/// [[responder.issuer]], or the issuer that flags describe.
struct IssuerOptions {
  responder::IssuerFiles files;  ///< its signers and rules are below
  PolicyOptions rules;
  SignerOptions signer;  ///< signer, key, key_pass...; none without a key and a certificate
  std::vector<SignerOptions> signers;
  std::string crl;  ///< short form of one source among `crls`
  SourceOptions crls;
};

/// [[responder.route]].
struct RouteOptions {
  responder::RouteFiles files;
  bool service_locator = false;
};

/// [responder.presign].
struct PresignSettings {
  std::int64_t threads = 1;
  std::int64_t signatures_per_second = 0;
  std::int64_t core_percent = 50;
  std::int64_t max_answers = 1'000'000;
  Seconds save_interval{900};
};

/// What `muster responder` can be told, by file ([responder]) and by flags alike.
struct ResponderOptions {
  std::vector<std::string> listen{"127.0.0.1:8888"};
  std::int64_t loops = 0;
  std::string store;
  std::string prefix = "/";
  std::optional<responder::NoncePolicy> nonce;
  std::int64_t max_certificates = 32;
  std::int64_t ready_answers = 32768;
  responder::NonceOverload nonce_overload = responder::NonceOverload::kTryLater;
  PresignSettings presign;
  std::int64_t signatures_per_second = 0;
  std::int64_t request_checks_per_second = 500;
  std::int64_t requests_per_second = 0;
  std::int64_t requests_per_source = 0;
  std::vector<std::string> unlimited_clients;
  std::vector<std::string> trusted_proxies;
  std::int64_t token_sessions = 4;
  std::int64_t token_queue = 256;
  Milliseconds token_deadline{2'000};
  std::int64_t token_failures = 5;
  std::int64_t signing_jobs = 256;
  std::int64_t signing_waiting = 1024;
  responder::SigningLineLimits line;
  bool sha1 = true;
  std::optional<Seconds> max_clock_error;
  Seconds check_interval{2};
  Seconds reload_timeout{600};
  Milliseconds grace{10000};
  net::HttpLimits limits;
  std::int64_t max_connections = 10000;
  config::Size max_buffered{64 << 20};
  config::Size max_request{64 * 1024};
  config::Size max_header{16 * 1024};
  std::vector<IssuerOptions> issuers;
  std::vector<RouteOptions> routes;
};

void bind(config::Section& section, ResponderOptions& options);

/// What is wrong with the lists of networks; empty: nothing.
std::string check_lists(const ResponderOptions& options);
/// The options as the library wants them. Precondition: check_lists() found nothing.
responder::Policy policy_of(const ResponderOptions& options);
responder::ServiceOptions service_of(const ResponderOptions& options);
std::vector<responder::RouteFiles> routes_of(const ResponderOptions& options);
/// The issuer at `index`, for people: by its label or its ca, else by its place: "issuer number 2".
std::string name_of(const ResponderOptions& options, std::size_t index);
/// Of the issuer at `index`. Errors: what is wrong with its rules, as a sentence that names it.
Result<responder::IssuerFiles, std::string> files_of(const ResponderOptions& options,
                                                     std::size_t index);

/// Words that flags and file share (see options_policy.h too). Each sets its value and returns an
/// empty string, or says what is wrong.
std::string set_scheme(std::string_view word, pki::SignatureScheme& scheme);
/// Whether `text` names a source for a passphrase. A variable it names is kept from the commands
/// of operators from then on.
std::string check_key_pass(std::string_view text);
/// Reads it when asked; empty for an empty source.
std::function<std::optional<std::string>()> passphrase_of(const std::string& source);

}  // namespace muster::app
