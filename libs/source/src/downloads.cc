#include "downloads.h"

#include <algorithm>
#include <atomic>

namespace muster::source {
namespace {

/// Octets arriving in this process, whoever fetches them: a node has a watcher for each source.
std::atomic<std::size_t> octets_in_flight{0};

/// What one download writes to.
struct Sink {
  Sink(std::string from, std::size_t most_of_all) : url(std::move(from)), most(most_of_all) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  ~Sink() { octets_in_flight -= taken; }

  const std::string url;
  const std::size_t most;
  std::size_t taken = 0;  // of octets_in_flight
  std::optional<ContentWriter> writer;
  std::optional<SourceError> refused;

  bool write(Bytes piece) {
    taken += piece.size();
    if (octets_in_flight.fetch_add(piece.size()) + piece.size() > most && !refused) {
      refused = source_error(SourceErrc::kStore, url,
                             "more than " + std::to_string(most) +
                                 " octets are being fetched at once (it is fetched again later; "
                                 "the CRL in use, if any, stays in force)");
    }
    if (!refused) {
      if (auto written = writer->write(piece); !written) {
        refused = written.error();
      }
    }
    return !refused;
  }
};

}  // namespace

Downloads::Downloads(std::function<void()> ended, const DownloadLimits& limits)
    : limits_(limits),
      fetcher_(net::make_fetcher(loop_)),
      ended_(std::move(ended)),
      thread_([this] { loop_.run(); }) {}

Downloads::~Downloads() {
  for (auto& [id, thread] : directories_) {
    thread.request_stop();
  }
  directories_.clear();
  loop_.stop();
  thread_.join();
  fetcher_.reset();
}

DownloadId Downloads::start(store::IssuerId owner, net::FetchRequest request,
                            const std::string& directory) {
  const DownloadId id = next_id_++;
  waiting_.push_back({id, owner, std::move(request), directory});
  begin_waiting();
  return id;
}

void Downloads::begin_waiting() {
  for (auto next = waiting_.begin(); next != waiting_.end() && running_.size() < limits_.at_once;) {
    const auto of_owner = std::count_if(running_.begin(), running_.end(), [&](const auto& running) {
      return running.second == next->owner;
    });
    if (of_owner >= static_cast<std::ptrdiff_t>(limits_.for_one_issuer)) {
      ++next;
      continue;
    }
    running_.emplace(next->id, next->owner);
    Waiting begun = std::move(*next);
    next = waiting_.erase(next);
    begin(std::move(begun));
  }
}

void Downloads::begin(Waiting next) {
  auto& [id, owner, request, directory] = next;
  auto sink = std::make_shared<Sink>(request.url, limits_.bytes_in_flight);
  auto begun = ContentWriter::begin(directory);
  if (begun) {
    sink->writer.emplace(*std::move(begun));
  } else {
    sink->refused = begun.error();
  }
  request.sink = [sink](Bytes piece) { return sink->write(piece); };
  const auto done = [this, id = id, sink](net::FetchResult result) {
    Download download{id, std::move(result), nullptr, sink->refused};
    if (download.result && download.result->http_status != 304 && !download.refused) {
      if (auto content = sink->writer->finish()) {
        download.content = *std::move(content);
      } else {
        download.refused = content.error();
      }
    }
    end(std::move(download));
  };
  if (request.schemes == net::FetchRequest::Schemes::kLdap) {
    directories_[id] =
        std::jthread([request = std::move(request), done](const std::stop_token& stop) mutable {
          request.stop = stop;
          done(net::fetch(request));
        });
    return;
  }
  loop_.post([this, request = std::move(request), done]() mutable {
    fetcher_->start(std::move(request), done);
  });
}

void Downloads::end(Download download) {
  {
    const std::lock_guard lock(mutex_);
    done_.push_back(std::move(download));
  }
  ended_();
}

std::vector<Download> Downloads::take_ended() {
  std::vector<Download> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::exchange(done_, {});
  }
  for (const Download& download : ended) {
    directories_.erase(download.id);  // its thread has nothing left to do
    running_.erase(download.id);
  }
  begin_waiting();
  return ended;
}

}  // namespace muster::source
