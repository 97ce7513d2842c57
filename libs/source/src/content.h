#pragma once

#include <memory>
#include <stop_token>

#include "load_parts.h"

namespace muster::source {

/// Octets of a CRL or a list. With a directory they are a file of ours mapped into memory: nobody
/// else can cut or change it under us, and large ones are not counted as our memory. Without one
/// they are in memory. Threads: const methods from any.
class Content {
 public:
  explicit Content(Buffer octets) : octets_(std::move(octets)) {}
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  ~Content();
  /// Maps a file that is ours alone. Errors: kUnreadable.
  static Result<std::shared_ptr<Content>, SourceError> map(const std::string& path);

  [[nodiscard]] Bytes bytes() const {
    return mapped_ == nullptr ? Bytes(octets_) : Bytes(mapped_, size_);
  }
  /// Makes a temporary file a lasting one under this name, safe against a power cut. In memory:
  /// nothing to do. \param written_at  its time of modification; nothing: now. Errors: kStore.
  Result<Unit, SourceError> keep_as(const std::string& path,
                                    std::optional<UnixSeconds> written_at = std::nullopt);

 private:
  friend class ContentWriter;
  Content() = default;
  Buffer octets_;
  const std::uint8_t* mapped_ = nullptr;
  std::size_t size_ = 0;
  std::string temporary_;  // removed with us
};

/// Collects octets that arrive in pieces.
class ContentWriter {
 public:
  /// \param directory  where the temporary file goes; empty: memory
  /// Errors: kStore.
  static Result<ContentWriter, SourceError> begin(const std::string& directory);
  ContentWriter(ContentWriter&&) noexcept = default;
  ContentWriter& operator=(ContentWriter&&) noexcept = default;
  ~ContentWriter();

  /// Errors: kStore (a full disk, or one that would be: see room.h).
  Result<Unit, SourceError> write(Bytes piece);
  Result<std::shared_ptr<Content>, SourceError> finish();

 private:
  ContentWriter() = default;
  UniqueFd fd_;
  std::string path_;
  Buffer octets_;
};

/// Name of every temporary file, so that those of a crash can be found.
inline constexpr std::string_view kTemporaryPrefix = "incoming-";

/// The whole of an open file, which must not change meanwhile. Errors: kMalformed beyond
/// `max_bytes`, kUnreadable, kChanging, kStore, kStopped.
Result<std::shared_ptr<Content>, SourceError> copy_file(const OpenFile& file,
                                                        const std::string& path,
                                                        const std::string& directory,
                                                        std::size_t max_bytes,
                                                        const std::stop_token& stop);

/// DER of a CRL that may be PEM. Errors: kMalformed, kStore.
Result<std::shared_ptr<Content>, SourceError> decode_crl(std::shared_ptr<Content> content,
                                                         const std::string& origin,
                                                         const std::string& directory);

}  // namespace muster::source
