#pragma once

#include "muster/net/fetcher.h"

// Asking listeners for the few (admin, push) from the command line.
namespace muster::net {

/// As such listeners write addresses: "8889" and ":8889" are "127.0.0.1:8889"; anything else stays.
std::string with_loopback(const std::string& address);

/// Whom to ask, and as whom.
struct ControlAccess {
  std::string address{};      ///< as the listener has it ("8889", "127.0.0.1:8889", "unix:/path"),
                              ///< or an http or https URL
  std::string certificate{};  ///< ours, for mutual TLS (PEM, its chain behind). Empty: plain HTTP
  std::string key{};          ///< its private key
  std::string ca{};           ///< who certifies the listener. Empty: the system's
};
/// One fetch of `target` ("/explain") there, waiting for it. `request.url` is set here.
FetchResult fetch_from(const ControlAccess& access, const std::string& target,
                       FetchRequest request);

}  // namespace muster::net
