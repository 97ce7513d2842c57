#pragma once

#include <condition_variable>
#include <thread>

#include "admin.h"
#include "batch_handler.h"
#include "data_age.h"
#include "follower.h"
#include "key_watch.h"
#include "listeners.h"
#include "loading.h"
#include "muster/base/memory.h"
#include "muster/base/mutex.h"
#include "muster/net/loop.h"
#include "muster/signers/expiry.h"
#include "patient_mutex.h"
#include "probe.h"
#include "publishing.h"
#include "push_handler.h"
#include "signer_revocation.h"
#include "store_mark.h"

namespace muster::node {

/// Of all listeners for the few.
struct ControlFiles {
  ListenerFiles admin, push, batch;
};

struct Node::Impl final : AdminActions {
  Impl(OptionsReader reader, const Clock& c, Logger& l)
      : read_again(std::move(reader)), clock(c), logger(l), started_at(c.now()) {}

  // node.cc: the life of a node.
  NodeResult<Unit> begin(const NodeOptions& options);
  NodeResult<ReloadReport> try_reload();

  // following.cc: the sources.
  /// Follows them and waits for the first look at each. A source that cannot be read is an error
  /// when nothing is known of its issuer: old records are better than none.
  NodeResult<Unit> begin_following(const Loaded& loaded, const NodeOptions& options);
  /// Goes over to the sources of `loaded`. Those that stay are followed all the time, the others
  /// until what takes their place was read on trial. On an error all is as it was. Under
  /// `changing`. \param warnings  of sources that were fine on trial and then were not
  NodeResult<Unit> switch_sources(const Loaded& loaded, const NodeOptions& options,
                                  std::vector<std::string>& warnings);
  [[nodiscard]] std::shared_ptr<Follower> follow(std::shared_ptr<store::Store> into,
                                                 const source::SourceSpec& spec,
                                                 const source::WatchOptions& how, Logger& to) const;
  /// The first look at each. Errors: kSystem (one was not over in time), kStopped.
  [[nodiscard]] NodeResult<std::vector<source::SourceStatus>> wait_for(const Followers& looking,
                                                                       Milliseconds patience) const;
  /// Notes in the store what the push API is the source of (take_over_pushed()), held back where
  /// the store has fallen behind its mark. On an error all is as it was.
  NodeResult<Unit> take_over(const Loaded& loaded);
  /// Compares the store with its mark if there is anything to push and that was not done yet.
  NodeResult<Unit> open_mark(const NodeOptions& options);
  /// Why one that is not in order must not stop us: logs it. Whether it must: kInput.
  NodeResult<Unit> judge(const source::SourceSpec& spec, const source::SourceStatus& state);
  /// trial.cc: reads the sources that are not followed yet into a store of their own, so that one
  /// that cannot be used fails the reload before anything in the store in use has changed. Under
  /// `changing`.
  NodeResult<Unit> try_sources(const std::vector<source::SourceSpec>& specs,
                               const NodeOptions& options);
  [[nodiscard]] std::vector<std::string> restart_needs(const NodeOptions& next) const;
  void announce(const Loaded& loaded);
  /// Takes over what `loaded` brings besides sources. Under `changing`.
  void adopt(const Loaded& loaded);
  void look_at_delegates();
  void warn_of_expiry();
  void look_at_keys();
  /// Tells when the store was replaced, moved or removed, or is back.
  void look_at_store();
  void return_memory();
  /// signer_revocation.cc: leaves out signers that our own records call revoked, where others can
  /// sign, and tells of changes. Under `changing`. \return whether it is otherwise than before
  bool take_out_revoked(std::vector<responder::IssuerSpec>& specs, UnixSeconds now);
  /// The setup of `loaded` without them. Under `changing`, once the sources were read.
  std::shared_ptr<const responder::Setup> without_revoked(const Loaded& loaded);
  void stop();

  // control.cc: admin and push.
  NodeResult<ControlFiles> load_control_files(const NodeOptions& options);
  NodeResult<Unit> listen_for_control(const NodeOptions& options, const Loaded& loaded,
                                      const ControlFiles& files);
  void switch_control(const NodeOptions& options, const Loaded& loaded, const ControlFiles& files);
  MetricsInput collect();
  void stop_control();

  // publishing.cc: CRLs.
  /// Also notes in `loaded` what cannot be pushed because of them.
  NodeResult<Unit> begin_publication(const NodeOptions& options, Loaded& loaded);
  void switch_publication(std::vector<publish::Spec> series, std::vector<std::string>& report);

