#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "muster/check/check.h"

namespace muster::check {

/// What is in question and what its target showed with it.
struct InQuestion {
  std::string target, peer;  ///< as reports have them
  client::Material material;
  /// What the server stapled for issuers.
  std::vector<std::pair<pki::Certificate, Buffer>> issuer_staples{};
};

/// Judges a certificate and those above it. An issuer is judged once for all targets of a run.
/// Threads: any.
class ChainCheck {
 public:
  ChainCheck(const Plan& plan, const Clock& clock, client::Sources& sources)
      : plan_(plan), clock_(clock), sources_(sources) {}

  /// What was asked about first, then its issuers upwards, without the trust anchor.
  /// Where nothing is trusted it alone.
  std::vector<client::TargetReport> run(const InQuestion& asked,
                                        const client::GatherOptions& options,
                                        client::Sources::Deadline deadline);

 private:
  struct Judged {
    client::Case what;
    client::Verdict verdict;
  };
  /// An issuer's, as soon as the first who wants it has it.
  struct Slot {
    /// Null when the deadline passed first.
    std::shared_ptr<const Judged> wait(client::Sources::Deadline deadline);

    std::mutex mutex;
    std::condition_variable ready;
    std::shared_ptr<const Judged> judged;
  };
  using Key = std::pair<std::vector<std::array<std::uint8_t, 32>>, client::Reach>;

  [[nodiscard]] std::shared_ptr<const Judged> judge(const client::Material& material,
                                                    const client::GatherOptions& options,
                                                    client::Sources::Deadline deadline);
  std::shared_ptr<const Judged> judge_once(const Key& key, const client::Material& material,
                                           const client::GatherOptions& options,
                                           client::Sources::Deadline deadline);

  const Plan& plan_;
  const Clock& clock_;
  client::Sources& sources_;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<Slot>> issuers_;  // by mutex_
};

}  // namespace muster::check
