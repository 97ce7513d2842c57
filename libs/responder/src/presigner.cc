#include "presigner.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "ahead_file.h"
#include "answerer_impl.h"
#include "muster/base/thread.h"

namespace muster::responder {
namespace {

constexpr Seconds kPoll{1};  // for commits of other processes
constexpr std::size_t kItemsBetweenRests = 64;

std::chrono::nanoseconds thread_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

Presigner::Presigner(PresignOptions options, const store::Store& store, const Clock& clock,
                     Logger& logger, std::function<std::optional<Milliseconds>()> clock_error)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      logger_(logger),
      clock_error_(std::move(clock_error)),
      budget_(options_.signatures_per_second) {}

void Presigner::adopt(std::shared_ptr<const Setup> setup,
                      std::shared_ptr<AnswerExchange> exchange) {
  const bool is_wanted = signs_ahead(*setup);
  {
    const std::lock_guard lock(mutex_);
    task_ = {task_.number + 1, std::move(setup), std::move(exchange)};
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
    changed_.wait_for(lock, pause, [this] { return stopping_; });
  }
  accounted = thread_time();
}

void Presigner::sign_on() {
  Task task;
  std::unique_ptr<AheadSigner> signer;
  std::size_t since_rest = 0;
  while (true) {
    std::optional<PresignItem> item;
    {
      std::unique_lock lock(mutex_);
      if (queue_.size() == 0 && signer != nullptr) {
        signer->release();
      }
      changed_.wait(lock, [this] { return stopping_ || queue_.size() != 0; });
      if (stopping_) {
        return;
      }
      const auto pause = budget_.take(std::chrono::steady_clock::now());
      if (pause.count() > 0) {
        changed_.wait_for(lock, pause, [this] { return stopping_; });
        continue;
      }
      item = queue_.pop();
      if (task.number != task_.number) {
        task = task_;
        signer.reset();
      }
    }
    if (signer == nullptr) {
      signer = signer_for(task);
    }
    if (signer != nullptr && is_clock_sure(task.setup->policy(), clock_error_())) {
      const AheadSigner::Made made = signer->sign(*item, clock_.now());
      signatures_ += made.signatures;
      flips_ += made.changed;
      failures_ += made.failures;
      if (made.signatures > 1) {
        const std::lock_guard lock(mutex_);
        budget_.spend(made.signatures - 1);
      }
    }
    if (++since_rest >= kItemsBetweenRests) {
      since_rest = 0;
      if (signer != nullptr) {
        signer->release();
      }
      rest();
    }
  }
}

void Presigner::look_on() {
  Task task;
  std::unique_ptr<AheadSigner> signer;
  MonotonicTime saved_at = std::chrono::steady_clock::now();
  bool is_due = true;
  while (true) {
    Task before;
    std::size_t waiting = 0;
    {
      std::unique_lock lock(mutex_);
      if (!is_due) {
        changed_.wait_for(lock, kPoll,
                          [&] { return stopping_ || woken_ || task_.number != task.number; });
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
  std::uint64_t answers = 0;
  std::uint64_t seen = 0;
  bool is_full = false;
  bool is_stopped = false;
  Resume next;
  UnixSeconds now = clock_.now();
  const Resume from = schedule_.goes_on(sequence) ? resume_ : Resume{};
  for (std::size_t i = from.issuer; i < issuers.size() && !is_stopped; ++i) {
    const auto forms =
        static_cast<std::uint64_t>(std::popcount(unsigned{issuers[i].terms.policy.presign}));
    if (forms == 0) {
      continue;
    }
    const auto visited = store_.for_each(
        issuers[i].store_id, [&](const Serial& serial, const store::Status& record) {
          if (++seen % 1024 == 0) {
            now = clock_.now();
            is_stopped = is_stopped || is_over(task);
          }
          answers += forms;
          const bool is_done = i == from.issuer && from.after && serial <= *from.after;
          if (is_full || is_stopped || is_done || answers > options_.max_answers) {
            return;
          }
          const auto urgency = signer.look(i, serial, record, now);
          if (!urgency) {
            return;
          }
          const std::lock_guard lock(mutex_);
          if (task_.number != task.number) {  // positions are of another setup by now
            is_stopped = true;
            return;
          }
          if (queue_.push({i, serial}, *urgency) == PresignQueue::Taken::kShed) {
            ++shed_;
            is_full = true;
            return;
          }
          next = {i, serial};
          changed_.notify_one();
        });
    if (!visited) {
      logger_.log(LogLevel::kWarning, "responder.presign",
                  "cannot look at the serials of an issuer; what is asked for is signed",
                  {{"issuer", issuers[i].label}, {"why", visited.error().detail}});
    }
  }
  if (answers > options_.max_answers && looks_ == 0) {
    logger_.log(LogLevel::kWarning, "responder.presign",
                "more answers than presign.max_answers; the others are signed when asked for",
                {{"answers", std::to_string(answers)},
                 {"max_answers", std::to_string(options_.max_answers)}});
  }
  resume_ = is_full ? next : Resume{};
  ++looks_;
  schedule_.looked(began, std::chrono::steady_clock::now(), sequence, !is_full);
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
    AnswerComposer composer;
    HttpDate date;
    before.exchange->impl().visit_ahead([&](const ReadyAnswer& answer) {
      const HttpMessage& message = composer.compose(answer, clock_.now(), date);
      if (const auto parts = is_over(task)
                                 ? std::nullopt
                                 : parts_of(Bytes(message.octets).subspan(message.head_bytes))) {
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
    AnswerComposer composer;
    HttpDate date;
    task.exchange->impl().visit_ahead([&](const ReadyAnswer& answer) {
      const HttpMessage& message = composer.compose(answer, clock_.now(), date);
      const auto parts =
          failed ? std::nullopt : parts_of(Bytes(message.octets).subspan(message.head_bytes));
      if (!parts) {
        return;
      }
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
