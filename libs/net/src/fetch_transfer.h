#pragma once

#include <curl/curl.h>

#include "muster/net/fetcher.h"

namespace muster::net {

/// Makes libcurl ready for use by any thread; idempotent.
void initialise_curl();

/// One fetch as libcurl sees it: options set, answer collected under limits. Not movable: libcurl
/// points into it.
class FetchTransfer {
 public:
  explicit FetchTransfer(FetchRequest request);
  /// With a handle that keeps its connections for the next; `kept` outlives the transfer, and has
  /// no other meanwhile.
  FetchTransfer(FetchRequest request, CURL* kept);
  ~FetchTransfer();
  FetchTransfer(const FetchTransfer&) = delete;
  FetchTransfer& operator=(const FetchTransfer&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  /// Nothing when the request may go to libcurl, or why it may not.
  [[nodiscard]] const std::optional<FetchError>& refusal() const { return refusal_; }
  /// What the transfer that libcurl ended with `code` means. Moves the answer out.
  FetchResult finish(CURLcode code);

 private:
  enum class Abort : std::uint8_t { kNone, kTooLarge, kForbidden, kBySink };

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept;
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose,
                                      curl_sockaddr* address) noexcept;
  void set_options();
  void take_header(std::string_view line);
  [[nodiscard]] bool is_conditional() const;
  FetchError make_error(CURLcode code) const;

  FetchTransfer(FetchRequest request, CURL* easy, bool is_kept);

  FetchRequest request_;
  FetchResponse response_;
  Seconds age_{0};  ///< header Age
  std::optional<FetchError> refusal_;
  CURL* easy_;
  const bool is_kept_;  ///< somebody else's
  curl_slist* headers_ = nullptr;
  std::size_t header_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  Abort abort_ = Abort::kNone;
  std::string scheme_;
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace muster::net
