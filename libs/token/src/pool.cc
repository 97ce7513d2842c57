#include "pool.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <system_error>
#include <thread>

namespace muster::token {
namespace {

using pki::KeyHealth;
using pki::PkiErrc;
using pki::PkiError;
using pki::PkiResult;

Err<PkiError> unavailable(std::string why) {
  return Err{PkiError{PkiErrc::kUnavailable, std::move(why)}};
}
constexpr const char* kWhatToDo =
    "See that the token, its network and its daemon are up; if the call never comes back, restart "
    "this process";
thread_local const void* on_worker_of = nullptr;  // the pool whose thread this is

bool may_pass(const PkiResult<Unit>& result) {
  return !result && result.error().code == PkiErrc::kUnavailable;
}

}  // namespace

struct Pool::State {
  struct Job {
    std::shared_ptr<KeyState> key;
    Work work;
    Done done;
    Milliseconds time{};  // given to it
    MonotonicTime deadline;
    const Connection* connection = nullptr;  // while it runs
    bool is_probe = false;
    bool is_running = false;
    bool is_over = false;  // `done` has been, or is being, told
  };
  using JobPtr = std::shared_ptr<Job>;

  State(std::shared_ptr<Token> t, const TokenOptions& o, const Clock& c)
      : token(std::move(t)), options(o), clock(c) {
    for (unsigned i = 0; i < options.sessions; ++i) {
      connections.push_back(std::make_unique<Connection>(token));
    }
  }

  // Constant after construction.
  const std::shared_ptr<Token> token;
  const TokenOptions options;
  const Clock& clock;
  /// One for each worker. Touched by its worker while that is busy, or leaves and nobody is
  /// `restarting`; by another only while `restarting` and nobody else is busy.
  std::vector<std::unique_ptr<Connection>> connections;

  // Guarded.
  mutable Mutex mutex;
  std::condition_variable_any work_there, deadlines_changed, thread_ended;
  std::deque<JobPtr> waiting MUSTER_GUARDED_BY(mutex);
  std::multimap<MonotonicTime, JobPtr> deadlines MUSTER_GUARDED_BY(mutex);
  unsigned busy MUSTER_GUARDED_BY(mutex) = 0;
  unsigned hanging MUSTER_GUARDED_BY(mutex) =
      0;  // of the busy ones: their job is over, their call is not
  bool restarting MUSTER_GUARDED_BY(mutex) = false;
  bool stopping MUSTER_GUARDED_BY(mutex) = false;
  bool is_let_go MUSTER_GUARDED_BY(mutex) = false;     // by ~Pool: who is alive is counted as lost
  unsigned with_session MUSTER_GUARDED_BY(mutex) = 0;  // workers that may have one
  unsigned alive MUSTER_GUARDED_BY(mutex) = 0;         // threads that have not ended

