#pragma once

#include <map>
#include <memory>

#include "carrier.h"
#include "muster/stapler/staple_files.h"
#include "muster/stapler/targets.h"
#include "prober.h"

namespace muster::stapler {

/// What all targets share.
struct TargetWorld {
  net::Loop& loop;
  const Clock& clock;
  Logger& logger;
  Prober& prober;
  client::VerifyPolicy policy;
  TellUnchanged tell;
};

/// One target with its certificates. Loop's thread.
class TargetRun : public std::enable_shared_from_this<TargetRun> {
 public:
  TargetRun(TargetWorld world, TargetOptions options);

  std::vector<std::string> set_certificates(const std::vector<TargetSubject>& subjects);
  void apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple);
  void tick();
  void add_status(std::vector<TargetStatus>& out) const;
  [[nodiscard]] bool settled() const;

 private:
  struct Port {
    std::string address;
    Finding finding{};
    std::optional<UnixSeconds> looked_at{};
    bool asking = false;
    bool complained = false;
    unsigned looks = 0;  ///< since the last delivery
    MonotonicTime due = MonotonicTime::max();
  };
  struct Item {
    TargetSubject subject;
    std::string file, snippet;  ///< empty: none
    /// Its file held another certificate's staple: what the server has loaded goes together, so
    /// that it is not told before there is a staple for the new one.
    bool took_over = false;
    bool orphan = false;  ///< no longer in the inventory; waits for its staple's end
    keeper::StaplePointer wanted{};
    std::uint64_t generation = 0;  ///< of wanted
    keeper::StaplePointer pushed{};
    std::uint64_t pushed_generation = 0;
    std::optional<UnixSeconds> pushed_at{};
    Delivery delivery = Delivery::kNothing;
    std::string obstacle{};  ///< why `wanted` is not to be handed over
    std::string reason{};
    bool carrying = false;
    bool again = false;  ///< something changed while carrying
    unsigned failures = 0, heals = 0;
    MonotonicTime retry_at = MonotonicTime::max();
    MonotonicTime heal_at{};
    std::vector<Port> ports{};
  };
  using Items = std::map<keeper::Fingerprint, Item>;

  enum class Tell : std::uint8_t { kIfChanged, kAnyway };

  std::optional<std::string> add(Items& items, const TargetSubject& subject,
                                 std::map<std::string, std::string>& owners);
  void keep_orphans(Items& next, const std::map<std::string, std::string>& owners);
  void deliver(const keeper::Fingerprint& id, Item& item, Tell tell);
  [[nodiscard]] bool is_urgent(const Item& item, const keeper::StaplePointer& staple) const;
  /// What of `wanted` may be handed over now.
  [[nodiscard]] keeper::StaplePointer deliverable(Item& item) const;
  /// Whether files changed; the error is why they could not be.
  Result<Applied, std::string> write_files(const keeper::Fingerprint& id, const Item& item,
                                           const keeper::StaplePointer& staple);
  void carried(const keeper::Fingerprint& id, const keeper::StaplePointer& staple,
               std::uint64_t generation, const std::string& why_not);
  void delivered(Item& item, const keeper::StaplePointer& staple, std::uint64_t generation);
  void fail(Item& item, const std::string& why);
  void look(const keeper::Fingerprint& id, Item& item, std::size_t port);
  void looked(const keeper::Fingerprint& id, std::size_t port, std::uint64_t generation,
              const Prober::Seen& seen);
  void complain(Item& item, Port& port);
  void heal(const keeper::Fingerprint& id, Item& item, const Port& port);
  [[nodiscard]] bool is_settling(const Item& item, UnixSeconds now) const;
  [[nodiscard]] TargetStatus status_of(const Item& item) const;

  const TargetWorld world_;
  const TargetOptions options_;
  const TargetRow& row_;
  Items items_;
  StapleFiles files_;
  std::unique_ptr<Carrier> carrier_;
};

}  // namespace muster::stapler
