#include "presigner.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "ahead_file.h"
#include "answerer_impl.h"
#include "muster/base/thread.h"
#include "muster/store/walk.h"

namespace muster::responder {
namespace {

constexpr Seconds kPoll{1};  // for commits of other processes
constexpr std::size_t kItemsBetweenRests = 64;
/// Taken out of the queue at once. Few: what is untrue may come in behind them.
constexpr std::size_t kItemsAtOnce = 16;
/// Put into it at once, unless one of them is untrue.
constexpr std::size_t kFoundAtOnce = 64;

std::chrono::nanoseconds thread_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

Presigner::Presigner(PresignOptions options, const store::Store& store, const Clock& clock,
                     Logger& logger, std::function<std::optional<Milliseconds>()> clock_error,
                     std::size_t queue)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      logger_(logger),
      clock_error_(std::move(clock_error)),
      queue_(queue),
      few_(std::min(LookSchedule::kFewWait, queue / 2)),
      budget_(options_.signatures_per_second) {}

void Presigner::adopt(std::shared_ptr<const Setup> setup,
                      std::shared_ptr<AnswerExchange> exchange) {
  const bool is_wanted = signs_ahead(*setup);
  {
    const std::lock_guard lock(mutex_);
    task_ = {task_.number + 1, std::move(setup), std::move(exchange)};
    task_number_ = task_.number;
    queue_.clear();
  }
  changed_.notify_all();
  if (is_wanted && threads_.empty()) {
    const unsigned count = options_.threads != 0
                               ? options_.threads
                               : std::max(1U, std::thread::hardware_concurrency());
    threads_.emplace_back([this] {
      give_way();
      look_on();
    });
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        give_way();
        sign_on();
      });
    }
  }
}

void Presigner::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Presigner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

PresignTotals Presigner::totals() const {
  PresignTotals out;
  std::shared_ptr<AnswerExchange> exchange;
  {
    const std::lock_guard lock(mutex_);
    out.waiting = queue_.size();
    exchange = task_.exchange;
  }
  out.answers = exchange == nullptr ? 0 : exchange->impl().ahead_size();
  out.signatures = signatures_;
  out.changed = flips_;
  out.failures = failures_;
  out.shed = shed_;
  out.looks = looks_;
  out.restored = restored_;
  out.discarded = discarded_;
  out.saves = saves_;
  out.save_failures = save_failures_;
  return out;
}

bool Presigner::is_over(const Task& task) const {
  const std::lock_guard lock(mutex_);
  return stopping_ || task_.number != task.number;
}

std::unique_ptr<AheadSigner> Presigner::signer_for(const Task& task) const {
  return task.exchange == nullptr
             ? nullptr
             : std::make_unique<AheadSigner>(task.setup, store_.reader(), task.exchange);
}

void Presigner::rest() {
  thread_local std::chrono::nanoseconds accounted = thread_time();
  const auto pause = rest_after(thread_time() - accounted, options_.core_percent);
  if (pause.count() > 0) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, pause, [this] { return stopping_.load(); });
  }
  accounted = thread_time();
}

void Presigner::sign_on() {
  Task task;
  std::unique_ptr<AheadSigner> signer;
  std::vector<PresignItem> items;
  std::size_t since_rest = 0;
  while (true) {
    items.clear();
    {
      std::unique_lock lock(mutex_);
      if (queue_.size() == 0 && signer != nullptr) {
        signer->release();
      }
      const auto is_past = [&] { return task.number != 0 && task.number != task_.number; };
      changed_.wait(lock, [&] { return stopping_ || queue_.size() != 0 || is_past(); });
      if (stopping_) {
        return;
      }
      if (is_past()) {  // holds answers that nobody hands out any more: maybe for long, if idle
        lock.unlock();
        signer.reset();
        task = {};
        continue;
      }
      const MonotonicTime now = std::chrono::steady_clock::now();
      const bool were_many = queue_.size() >= few_;
      std::chrono::nanoseconds pause{0};
      while (items.size() < kItemsAtOnce && queue_.size() != 0 && pause.count() == 0) {
        pause = budget_.take(now);
        if (pause.count() == 0) {
          items.push_back(*queue_.pop());
        }
      }
      if (were_many && queue_.size() < few_) {
        changed_.notify_all();
      }
      if (items.empty()) {
        changed_.wait_for(lock, pause, [this] { return stopping_.load(); });
        continue;
      }
      if (task.number == 0) {
        task = task_;
      }
    }
    if (signer == nullptr) {
      signer = signer_for(task);
    }
    if (signer != nullptr && is_clock_sure(task.setup->policy(), clock_error_())) {
      sign(*signer, task, items);
    }
    since_rest += items.size();
    if (since_rest >= kItemsBetweenRests) {
      since_rest = 0;
      if (signer != nullptr) {
        signer->release();
      }
      rest();
    }
  }
}

