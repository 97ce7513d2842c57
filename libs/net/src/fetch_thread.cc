#include "muster/net/fetch_thread.h"

namespace muster::net {

FetchThread::FetchThread() : fetcher_(make_fetcher(loop_)), thread_([this] { loop_.run(); }) {}

FetchThread::~FetchThread() {
  loop_.stop();
  thread_.join();
  fetcher_.reset();
}

void FetchThread::start(FetchRequest request, std::function<void(FetchResult)> done) {
  loop_.post([this, request = std::move(request), done = std::move(done)]() mutable {
    fetcher_->start(std::move(request), std::move(done));
  });
}

}  // namespace muster::net
