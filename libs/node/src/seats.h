#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace muster::node {

/// How many connections each peer has, so that one cannot take all places. A peer is whatever text
/// names it: "uid 998", "subject:CN=ca", "address 192.0.2.1". Threads: any.
class Seats : public std::enable_shared_from_this<Seats> {
 public:
  explicit Seats(std::size_t most) : most_(most) {}

  /// A place; given back when it goes.
  class Seat {
   public:
    Seat(std::shared_ptr<Seats> seats, std::string peer)
        : seats_(std::move(seats)), peer_(std::move(peer)) {}
    ~Seat() { seats_->give_back(peer_); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    const std::shared_ptr<Seats> seats_;
    const std::string peer_;
  };

  /// Null when the peer has all it may.
  [[nodiscard]] std::unique_ptr<Seat> take(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    std::size_t& taken = taken_[peer];
    if (taken >= most_) {
      return nullptr;
    }
    ++taken;
    return std::make_unique<Seat>(shared_from_this(), peer);
  }

 private:
  void give_back(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    const auto found = taken_.find(peer);
    if (--found->second == 0) {
      taken_.erase(found);
    }
  }

  const std::size_t most_;
  std::mutex mutex_;
  std::map<std::string, std::size_t> taken_;  ///< under mutex_; no zeros
};

}  // namespace muster::node