  void work(Connection& connection);
  void watch();
  PkiResult<Unit> run(Job& job, Connection& connection);
  bool restart_modules(Connection& own);
  bool all_hang() const MUSTER_REQUIRES(mutex);
  void forget_deadline(const Job& job) MUSTER_REQUIRES(mutex);
  void judge(Job& job, const PkiResult<Unit>& result) MUSTER_REQUIRES(mutex);
};

void Pool::State::forget_deadline(const Job& job) {
  auto [at, end] = deadlines.equal_range(job.deadline);
  for (; at != end; ++at) {
    if (at->second.get() == &job) {
      deadlines.erase(at);
      return;
    }
  }
}

/// Nobody is left who could take a job. While the modules restart nobody takes one: that thread
/// stands for all.
bool Pool::State::all_hang() const {
  return hanging >= options.sessions || (restarting && hanging > 0);
}

/// Tells breaker and counters how a job went that a session worked on.
void Pool::State::judge(Job& job, const PkiResult<Unit>& result) {
  job.is_over = true;
  if (job.key == nullptr) {
    return;
  }
  if (result) {
    job.key->breaker.succeeded();
    job.key->counters.signatures.fetch_add(1, std::memory_order_relaxed);
  } else {
    job.key->breaker.failed(clock.monotonic());
    job.key->last_error = result.error().detail;
    job.key->counters.failures.fetch_add(1, std::memory_order_relaxed);
  }
}

/// Shuts the modules down when nobody else is in them, so that the next session finds them as
/// freshly loaded. Whether there is something to be tried with them.
bool Pool::State::restart_modules(Connection& own) {
  {
    const MutexLock lock(mutex);
    if (busy != 1 || stopping) {  // whoever leaves drops its connection by itself
      return false;
    }
    restarting = true;
  }
  own.begin("C_CloseSession");
  for (auto& connection : connections) {
    connection->drop();
  }
  own.begin("C_Finalize");
  token->forget_modules();
  const MutexLock lock(mutex);
  restarting = false;
  work_there.notify_all();
  return !stopping;  // else nobody wants another try
}

PkiResult<Unit> Pool::State::run(Job& job, Connection& connection) {
  connection.set_deadline(job.deadline);
  auto result = job.work(connection);
  // A session that failed is not used again. One more try with a new one: it heals what died with
  // the old (login, handles).
  if (may_pass(result) && std::chrono::steady_clock::now() < job.deadline) {
    connection.drop();
    result = job.work(connection);
  }
  if (may_pass(result) && job.is_probe && std::chrono::steady_clock::now() < job.deadline &&
      restart_modules(connection) && std::chrono::steady_clock::now() < job.deadline) {
    result = job.work(connection);
  }
  if (!result) {
    connection.drop();
  }
  return result;
}

void Pool::State::work(Connection& connection) {
  mutex.lock();
  for (;;) {
    while (!stopping && (waiting.empty() || restarting)) {
      work_there.wait(mutex);
    }
    if (stopping) {
      break;
    }
    JobPtr job = std::move(waiting.front());
    waiting.pop_front();
    job->is_running = true;
    job->connection = &connection;
    ++busy;
    mutex.unlock();
    const auto result = run(*job, connection);
    Done done;
    mutex.lock();
    --busy;
    if (job->is_over) {
      --hanging;  // it came back after all
    } else {
      judge(*job, result);
      forget_deadline(*job);
      done = std::move(job->done);
    }
    mutex.unlock();
    if (done) {
      done(result);
    }
    done = nullptr;
    job.reset();  // what it holds is let go without the lock
    mutex.lock();
  }
  // A restart that is under way drops this one with the others, and none begins any more.
  const bool is_dropped = restarting;
  mutex.unlock();
  if (!is_dropped) {
    connection.drop();
  }
  mutex.lock();
  const bool is_last = --with_session == 0;
  mutex.unlock();
  if (is_last) {
    token->forget_modules();  // here, not where the last key is let go: that may be an event loop
  }
  const MutexLock lock(mutex);
  --alive;
  if (is_let_go) {
    --token->use().lost;
  }
  thread_ended.notify_all();
}

void Pool::State::watch() {
  mutex.lock();
  while (!stopping) {
    if (deadlines.empty()) {
      deadlines_changed.wait(mutex);
      continue;
    }
    const MonotonicTime first = deadlines.begin()->first;
    if (std::chrono::steady_clock::now() < first) {
      deadlines_changed.wait_until(mutex, first);
      continue;
    }
    JobPtr job = std::move(deadlines.begin()->second);
    deadlines.erase(deadlines.begin());
    job->is_over = true;
    std::string why;
    if (job->key != nullptr) {
      job->key->counters.timeouts.fetch_add(1, std::memory_order_relaxed);
    }
    if (job->is_running) {
      ++hanging;
      why = "the token did not answer in time (" + std::to_string(job->time.count()) +
            " ms): " + job->connection->last_call() + " has not come back. " + kWhatToDo;
      if (job->key != nullptr) {
        job->key->breaker.failed(clock.monotonic());
      }
    } else {
      // It never got a session: unless all of them hang, the token is slow or overloaded, which is
      // not the key's failure.
      std::erase(waiting, job);
      why =
          "no session of the token was free in time (" + std::to_string(job->time.count()) + " ms)";
      if (job->is_probe && all_hang()) {
        job->key->breaker.failed(clock.monotonic());
      } else if (job->is_probe) {
        job->key->breaker.withdrawn();
      }
    }
    if (job->key != nullptr) {
      job->key->last_error = why;
    }
    Done done = std::move(job->done);
    mutex.unlock();
    done(unavailable(std::move(why)));
    done = nullptr;
    job.reset();  // what they hold is let go without the lock: the last key of this pool, perhaps
    mutex.lock();
  }
  --alive;
  if (is_let_go) {
    --token->use().lost;
  }
  thread_ended.notify_all();
  mutex.unlock();
}

Pool::Pool(std::shared_ptr<Token> token, const TokenOptions& options, const Clock& clock)
    : state_(std::make_shared<State>(std::move(token), options, clock)) {
  MUSTER_ASSERT(options.sessions > 0);
  // Nobody can wait for a thread that a foreign module holds, so none is waited for by join(): see
  // the destructor.
  const auto start = [this](unsigned sessions, auto body) {
    {
      const MutexLock lock(state_->mutex);
      ++state_->alive;
      state_->with_session += sessions;
    }
    try {
      std::thread([state = state_, body] {
        on_worker_of = state.get();
        body(*state);
      }).detach();
      return true;
    } catch (const std::system_error&) {
      const MutexLock lock(state_->mutex);
      --state_->alive;
      state_->with_session -= sessions;
      return false;
    }
  };
  is_whole_ = start(0, [](State& state) { state.watch(); });
  for (auto& connection : state_->connections) {
    is_whole_ = is_whole_ && start(1, [c = connection.get()](State& state) { state.work(*c); });
  }
}

Pool::~Pool() {
  std::vector<Done> left;
  std::deque<State::JobPtr>
      dropped;  // let go without the lock: what they hold may be the last of something
  std::multimap<MonotonicTime, State::JobPtr> unfinished;
  unsigned not_waited_for = on_worker_of == state_.get() ? 1 : 0;
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->waiting);
    unfinished.swap(state_->deadlines);
    for (auto& [deadline, job] : unfinished) {
      if (job->is_running) {
        ++state_->hanging;
      }
      job->is_over = true;
      left.push_back(std::move(job->done));
    }
    not_waited_for += state_->hanging;
    state_->work_there.notify_all();
    state_->deadlines_changed.notify_all();
  }
  for (const Done& done : left) {
    done(unavailable("the token is being let go"));
  }
  // All of them end at once unless they hang in the module, or are the thread we are on.
  const MonotonicTime end = std::chrono::steady_clock::now() + state_->options.deadline;
  state_->mutex.lock();
  while (state_->alive > not_waited_for &&
         state_->thread_ended.wait_until(state_->mutex, end) == std::cv_status::no_timeout) {
  }
  state_->is_let_go = true;
  state_->token->use().lost += state_->alive;
  state_->mutex.unlock();
}

