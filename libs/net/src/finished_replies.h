#pragma once

#include <memory>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/net/loop.h"

// Private to the server: deferred replies on their way.
namespace muster::net {

struct ReplyLink;

/// Deferred replies that were finished while something else was at work and go out at the loop's
/// next turn, all that were finished in one turn together. Lives on while a turn is posted, though
/// its server may have ended. Threads: the loop's.
class FinishedReplies : public std::enable_shared_from_this<FinishedReplies> {
 public:
  explicit FinishedReplies(Loop& loop) : loop_(loop) {}

  /// Where the next reply is to be written, behind what is there; add() follows.
  Buffer& output() { return filling_.octets; }
  /// What was written goes out to whom `link` leads, if he is still there then.
  void add(std::shared_ptr<ReplyLink> link, bool stays);

 private:
  /// Memory that is kept for the next batches: more than what a turn of signing makes. There is at
  /// most one reply for each connection.
  static constexpr std::size_t kMaxKeptBytes = std::size_t{256} * 1024;
  struct One {
    std::shared_ptr<ReplyLink> link;
    std::size_t end;  ///< of its octets; they begin where those of the one before end
    bool stays;       ///< the connection, after it
  };
  struct Batch {
    std::vector<One> replies;
    Buffer octets;
  };
  void deliver();

  Loop& loop_;
  Batch filling_;
  Batch sending_;  ///< empty but inside deliver(), where handlers may finish more
};

}  // namespace muster::net
