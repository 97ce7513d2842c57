#include "chain_staples.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <algorithm>
#include <memory>

#include "muster/base/assert.h"

namespace muster::tls {
namespace {

/// SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX: the headers of 3.0 do not have it.
constexpr int kSetResponses = 143;
#ifdef SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX
static_assert(kSetResponses == SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX);
#endif

void free_response(void* response) noexcept {
  OCSP_RESPONSE_free(static_cast<OCSP_RESPONSE*>(response));
}

struct ResponsesDeleter {
  void operator()(OPENSSL_STACK* responses) const noexcept {
    OPENSSL_sk_pop_free(responses, free_response);
  }
};
using ResponsesPtr = std::unique_ptr<OPENSSL_STACK, ResponsesDeleter>;

/// Null: they are no response, or not one that is encoded to the same octets again.
ResponsesPtr parse(std::span<const OfferedStaple> staples) {
  ResponsesPtr responses(OPENSSL_sk_new_null());
  MUSTER_ASSERT(responses != nullptr);
  for (const OfferedStaple& staple : staples) {
    const auto size = static_cast<long>(staple.der.size());
    const unsigned char* at = staple.der.data();
    OCSP_RESPONSE* const response = d2i_OCSP_RESPONSE(nullptr, &at, size);
    if (response == nullptr) {
      return nullptr;
    }
    MUSTER_ASSERT(OPENSSL_sk_push(responses.get(), response) > 0);
    if (i2d_OCSP_RESPONSE(response, nullptr) != size) {
      return nullptr;
    }
  }
  return responses;
}

}  // namespace

ChainStapling chain_stapling_of(unsigned major, unsigned minor, unsigned patch) {
  if (major < 3 || (major == 3 && minor < 6)) {
    return ChainStapling::kNone;
  }
  return major == 3 && minor == 6 && patch == 0 ? ChainStapling::kMalformed : ChainStapling::kWhole;
}

ChainStapling chain_stapling() {
  return chain_stapling_of(OPENSSL_version_major(), OPENSSL_version_minor(),
                           OPENSSL_version_patch());
}

std::string_view library_name() { return OpenSSL_version(OPENSSL_VERSION); }

std::vector<OfferedStaple> choose_chain(OfferedStaple own, std::span<const Fingerprint> above,
                                        const StapleSource& source) {
  std::size_t total = own.der.size();
  std::vector<OfferedStaple> out;
  out.push_back(std::move(own));
  for (const Fingerprint& certificate : above.first(std::min(above.size(), kMaxChainStaples))) {
    OfferedStaple staple = source.find(certificate);
    total += staple.der.size();
    if (staple.der.empty() || total > kMaxChainStapleBytes) {
      break;
    }
    out.push_back(std::move(staple));
  }
  return out;
}

bool give_responses(SSL* ssl, OPENSSL_STACK* responses) {
  return SSL_ctrl(ssl, kSetResponses, 0, responses) == 1;
}

bool set_chain_staples(SSL* ssl, std::span<const OfferedStaple> staples, GiveResponses give) {
  ERR_set_mark();
  ResponsesPtr responses = parse(staples);
  const bool is_given = responses != nullptr && give(ssl, responses.get());
  ERR_pop_to_mark();
  if (is_given) {
    static_cast<void>(responses.release());
  }
  return is_given;
}

}  // namespace muster::tls
