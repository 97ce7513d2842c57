#pragma once

#include "muster/client/live.h"
#include "muster/relay/question.h"

namespace muster::relay {

/// A request on its way through: sent as it is asked to one upstream after the other, until one
/// gives an answer that holds for every CertID in it. Pure. Threads: one.
class Passage {
 public:
  /// What was verified, one for each CertID, of one response.
  using Answers = std::vector<client::VerifiedResponse>;
  /// Whether an answer that verifies may be handed out too.
  using Accept = std::function<bool(const Answers&)>;
  struct Failed {
    bool is_unauthorized = false;  ///< every upstream said so
    std::string detail;            ///< of the last
  };
  using Step = std::variant<net::FetchRequest, std::shared_ptr<const Buffer>, Failed>;

  Passage(std::vector<Asked> asked, AllowedIssuer issuer, std::optional<Buffer> nonce,
          client::Transport transport, std::string via, client::VerifyPolicy policy, Accept accept);
  [[nodiscard]] Step start();
  [[nodiscard]] Step on_fetched(const net::FetchResult& fetched, UnixSeconds now);
  /// Who is being asked.
  [[nodiscard]] const std::string& url() const { return issuer_.urls[url_]; }
  [[nodiscard]] const Buffer& request() const { return request_; }

 private:
  Step next();

  const std::vector<Asked> asked_;
  const AllowedIssuer issuer_;
  const std::optional<Buffer> nonce_;
  const client::Transport transport_;
  const std::string via_;
  const client::VerifyPolicy policy_;
  const Accept accept_;
  Buffer request_;
  std::size_t url_ = 0;
  bool all_unauthorized_ = true;
  std::string last_;
};

/// What every fetch of a relay has in common: no redirects, and who asks.
net::FetchRequest as_relay(net::FetchRequest request, const std::string& via);

}  // namespace muster::relay
