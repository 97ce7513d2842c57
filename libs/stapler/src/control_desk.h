#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "control_listener.h"
#include "kept.h"
#include "muster/stapler/history.h"
#include "muster/stapler/import.h"
#include "muster/stapler/inventory.h"
#include "muster/stapler/targets.h"
#include "pauses.h"
#include "waiting.h"

namespace muster::stapler {

/// What an operator's requests are done with.
class ControlledStapler {
 public:
  virtual ~ControlledStapler() = default;
  virtual keeper::Keeper& the_keeper() = 0;
  virtual keeper::Shelf& the_shelf() = 0;
  [[nodiscard]] virtual const std::vector<InventoryEntry>& entries() const = 0;
  [[nodiscard]] virtual const std::map<keeper::Fingerprint, Kept>& kept() const = 0;
  /// Of one certificate: who waits for it looks ten times a second.
  [[nodiscard]] virtual std::vector<TargetStatus> target_status(
      const keeper::Fingerprint& certificate) const = 0;
  /// Why its file in `out` is not as it should be; empty: it is, or there is none.
  [[nodiscard]] virtual std::string file_failure(const keeper::Fingerprint& certificate) const = 0;
  /// The issuer of a certificate, wherever the inventory looks for issuers; nothing: it is not
  /// there.
  [[nodiscard]] virtual std::optional<pki::Certificate> find_issuer(
      const pki::Certificate& certificate) const = 0;
  /// Takes up what changed in the files of the inventory, now.
  virtual void read_files() = 0;
  /// Looks after a certificate for a while.
  virtual void keep(Kept kept) = 0;
  /// Something that `muster stapler status` tells has changed.
  virtual void touch() = 0;
};

/// Does what operators ask for. Requests that have to wait are looked at again when something
/// happens. Loop's thread.
class ControlDesk {
 public:
  /// Longest time a request may wait.
  static constexpr Seconds kMaxPatience{3600};
  /// Certificates named one by one in the answer to a refresh; of more, those that failed.
  static constexpr std::size_t kMaxNamed = 100;
  /// Certificates that one request may name: each is looked for among all.
  static constexpr std::size_t kMaxAskedFor = 1000;

  ControlDesk(ControlledStapler& stapler, const Clock& clock, Logger& logger, History& history,
              Pauses pauses);
  ~ControlDesk();
  ControlDesk(const ControlDesk&) = delete;
  ControlDesk& operator=(const ControlDesk&) = delete;

  void handle(std::shared_ptr<Conversation> talk, const nlohmann::ordered_json& request);
  /// A question has ended.
  void answered(const keeper::Answered& answer);
  /// Looks whether those who wait may go on, and ends pauses whose time is over.
  void tick();
  /// The inventory changed.
  void entries_changed() { index_.reset(); }
  [[nodiscard]] const Pauses& pauses() const { return pauses_; }
  /// Whether somebody waits: then tick() soon.
  [[nodiscard]] bool is_awaited() const { return !waiters_.empty(); }

 private:
  using Json = nlohmann::ordered_json;
  using Ids = std::vector<std::pair<keeper::Fingerprint, std::string>>;  // with names
  struct Waiter;

  void refresh(const std::shared_ptr<Conversation>& talk, const Json& request);
  void pin(const std::shared_ptr<Conversation>& talk, const Json& request);
  void unpin(const std::shared_ptr<Conversation>& talk, const Json& request);
  void pause(const std::shared_ptr<Conversation>& talk, const Json& request);
  void resume(const std::shared_ptr<Conversation>& talk, const Json& request);
  void import(const std::shared_ptr<Conversation>& talk, const Json& request);
  void wait(const std::shared_ptr<Conversation>& talk, const Json& request);

  /// The certificates that are named; an error is told to `talk`.
  std::optional<Ids> find_all(const std::shared_ptr<Conversation>& talk, const Json& names);
  [[nodiscard]] std::optional<std::pair<keeper::Fingerprint, std::string>> find(
      const std::string& name) const;
  bool change_pauses(const std::shared_ptr<Conversation>& talk);
  void end_pauses();
  /// A certificate that is waited for, without a name; an error is told to `talk`.
  std::optional<keeper::Subject> read_awaited(const std::shared_ptr<Conversation>& talk,
                                              const Json& one) const;
  /// Whom the operator's configuration has asked for what will stand in the place of others.
  [[nodiscard]] std::vector<std::string> responders_for(const pki::Certificate& certificate,
                                                        const pki::Certificate& issuer,
                                                        const std::string& path) const;
  void look(Waiter& waiter);
  [[nodiscard]] Waiting judge(const Waiter& waiter, const keeper::Fingerprint& id,
                              UnixSeconds now) const;
  void record(HistoryEvent event);

  ControlledStapler& stapler_;
  const Clock& clock_;
  Logger& logger_;
  History& history_;
  Pauses pauses_;
  std::optional<SerialIndex> index_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
};

}  // namespace muster::stapler
