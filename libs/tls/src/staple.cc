#include "muster/tls/staple.h"

#include <openssl/ssl.h>

#include "certificate_tag.h"
#include "chain_staples.h"
#include "muster/base/assert.h"

namespace muster::tls {
namespace {

constexpr std::int64_t kReportInterval = 60;

struct Attachment {
  const StapleSource& source;
  AttachOptions options;

  void count(std::atomic<std::uint64_t> StapleStats::*counter) const {
    if (options.stats != nullptr) {
      (options.stats->*counter).fetch_add(1, std::memory_order_relaxed);
    }
  }

  /// At most once a minute a certificate, so that handshakes cannot flood the log.
  void report(const CertificateTag& tag, std::string_view event, std::string_view message) const {
    const std::int64_t now = to_int(SystemClock().now());
    std::int64_t last = tag.reported.load(std::memory_order_relaxed);
    if (options.logger != nullptr && now - last >= kReportInterval &&
        tag.reported.compare_exchange_strong(last, now, std::memory_order_relaxed)) {
      options.logger->log(LogLevel::kWarning, event, message,
                          {{"certificate_sha256", to_hex(tag.fingerprint)}});
    }
  }
};

void free_attachment(void*, void* attachment, CRYPTO_EX_DATA*, int, long, void*) noexcept {
  delete static_cast<Attachment*>(attachment);
}

int attachment_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_attachment);
  MUSTER_ASSERT(kIndex >= 0);
  return kIndex;
}

int answer_without(const Attachment& attachment, const CertificateTag& tag) {
  attachment.count(&StapleStats::missing);
  if (!tag.must_staple) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  if (attachment.options.must_staple == MustStaplePolicy::kHold) {
    attachment.count(&StapleStats::held);
    attachment.report(
        tag, "tls.held",
        "a must-staple certificate has no valid staple: handshakes that ask for one are refused");
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  attachment.report(tag, "tls.staple_missing",
                    "a must-staple certificate is served without staple: strict clients refuse it");
  return SSL_TLSEXT_ERR_NOACK;
}

/// Of the certificates that are sent behind the one selected, in their order.
std::vector<Fingerprint> find_above(SSL* ssl) {
  std::vector<Fingerprint> out;
  STACK_OF(X509)* chain = nullptr;
  if (SSL_get0_chain_certs(ssl, &chain) == 1) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      X509* const certificate = sk_X509_value(chain, i);
      const CertificateTag* tag = find_tag(certificate);
      out.push_back(tag != nullptr ? tag->fingerprint : CertificateTag(certificate).fingerprint);
    }
  }
  return out;
}

/// False: only the staple of the server's own certificate can be sent, and is still to be.
bool answer_for_chain(SSL* ssl, const Attachment& attachment, const OfferedStaple& own) {
  if (attachment.options.chain != ChainStapling::kWhole || SSL_version(ssl) < TLS1_3_VERSION) {
    return false;
  }
  const auto staples = choose_chain(own, find_above(ssl), attachment.source);
  return staples.size() > 1 && set_chain_staples(ssl, staples);
}

int answer(SSL* ssl, const Attachment& attachment, const CertificateTag& tag) {
  const OfferedStaple staple = attachment.source.find(tag.fingerprint);
  if (staple.der.empty()) {
    return answer_without(attachment, tag);
  }
  const std::size_t limit = SSL_version(ssl) >= TLS1_3_VERSION ? kMaxStapleTls13 : kMaxStapleTls12;
  if (staple.der.size() > limit) {
    attachment.count(&StapleStats::too_large);
    attachment.report(tag, "tls.staple_too_large",
                      "the OCSP response does not fit the handshake and is not sent");
    return answer_without(attachment, tag);
  }
  if (!answer_for_chain(ssl, attachment, staple)) {
    void* copy = OPENSSL_memdup(staple.der.data(), staple.der.size());
    MUSTER_ASSERT(copy != nullptr);
    // Takes the copy over; its status codes are long.
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple.der.size()));
  }
  attachment.count(&StapleStats::stapled);
  return SSL_TLSEXT_ERR_OK;
}

/// OpenSSL calls this when the client asked for status, after it selected the certificate for this
/// handshake.
int on_status_request(SSL* ssl, void* argument) noexcept {
  const auto& attachment = *static_cast<const Attachment*>(argument);
  X509* const certificate = SSL_get_certificate(ssl);
  if (certificate == nullptr || SSL_session_reused(ssl) == 1) {
    return SSL_TLSEXT_ERR_NOACK;  // no Certificate message, no status (OCSP-TLS-009, -024)
  }
  attachment.count(&StapleStats::asked);
  if (const CertificateTag* tag = find_tag(certificate)) {
    return answer(ssl, attachment, *tag);
  }
  return answer(ssl, attachment, CertificateTag(certificate));
}

}  // namespace

void attach(ssl_ctx_st* context, const StapleSource& source, const AttachOptions& options) {
  MUSTER_ASSERT(SSL_CTX_get_ex_data(context, attachment_index()) == nullptr);
  for (long more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST); more == 1;
       more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT)) {
    tag_certificate(SSL_CTX_get0_certificate(context));
    STACK_OF(X509)* chain = nullptr;
    if (options.chain == ChainStapling::kWhole && SSL_CTX_get0_chain_certs(context, &chain) == 1) {
      for (int i = 0; i < sk_X509_num(chain); ++i) {
        tag_certificate(sk_X509_value(chain, i));
      }
    }
  }
  SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);
  auto* attachment = new Attachment{source, options};
  MUSTER_ASSERT(SSL_CTX_set_ex_data(context, attachment_index(), attachment) == 1);
  // What the macro SSL_CTX_set_tlsext_status_cb does, without its C cast.
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                        reinterpret_cast<void (*)()>(&on_status_request));
  SSL_CTX_set_tlsext_status_arg(context, attachment);
}

}  // namespace muster::tls
