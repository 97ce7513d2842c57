#pragma once

#include <string>
#include <vector>

#include "muster/testing/pki_builder.h"

// Servers, a responder and hosts that hang, all on loopback, in a process of their own.
namespace muster::bench {

class World {
 public:
  /// Servers of `healthy` names, each with its own certificate that names the responder.
  explicit World(std::size_t healthy);
  /// Ends the process.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] const testing::TestPki& pki() const { return pki_; }
  /// "h17.test:4433"; what `resolve` leads to loopback.
  [[nodiscard]] std::string healthy(std::size_t index) const;
  /// Accepts connections and never says a word.
  [[nodiscard]] std::string hanging(std::size_t index) const;
  /// HOST:PORT:ADDRESS for every name.
  [[nodiscard]] std::vector<std::string> resolve(std::size_t hanging) const;
  [[nodiscard]] const std::string& responder() const { return responder_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  [[noreturn]] void serve(int tell) const;

  testing::TestPki pki_;
  std::size_t healthy_;
  std::string responder_;
  std::uint16_t port_ = 0, hanging_port_ = 0;
  int child_ = -1;
};

}  // namespace muster::bench
