#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "carrier.h"
#include "muster/stapler/targets.h"
#include "prober.h"
#include "target_item.h"

namespace muster::stapler {

/// What all targets share.
struct TargetWorld {
  net::Loop& loop;
  const Clock& clock;
  Logger& logger;
  Prober& prober;
  client::VerifyPolicy policy;
  TellUnchanged tell;
  std::uint64_t& changes;  ///< counted up when a status changes
};

/// One target with its certificates. Loop's thread. In three files: which certificates it has
/// (target_run.cc), handing over (target_delivery.cc), reading back (target_watch.cc).
class TargetRun : public std::enable_shared_from_this<TargetRun> {
 public:
  TargetRun(TargetWorld world, TargetOptions options);

  [[nodiscard]] const TargetOptions& options() const { return options_; }
  std::vector<std::string> set_certificates(const std::vector<TargetSubject>& subjects);
  void apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple);
  void tell_former(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple);
  void tick();
  void add_status(std::vector<TargetStatus>& out) const;
  void add_status_of(const keeper::Fingerprint& certificate, std::vector<TargetStatus>& out) const;
  [[nodiscard]] bool settled() const;

  /// Files that are written for certificates of the inventory.
  void add_paths(std::set<std::string>& out) const;
  /// Whether what the server was told of this one is, or will be, followed by something newer. A
  /// command goes by the name, which a renewed certificate keeps.
  [[nodiscard]] bool has(const keeper::Subject& subject) const;
  /// The operator took the target out, or changed it: what it left is withdrawn at its end, but for
  /// the files in `taken`, which are others' now. `successor`: the target of this name, or null.
  void retire(const std::set<std::string>& taken, const TargetRun* successor);
  /// Nothing is left to be withdrawn.
  [[nodiscard]] bool is_over() const { return items_.empty() && leftovers_.empty(); }

 private:
  using Items = keeper::FingerprintMap<TargetItemPointer>;
  using Leftovers = std::multimap<keeper::Fingerprint, TargetItemPointer>;
  using Holders = std::map<std::string, TargetItemPointer>;  ///< by file
  enum class Tell : std::uint8_t { kIfChanged, kAnyway };

  // ---- certificates
  std::optional<std::string> add(Items& before, const Holders& holders,
                                 const TargetSubject& subject, std::set<std::string>& taken);
  TargetItemPointer find_same(Items& before, const keeper::Fingerprint& id,
                              const TargetPaths& paths);
  void leave(const keeper::Fingerprint& id, const TargetItemPointer& item,
             const std::set<std::string>& taken, bool has_successor);
  void review_leftovers(const std::set<std::string>& taken,
                        const std::function<bool(const keeper::Subject&)>& has_successor);
  [[nodiscard]] Holders holders() const;
  template <class Action>
  void for_each(Action action) const;

  // ---- handing over
  void tick_item(const TargetItemPointer& item);
  void deliver(const TargetItemPointer& item, Tell tell);
  /// Whether it is known how the files were left, and nobody is about to write them.
  [[nodiscard]] static bool is_at_rest(const TargetItem& item);
  /// Writes files again that somebody took away, once in a while.
  void put_back(const TargetItemPointer& item);
  /// Why the files could not be written; empty: they were.
  std::string put_files(TargetItem& item, const keeper::StaplePointer& staple, bool& changed) const;
  void carry(const TargetItemPointer& item, const keeper::StaplePointer& staple);
  void carried(const TargetItemPointer& item, const keeper::StaplePointer& staple,
               std::uint64_t generation, const std::string& why_not);
  void delivered(TargetItem& item, const keeper::StaplePointer& staple,
                 std::uint64_t generation) const;
  void fail(TargetItem& item, const std::string& why) const;
  [[nodiscard]] bool is_urgent(const TargetItem& item, const keeper::StaplePointer& staple) const;
  /// What of `wanted` may be handed over now.
  [[nodiscard]] keeper::StaplePointer deliverable(TargetItem& item) const;

  // ---- reading back
  void look(const TargetItemPointer& item, std::size_t port);
  void look_on();
  void looked(const TargetItemPointer& item, std::size_t port, std::uint64_t deliveries,
              const Prober::Seen& seen);
  void complain(TargetItem& item, TargetPort& port) const;
  void heal(const TargetItemPointer& item, const TargetPort& port);
  [[nodiscard]] bool is_settling(const TargetItem& item, UnixSeconds now) const;
  [[nodiscard]] TargetStatus status_of(const TargetItem& item) const;
  [[nodiscard]] TargetStatus judged_status_of(const TargetItem& item) const;
  [[nodiscard]] static bool must_staple(const TargetItem& item) {
    return item.subject.subject.certificate.facts().must_staple();
  }

  const TargetWorld world_;
  const TargetOptions options_;
  const TargetRow& row_;
  Items items_;
  Leftovers leftovers_;
  std::deque<std::pair<std::weak_ptr<TargetItem>, std::size_t>> looks_;  ///< that are due
  std::size_t looking_ = 0;                                              ///< under way
  std::unique_ptr<Carrier> carrier_;
};

}  // namespace muster::stapler
