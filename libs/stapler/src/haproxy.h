#pragma once

#include <functional>
#include <memory>
#include <string>

#include "muster/base/bytes.h"

namespace muster::stapler {

// What is said on HAProxy's runtime socket and what its answers mean. Pure.

/// `set ssl ocsp-response` with the response as payload: a long line would not fit its buffer.
std::string push_request(Bytes der);
/// The same as part of a transaction on the certificate HAProxy calls `file`.
std::string stage_request(const std::string& file, Bytes der);
std::string commit_request(const std::string& file);
std::string abort_request(const std::string& file);
/// Asks for certificates and the transaction that is open, if one is.
std::string list_request();

enum class HaproxySays : std::uint8_t {
  kDone,
  kNoEntry,  ///< no such CertID: it was started without a .ocsp file beside the certificate
  kRefused,  ///< see why
};
struct HaproxyAnswer {
  HaproxySays says = HaproxySays::kRefused;
  std::string why{};  ///< in words, with what to do; empty when done
};
HaproxyAnswer read_push_answer(const std::string& answer);
HaproxyAnswer read_stage_answer(const std::string& answer);
HaproxyAnswer read_commit_answer(const std::string& answer);
/// The certificate that somebody's open transaction is about; empty: none is open.
std::string open_transaction(const std::string& list_answer);

}  // namespace muster::stapler