void Presigner::sign(AheadSigner& signer, const Task& task, const std::vector<PresignItem>& items) {
  std::size_t beyond_budget = 0;
  for (const PresignItem& item : items) {
    const AheadSigner::Made made = signer.sign(item, clock_.now());
    signatures_ += made.signatures;
    flips_ += made.changed;
    failures_ += made.failures;
    beyond_budget += std::max(made.signatures, 1U) - 1;
    if (stopping_ || task_number_ != task.number) {
      break;
    }
  }
  if (beyond_budget != 0) {
    const std::lock_guard lock(mutex_);
    budget_.spend(beyond_budget);
  }
}

void Presigner::look_on() {
  Task task;
  std::unique_ptr<AheadSigner> signer;
  MonotonicTime saved_at = std::chrono::steady_clock::now();
  bool is_due = true;
  bool goes_on = false;  // a look ended at a full queue
  while (true) {
    Task before;
    std::size_t waiting = 0;
    {
      std::unique_lock lock(mutex_);
      if (!is_due) {
        changed_.wait_for(lock, kPoll, [&] {
          return stopping_ || woken_ || task_.number != task.number ||
                 (goes_on && queue_.size() < few_);
        });
      }
      woken_ = false;
      if (stopping_) {
        break;
      }
      if (task_.number != task.number) {
        before = std::exchange(task, task_);
        signer.reset();
      }
      waiting = queue_.size();
    }
    is_due = false;
    if (signer == nullptr) {
      signer = signer_for(task);
      schedule_.forget();
      resume_ = {};
      if (signer != nullptr) {
        restore(*signer, task, before);
      }
    }
    const std::uint64_t sequence = signer == nullptr ? 0 : signer->renew();
    if (sequence != 0 && std::chrono::steady_clock::now() >= schedule_.next(sequence, waiting)) {
      look(*signer, task, sequence);
    }
    goes_on = sequence != 0 && schedule_.goes_on(sequence);
    if (signer != nullptr) {
      signer->release();
    }
    if (std::chrono::steady_clock::now() - saved_at >= options_.save_interval) {
      save(task);
      saved_at = std::chrono::steady_clock::now();
    }
  }
  save(task);
}

void Presigner::look(AheadSigner& signer, const Task& task, std::uint64_t sequence) {
  const MonotonicTime began = std::chrono::steady_clock::now();
  const std::vector<Issuer>& issuers = task.setup->issuers();
  const Resume from = schedule_.goes_on(sequence) ? resume_ : Resume{};
  Look look{task, from, {}, false, false};
  std::uint64_t answers = from.answers;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    const auto forms =
        static_cast<std::uint64_t>(std::popcount(unsigned{issuers[i].terms.policy.presign}));
    all += forms * signer.records(i);
    if (forms == 0 || i < from.issuer || look.is_over()) {
      continue;
    }
    std::uint64_t seen = 0;
    UnixSeconds now = clock_.now();
    const auto visit = [&](const Serial& serial, const store::Status& record) {
      using store::Walk;
      if (++seen % 1024 == 0) {
        now = clock_.now();
        hand_over(look);
      }
      answers += forms;
      if (look.is_over() || answers > options_.max_answers) {
        return Walk::kEnd;
      }
      if (const auto urgency = signer.look(i, serial, record, now)) {
        look.found.push_back({{i, serial}, *urgency, answers});
        if (*urgency == PresignUrgency::kNow || look.found.size() >= kFoundAtOnce) {
          hand_over(look);
        }
      }
      return look.is_over() ? Walk::kEnd : Walk::kOn;
    };
    const auto& after = i == from.issuer ? from.after : std::nullopt;
    if (const auto visited = store::for_each_after(store_, issuers[i].store_id, after, visit);
        !visited) {
      logger_.log(LogLevel::kWarning, "responder.presign",
                  "cannot look at the serials of an issuer; what is asked for is signed",
                  {{"issuer", issuers[i].label}, {"why", visited.error().detail}});
    }
    hand_over(look);
  }
  if (all > options_.max_answers && looks_ == 0) {
    logger_.log(
        LogLevel::kWarning, "responder.presign",
        "more answers than presign.max_answers; the others are signed when asked for",
        {{"answers", std::to_string(all)}, {"max_answers", std::to_string(options_.max_answers)}});
  }
  resume_ = look.is_full ? look.handed : Resume{};
  ++looks_;
  schedule_.looked(began, std::chrono::steady_clock::now(), sequence, !look.is_full);
}

