#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "muster/base/log.h"
#include "muster/net/acceptor.h"
#include "muster/net/loop.h"

namespace muster::stapler {

/// One request of an operator and its answer: lines of JSON, the last of which says that it is
/// over (docs/formats/stapler-control.md). Loop's thread.
class Conversation {
 public:
  virtual ~Conversation() = default;
  /// A line about one thing. Dropped beyond kMaxAnswerBytes.
  virtual void say(const nlohmann::ordered_json& line) = 0;
  /// The last line: the exit code for the command that asked, and a sentence.
  virtual void end(int exit_code, const std::string& text) = 0;
  /// False when the peer has gone or it was ended.
  [[nodiscard]] virtual bool is_open() const = 0;
};

/// Listens in the shelf directory for the shelf's owner alone, by the file's mode and by who
/// connects. One request a connection. Loop's thread.
class ControlListener {
 public:
  static constexpr std::size_t kMaxConversations = 32;  ///< more are told to come again
  static constexpr std::size_t kMaxRequestBytes = 3 << 20;
  static constexpr std::size_t kMaxAnswerBytes = 8 << 20;
  static constexpr Milliseconds kRequestTimeout{10'000};
  static constexpr Milliseconds kSendTimeout{30'000};  ///< without progress

  using Handler =
      std::function<void(std::shared_ptr<Conversation>, const nlohmann::ordered_json& request)>;
  /// Error: why nobody can be listened to, a sentence.
  static Result<std::unique_ptr<ControlListener>, std::string> open(net::Loop& loop, Logger& logger,
                                                                    const std::string& directory,
                                                                    Handler handler);
  ~ControlListener();  ///< ends all conversations
  ControlListener(const ControlListener&) = delete;
  ControlListener& operator=(const ControlListener&) = delete;

 private:
  struct Impl;
  class Talk;
  explicit ControlListener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
