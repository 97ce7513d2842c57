#include "downloads.h"

namespace muster::source {
namespace {

/// What one download writes to.
struct Sink {
  std::optional<ContentWriter> writer;
  std::optional<SourceError> refused;

  bool write(Bytes piece) {
    if (!refused) {
      if (auto written = writer->write(piece); !written) {
        refused = written.error();
      }
    }
    return !refused;
  }
};

}  // namespace

Downloads::Downloads(std::function<void()> ended)
    : fetcher_(net::make_fetcher(loop_)),
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

DownloadId Downloads::start(net::FetchRequest request, const std::string& directory) {
  const DownloadId id = next_id_++;
  auto sink = std::make_shared<Sink>();
  auto begun = ContentWriter::begin(directory);
  if (begun) {
    sink->writer.emplace(*std::move(begun));
  } else {
    sink->refused = begun.error();
  }
  request.sink = [sink](Bytes piece) { return sink->write(piece); };
  const auto done = [this, id, sink](net::FetchResult result) {
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
    return id;
  }
  loop_.post([this, request = std::move(request), done]() mutable {
    fetcher_->start(std::move(request), done);
  });
  return id;
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
  }
  return ended;
}

}  // namespace muster::source
