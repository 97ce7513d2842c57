#pragma once

#include <cstdint>
#include <string>

#include "muster/pki/certificate.h"

namespace muster::bench {

/// Servers of `healthy` names, each with its own certificate that names one responder of
/// `delegates`, which differ in who signs for them, and a port whose connections are taken and
/// never answered; all on loopback. Writes what clients need to `directory`: root.pem, issuer.pem,
/// targets.txt (one a line, those that hang spread among the others, the first is one), resolve.txt
/// (HOST:PORT:ADDRESS for each), and world.txt, which load_world() reads. Says "ready", and serves
/// until it is ended.
[[noreturn]] void serve(const std::string& directory, std::size_t healthy, std::size_t hanging,
                        std::size_t delegates);

/// What serve() wrote.
struct World {
  pki::Certificate root, issuer;
  std::string responder;  ///< URL of the first one
  std::uint16_t port = 0;
  std::size_t healthy = 0;
};
World load_world(const std::string& directory);
/// "h17.test"
std::string healthy_name(std::size_t index);

}  // namespace muster::bench
