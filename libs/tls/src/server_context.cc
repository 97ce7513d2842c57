#include "server_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <set>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/pki/native.h"

namespace muster::tls {
namespace {

constexpr char kDefaultCiphers12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessionIdContext[] = "muster";

/// dNSNames of the certificate, in lower case; the common name only when there is no such
/// extension.
std::set<std::string> names_of(const pki::Certificate& certificate) {
  std::set<std::string> names;
  X509* const x509 = pki::native_x509(certificate);
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; alternatives != nullptr && i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) {
      const Bytes text(ASN1_STRING_get0_data(name->d.dNSName),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
      names.insert(to_lower(as_text(text)));
    }
  }
  if (alternatives == nullptr) {
    char common_name[256];
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, common_name,
                                  sizeof common_name) > 0) {
      names.insert(to_lower(common_name));
    }
  }
  GENERAL_NAMES_free(alternatives);
  return names;
}

int on_server_name(SSL* ssl, int* alert, void* argument) noexcept {
  const auto& impl = *static_cast<const ServerContext::Impl*>(argument);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  SSL_CTX* const context = impl.find(to_lower(name));
  if (context == nullptr && impl.options.unknown_name == UnknownName::kRefuse) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  if (context != nullptr && context != SSL_get_SSL_CTX(ssl)) {
    SSL_set_SSL_CTX(ssl, context);
  }
  return SSL_TLSEXT_ERR_OK;
}

int on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_length,
            const unsigned char* offered, unsigned offered_length, void* argument) noexcept {
  const auto& wire = static_cast<const ServerContext::Impl*>(argument)->alpn_wire;
  unsigned char* out = nullptr;
  const int result = SSL_select_next_proto(
      &out, chosen_length, reinterpret_cast<const unsigned char*>(wire.data()),
      static_cast<unsigned>(wire.size()), offered, offered_length);
  if (result != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;  // what the client then speaks is between it and the upstream
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

Err<TlsError> fail(TlsErrc code, const std::string& what) {
  return Err{TlsError{code, what + ": " + take_error("refused by OpenSSL")}};
}

Result<Unit, TlsError> add_certificate(SSL_CTX* context, const ServerCertificate& certificate) {
  const pki::Certificate& leaf = certificate.chain.front();
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, pki::native_x509(leaf)) != 1 ||
      SSL_CTX_use_PrivateKey(context, pki::native_key(certificate.key)) != 1) {
    return fail(TlsErrc::kBadCertificate,
                "the certificate of " + leaf.subject_text() + " cannot be served");
  }
  for (std::size_t i = 1; i < certificate.chain.size(); ++i) {
    const pki::Certificate& link = certificate.chain[i];
    if (!link.is_self_issued() && SSL_CTX_add1_chain_cert(context, pki::native_x509(link)) != 1) {
      return fail(TlsErrc::kBadCertificate,
                  "the chain of " + leaf.subject_text() + " cannot be served");
    }
  }
  return Unit{};
}

/// Clients must prove to be certified, for clientAuth, by one of the anchors.
Result<Unit, TlsError> require_clients(SSL_CTX* context, const ClientVerification& clients) {
  if (clients.anchors.empty()) {
    return Unit{};
  }
  ERR_clear_error();
  for (const pki::Certificate& anchor : clients.anchors) {
    X509* const x509 = pki::native_x509(anchor);
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), x509) != 1 ||
        SSL_CTX_add_client_CA(context, x509) != 1) {
      return fail(TlsErrc::kBadCertificate,
                  "the CA of clients " + anchor.subject_text() + " cannot be used");
    }
  }
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_flags(rules,
                              X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate may be the anchor
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A ticket must not outlive what the client was allowed when it was issued.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  return Unit{};
}

