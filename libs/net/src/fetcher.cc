#include "muster/net/fetcher.h"

#include <sys/epoll.h>

#include <unordered_map>

#include "fetch_transfer.h"
#include "muster/base/assert.h"

namespace muster::net {
namespace {

constexpr long kMaxIdleConnections = 32;

/// libcurl's multi interface on a Loop: libcurl says which descriptors and which timer it waits
/// for.
class Fetcher final : public FetchService {
 public:
  explicit Fetcher(Loop& loop) : loop_(loop) {
    initialise_curl();
    multi_ = ::curl_multi_init();
    MUSTER_ASSERT(multi_ != nullptr);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Fetcher::on_socket);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Fetcher::on_timer);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
  }

  ~Fetcher() override {
    for (auto& [id, fetch] : fetches_) {
      ::curl_multi_remove_handle(multi_, fetch.transfer->easy());
    }
    fetches_.clear();
    ::curl_multi_cleanup(multi_);
    loop_.cancel(timer_);
    loop_.cancel(refusal_timer_);
  }
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  FetchId start(FetchRequest request, std::function<void(FetchResult)> done) override {
    const FetchId id = next_id_++;
    Fetch& fetch = fetches_[id];
    fetch.transfer = std::make_unique<FetchTransfer>(std::move(request));
    fetch.done = std::move(done);
    if (fetch.transfer->refusal()) {
      refused_.push_back(id);
      if (refusal_timer_ == 0) {
        refusal_timer_ = loop_.after(Milliseconds(0), [this] { report_refusals(); });
      }
      return id;
    }
    ids_[fetch.transfer->easy()] = id;
    MUSTER_ASSERT(::curl_multi_add_handle(multi_, fetch.transfer->easy()) == CURLM_OK);
    return id;
  }

  void cancel(FetchId id) override {
    finish(id, [](FetchTransfer&) {
      return FetchResult(Err{FetchError{FetchErrc::kCancelled, "cancelled", 0, {}}});
    });
  }

 private:
  struct Fetch {
    std::unique_ptr<FetchTransfer> transfer;
    std::function<void(FetchResult)> done;
  };
  /// One per descriptor number, kept for its next use: never destroyed while it runs.
  struct Watch final : FdHandler {
    void on_ready(std::uint32_t events) noexcept override {
      const int ready = ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                        ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                        ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      owner->act(fd, ready);
    }
    Fetcher* owner = nullptr;
    int fd = -1;
    bool is_watched = false;
  };

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
    auto& fetcher = *static_cast<Fetcher*>(self);
    Watch& watch = fetcher.watches_[fd];
    watch.owner = &fetcher;
    watch.fd = fd;
    if (what == CURL_POLL_REMOVE) {
      fetcher.loop_.remove(fd);
      watch.is_watched = false;
      return 0;
    }
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (watch.is_watched) {
      fetcher.loop_.modify(fd, events, watch);
    } else {
      // Without room for the watch the fetch ends at its deadline.
      watch.is_watched = fetcher.loop_.add(fd, events, watch) == WatchResult::kWatched;
    }
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* self) noexcept {
    auto& fetcher = *static_cast<Fetcher*>(self);
    fetcher.loop_.cancel(fetcher.timer_);
    fetcher.timer_ = 0;
    if (timeout_ms >= 0) {
      fetcher.timer_ = fetcher.loop_.after(Milliseconds(timeout_ms), [&fetcher] {
        fetcher.timer_ = 0;
        fetcher.act(CURL_SOCKET_TIMEOUT, 0);
      });
    }
    return 0;
  }

  void act(curl_socket_t fd, int ready) {
    int running = 0;
    ::curl_multi_socket_action(multi_, fd, ready, &running);
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) {
        const CURLcode code = message->data.result;
        const auto found = ids_.find(message->easy_handle);
        MUSTER_ASSERT(found != ids_.end());
        finish(found->second, [code](FetchTransfer& transfer) { return transfer.finish(code); });
      }
    }
  }

  void report_refusals() {
    refusal_timer_ = 0;
    for (const FetchId id : std::exchange(refused_, {})) {
      finish(id, [](FetchTransfer& transfer) { return FetchResult(Err{*transfer.refusal()}); });
    }
  }

  /// Forgets the fetch first, so that `done` finds us ready for any call; unknown ids are finished
  /// already.
  template <class MakeResult>
  void finish(FetchId id, MakeResult make_result) {
    auto node = fetches_.extract(id);
    if (!node) {
      return;
    }
    Fetch& fetch = node.mapped();
    if (ids_.erase(fetch.transfer->easy()) != 0) {
      ::curl_multi_remove_handle(multi_, fetch.transfer->easy());
    }
    FetchResult result = make_result(*fetch.transfer);
    fetch.transfer.reset();
    fetch.done(std::move(result));
  }

  Loop& loop_;
  CURLM* multi_ = nullptr;
  std::unordered_map<FetchId, Fetch> fetches_;
  std::unordered_map<CURL*, FetchId> ids_;
  std::unordered_map<int, Watch> watches_;
  std::vector<FetchId> refused_;
  FetchId next_id_ = 1;
  TimerId timer_ = 0;
  TimerId refusal_timer_ = 0;
};

}  // namespace

std::unique_ptr<FetchService> make_fetcher(Loop& loop) { return std::make_unique<Fetcher>(loop); }

FetchResult fetch(const FetchRequest& request) {
  FetchTransfer transfer(request);
  if (transfer.refusal()) {
    return Err{*transfer.refusal()};
  }
  return transfer.finish(::curl_easy_perform(transfer.easy()));
}

}  // namespace muster::net