void Presigner::hand_over(Look& look) {
  {
    const std::lock_guard lock(mutex_);
    // Positions are of another setup as soon as there is one.
    look.is_stopped = look.is_stopped || stopping_ || task_.number != look.task.number;
    for (const Found& one : look.found) {
      if (look.is_over()) {
        break;
      }
      if (queue_.push(one.item, one.urgency) == PresignQueue::Taken::kShed) {
        ++shed_;
        look.is_full = true;
      } else {
        look.handed = {one.item.issuer, one.item.serial, one.answers};
      }
    }
  }
  if (!look.found.empty()) {
    changed_.notify_all();
  }
  look.found.clear();
}

void Presigner::restore(AheadSigner& signer, const Task& task, const Task& before) {
  const auto take = [&](Bytes tbs, Bytes signature, Bytes made_by) {
    const bool is_taken = signer.take_over(tbs, signature, made_by, clock_.now());
    ++(is_taken ? restored_ : discarded_);
  };
  if (signer.renew() == 0 || !signs_ahead(*task.setup)) {
    return;
  }
  if (before.exchange != nullptr) {
    Buffer body;
    before.exchange->impl().visit_ahead([&](const ReadyAnswer& answer) {
      if (is_over(task)) {
        return;
      }
      copy_body(answer, body);
      if (const auto parts = parts_of(body)) {
        const SignerRef by = answer.by();
        take(parts->tbs, parts->signature,
             before.setup->issuers()[by.issuer].signers[by.signer].certificate.der());
      }
    });
    return;
  }
  if (options_.file.empty()) {
    return;
  }
  std::size_t since_rest = 0;
  const AheadFileRead read =
      read_ahead_file(options_.file, options_.max_answers, [&](Bytes tbs, Bytes signature) {
        take(tbs, signature, {});
        if (++since_rest % kItemsBetweenRests == 0) {
          rest();
        }
        return !is_over(task);
      });
  if (!read.problem.empty()) {
    logger_.log(LogLevel::kWarning, "responder.presign",
                "answers signed ahead by an earlier run are not all used; they are signed again",
                {{"file", options_.file}, {"why", read.problem}});
  }
}

void Presigner::save(const Task& task) {
  const std::uint64_t signatures = signatures_;
  if (options_.file.empty() || task.exchange == nullptr || signatures == saved_signatures_) {
    return;
  }
  const auto write = [&]() -> Result<Unit, FileError> {
    MUSTER_TRY(AheadFileWriter file, AheadFileWriter::create(options_.file));
    std::optional<FileError> failed;
    Buffer body;
    task.exchange->impl().visit_ahead([&](const ReadyAnswer& answer) {
      if (failed) {
        return;
      }
      copy_body(answer, body);
      const auto parts = parts_of(body);
      MUSTER_ASSERT(parts);  // it was parsed, or is like one that was
      if (auto added = file.add(parts->tbs, parts->signature); !added) {
        failed = added.error();
      }
    });
    if (failed) {
      return Err{*failed};
    }
    return file.commit();
  };
  if (const auto written = write(); !written) {
    ++save_failures_;
    logger_.log(LogLevel::kWarning, "responder.presign", "cannot keep answers signed ahead",
                {{"why", to_string(written.error())}});
    return;
  }
  ++saves_;
  saved_signatures_ = signatures;
}

}  // namespace muster::responder
