#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "muster/net/fetcher.h"

namespace muster::net {

/// Holds each request until the test answers it.
class HeldFetches final : public FetchService {
 public:
  struct Pending {
    FetchRequest request;
    std::function<void(FetchResult)> done;
  };
  FetchId start(FetchRequest request, std::function<void(FetchResult)> done) override {
    pending.emplace(++last_, Pending{std::move(request), std::move(done)});
    ++started;
    return last_;
  }
  void cancel(FetchId id) override {
    auto found = pending.extract(id);
    if (!found.empty()) {
      ++cancelled;
      found.mapped().done(Err{FetchError{FetchErrc::kCancelled, "cancelled", 0, std::nullopt}});
    }
  }
  /// Answers the oldest request.
  void answer(FetchResult result) {
    ASSERT_FALSE(pending.empty()) << "nobody was asked";
    auto first = pending.extract(pending.begin());
    first.mapped().done(std::move(result));
  }
  void answer(Buffer body, std::optional<Seconds> max_age = {}) {
    FetchResponse response = response_of(std::move(body));
    response.max_age = max_age;
    answer(FetchResult(std::move(response)));
  }
  /// By which it can be asked later whether there is something else.
  void answer_tagged(Buffer body, std::string etag) {
    FetchResponse response = response_of(std::move(body));
    response.etag = std::move(etag);
    answer(FetchResult(std::move(response)));
  }
  void fail(FetchErrc code = FetchErrc::kConnect, unsigned http_status = 0) {
    answer(FetchResult(
        Err{FetchError{code, std::string(to_string(code)), http_status, std::nullopt}}));
  }
  /// The oldest request.
  [[nodiscard]] const FetchRequest& asked() const { return pending.begin()->second.request; }

  std::map<FetchId, Pending> pending;
  std::size_t started = 0, cancelled = 0;

 private:
  static FetchResponse response_of(Buffer body) {
    FetchResponse response;
    response.http_status = 200;
    response.body = std::move(body);
    return response;
  }
  FetchId last_ = 0;
};

}  // namespace muster::net