Result<ContextPtr, TlsError> make_context(const std::vector<ServerCertificate>& all,
                                          const std::vector<std::size_t>& chosen,
                                          const StapleSource& source, ServerContext::Impl& impl) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  MUSTER_ASSERT(context != nullptr);
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(
      raw, impl.options.least == TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  // A record's head and body in one read: a handshake takes 4 instead of 11. Whoever reads goes on
  // until there is nothing (tls::Session), so nothing is left in the buffer unseen.
  SSL_CTX_set_read_ahead(raw, 1);
  // Tickets only: a cache of sessions would be one lock for all threads.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(raw, kSessionIdContext, sizeof kSessionIdContext - 1);
  const char* ciphers =
      impl.options.ciphers12.empty() ? kDefaultCiphers12 : impl.options.ciphers12.c_str();
  if (SSL_CTX_set_cipher_list(raw, ciphers) != 1) {
    return fail(TlsErrc::kBadOption, "cipher list '" + printable(ciphers) + "'");
  }
  std::set<int> kinds;
  for (const std::size_t index : chosen) {
    const int kind = EVP_PKEY_get_base_id(pki::native_key(all[index].key));
    if (kinds.insert(kind).second) {  // OpenSSL holds one of a kind
      MUSTER_CHECK(add_certificate(raw, all[index]));
    }
  }
  // What the macro SSL_CTX_set_tlsext_servername_callback does, without its C cast.
  SSL_CTX_callback_ctrl(raw, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(&on_server_name));
  SSL_CTX_set_tlsext_servername_arg(raw, &impl);
  if (!impl.alpn_wire.empty()) {
    SSL_CTX_set_alpn_select_cb(raw, on_alpn, &impl);
  }
  MUSTER_CHECK(require_clients(raw, impl.options.clients));
  attach(raw, source, impl.options.staple);
  return context;
}

}  // namespace

std::string take_error(const char* fallback) {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? fallback : reason;
}

SSL_CTX* ServerContext::Impl::find(std::string_view name) const {
  if (const auto exact = by_name.find(name); exact != by_name.end()) {
    return exact->second;
  }
  const std::size_t dot = name.find('.');
  if (dot != std::string_view::npos && dot > 0) {
    if (const auto wildcard = by_wildcard.find(name.substr(dot + 1));
        wildcard != by_wildcard.end()) {
      return wildcard->second;
    }
  }
  return nullptr;
}

ServerContext::ServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerContext::~ServerContext() = default;

Result<std::shared_ptr<const ServerContext>, TlsError> ServerContext::make(
    const std::vector<ServerCertificate>& certificates, const StapleSource& source,
    const ServerOptions& options) {
  if (certificates.empty()) {
    return Err{TlsError{TlsErrc::kNoCertificate, "no certificate to serve"}};
  }
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  for (const std::string& protocol : options.alpn) {
    if (protocol.empty() || protocol.size() > 255) {
      return Err{TlsError{TlsErrc::kBadOption,
                          "ALPN protocol '" + printable(protocol) + "' must have 1 to 255 octets"}};
    }
    impl->alpn_wire += static_cast<char>(protocol.size());
    impl->alpn_wire += protocol;
  }
  std::map<std::string, std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    const ServerCertificate& certificate = certificates[i];
    if (certificate.chain.empty()) {
      return Err{TlsError{TlsErrc::kNoCertificate, "a key without a certificate"}};
    }
    const pki::Certificate& leaf = certificate.chain.front();
    if (!certificate.key.matches(leaf)) {
      return Err{
          TlsError{TlsErrc::kKeyMismatch,
                   "the private key does not belong to the certificate of " + leaf.subject_text()}};
    }
    for (const std::string& name : names_of(leaf)) {
      sets[name].push_back(i);
    }
  }
  const auto context_of = [&](const std::vector<std::size_t>& set) -> Result<SSL_CTX*, TlsError> {
    ContextPtr& slot = impl->contexts[set];
    if (slot == nullptr) {
      MUSTER_TRY(slot, make_context(certificates, set, source, *impl));
    }
    return slot.get();
  };
  // Without a name, or with an unknown one: the first certificate and those that stand beside it
  // for its first name.
  std::vector<std::size_t> first_set{0};
  for (const auto& [name, set] : sets) {
    MUSTER_TRY(SSL_CTX* const context, context_of(set));
    if (name.starts_with("*.")) {
      impl->by_wildcard.emplace(name.substr(2), context);
    } else {
      impl->by_name.emplace(name, context);
    }
    if (set.front() == 0 && first_set.size() == 1) {
      first_set = set;
    }
  }
  MUSTER_TRY(impl->fallback, context_of(first_set));
  return std::shared_ptr<const ServerContext>(new ServerContext(std::move(impl)));
}

}  // namespace muster::tls