void Pool::submit(std::shared_ptr<KeyState> key, Work work, Done done, Milliseconds deadline) {
  State& s = *state_;
  std::string refused;
  {
    const MutexLock lock(s.mutex);
    const MonotonicTime now = s.clock.monotonic();
    const auto admission = key == nullptr ? Breaker::Admission::kGo : key->breaker.ask(now);
    const bool is_probe = admission == Breaker::Admission::kProbe;
    if (admission == Breaker::Admission::kRefused) {
      key->counters.refused_failing.fetch_add(1, std::memory_order_relaxed);
      refused = "the key failed too often; it is tried again in " +
                std::to_string(key->breaker.left(now).count()) + " ms";
    } else if (s.all_hang()) {
      if (key != nullptr) {
        key->counters.refused_failing.fetch_add(1, std::memory_order_relaxed);
      }
      if (is_probe) {
        key->breaker.failed(now);
      }
      refused = std::string("every session of the token hangs. ") + kWhatToDo;
    } else if (s.waiting.size() >= s.options.max_waiting) {
      if (key != nullptr) {
        key->counters.refused_busy.fetch_add(1, std::memory_order_relaxed);
      }
      if (is_probe) {
        key->breaker.withdrawn();
      }
      refused = "too many jobs wait for the token already";
    } else {
      auto job = std::make_shared<State::Job>();
      job->key = std::move(key);
      job->work = std::move(work);
      job->done = std::move(done);
      job->time = deadline;
      job->deadline = std::chrono::steady_clock::now() + deadline;
      job->is_probe = is_probe;
      s.waiting.push_back(job);
      s.deadlines.emplace(job->deadline, std::move(job));
      s.work_there.notify_one();
      s.deadlines_changed.notify_one();
      return;
    }
  }
  done(unavailable(std::move(refused)));
}

KeyHealth Pool::health(const KeyState& key) const {
  const MutexLock lock(state_->mutex);
  return state_->all_hang() ? KeyHealth::kFailing : key.breaker.health(state_->clock.monotonic());
}

std::string Pool::last_error(const KeyState& key) const {
  const MutexLock lock(state_->mutex);
  return key.last_error;
}

const TokenOptions& Pool::options() const { return state_->options; }
Token& Pool::token() const { return *state_->token; }

}  // namespace muster::token
