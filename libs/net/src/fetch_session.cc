#include "muster/net/fetch_session.h"

#include "fetch_transfer.h"
#include "muster/base/assert.h"

namespace muster::net {

struct FetchSession::Impl {
  Impl() {
    initialise_curl();
    easy = ::curl_easy_init();
    MUSTER_ASSERT(easy != nullptr);
  }
  ~Impl() { ::curl_easy_cleanup(easy); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  CURL* easy;
};

FetchSession::FetchSession() : impl_(std::make_unique<Impl>()) {}
FetchSession::~FetchSession() = default;

FetchResult FetchSession::fetch(const FetchRequest& request) {
  FetchTransfer transfer(request, impl_->easy);
  if (transfer.refusal()) {
    return Err{*transfer.refusal()};
  }
  MUSTER_ASSERT(::curl_easy_setopt(impl_->easy, CURLOPT_MAXCONNECTS, kMaxKept) == CURLE_OK);
  return transfer.finish(::curl_easy_perform(impl_->easy));
}

}  // namespace muster::net