  // AdminActions: called by threads of the admin listener.
  [[nodiscard]] std::string_view program() const override { return "responder"; }
  [[nodiscard]] bool explains() const override { return true; }
  Readiness readiness() override;
  std::string metrics() override;
  NodeResult<ReloadReport> reload() override;
  void drain() override;
  std::string explain(Bytes request, const responder::Client& client) override;

  // Constant after construction.
  const OptionsReader read_again;
  const Clock& clock;
  Logger& logger;
  const UnixSeconds started_at;
  // Constant after begin().
  NodeOptions served;        ///< as at the start: for what a reload cannot change
  std::stop_token given_up;  ///< whoever starts us does not want it any more
  std::shared_ptr<store::Store> store;
  std::unique_ptr<responder::Service> service;
  std::unique_ptr<Probe> probe;
  ControlStats admin_stats, push_stats, batch_control_stats;
  BatchStats batch_stats;
  std::unique_ptr<AdminHandler> admin_handler;
  std::unique_ptr<PushHandler> push_handler;
  std::unique_ptr<BatchHandler> batch_handler;  ///< null: no batch listener
  std::unique_ptr<ControlServer> admin_server, push_server, batch_server;
  std::unique_ptr<publish::Service> publication;

  /// One change at a time: reloads, renewed signers. Held long, since files are read meanwhile:
  /// drain() does not take it, and stop() waits for it no
  /// longer than kLettingGo. What may be asked meanwhile is under `published`.
  PatientMutex changing;
  std::vector<source::SourceSpec> watched;  ///< under `changing`
  source::WatchOptions watching;            ///< under `changing`: how
  std::uint64_t trials = 0;                 ///< under `changing`
  std::atomic<Milliseconds> poll{};         ///< of them, for the signer directories too
  std::shared_ptr<Delegates> delegates;     ///< under `changing`
  signers::ExpiryAlarms expiry;             ///< on the node's thread
  KeyWatch keys;                            ///< on the node's thread
  ListWatch lists;                          ///< on the node's thread
  std::uint64_t signers_judged_at = 0;      ///< under `changing`: the store's sequence then
  bool is_retrying = false;  ///< under `changing`: a reload is due for a signer left out
  std::atomic<bool> is_stopped{false};
  std::mutex serving;  ///< calls to `service`, which wants them one at a time; after `changing`
  std::atomic<bool> draining{false};  ///< ends waits

  mutable Mutex published;
  std::shared_ptr<const responder::Setup> setup MUSTER_GUARDED_BY(published);
  Followers followers MUSTER_GUARDED_BY(published);  ///< as `watched`
  bool follows_no_more MUSTER_GUARDED_BY(published) = false;
  const LeftBehind left_behind = std::make_shared<std::atomic<std::size_t>>(0);
  ReloadFigures reloads MUSTER_GUARDED_BY(published);
  std::shared_ptr<StoreMark> mark MUSTER_GUARDED_BY(published);  ///< null: nothing was ever pushed
  std::vector<IssuerDelegate> delegate_states MUSTER_GUARDED_BY(published);
  std::vector<RevokedSigner> revoked_signers MUSTER_GUARDED_BY(published);

  std::mutex stopping_mutex;
  std::condition_variable stopping_moved;
  bool stopping = false;  ///< under stopping_mutex

  MemoryReturn memory;         // upkeep's thread alone
  bool is_store_away = false;  // upkeep's thread alone
  net::Loop upkeep;            ///< reloads asked for, and timers
  std::thread upkeep_thread;

  std::shared_ptr<StoreMark> store_mark() const {
    const MutexLock lock(published);
    return mark;
  }
  std::shared_ptr<const responder::Setup> current_setup() const {
    const MutexLock lock(published);
    return setup;
  }
  std::vector<source::SourceStatus> source_states() const {
    const MutexLock lock(published);
    std::vector<source::SourceStatus> states;
    for (const auto& one : followers) {
      states.push_back(one->status());
    }
    return states;
  }
  std::vector<RevokedSigner> revoked_view() const {
    const MutexLock lock(published);
    return revoked_signers;
  }
  std::vector<IssuerDelegate> delegate_view() const {
    const MutexLock lock(published);
    return delegate_states;
  }
  void publish(std::vector<IssuerDelegate> next) {
    const MutexLock lock(published);
    delegate_states = std::move(next);
  }
  void publish(std::shared_ptr<const responder::Setup> next) {
    const MutexLock lock(published);
    setup = std::move(next);
  }
};

}  // namespace muster::node
