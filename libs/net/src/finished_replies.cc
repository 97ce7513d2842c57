#include "finished_replies.h"

#include <utility>

#include "http_connection.h"

namespace muster::net {

void FinishedReplies::add(std::shared_ptr<ReplyLink> link, bool stays) {
  if (filling_.replies.empty()) {
    loop_.post([self = shared_from_this()] { self->deliver(); });
  }
  filling_.replies.push_back({std::move(link), filling_.octets.size(), stays});
}

void FinishedReplies::deliver() {
  std::swap(filling_, sending_);
  std::size_t begin = 0;
  for (const One& one : sending_.replies) {
    if (one.link->connection != nullptr) {
      one.link->connection->deliver(Bytes(sending_.octets).subspan(begin, one.end - begin),
                                    one.stays);
    }
    begin = one.end;
  }
  sending_.replies.clear();
  sending_.octets.clear();
  if (sending_.octets.capacity() > kMaxKeptBytes) {
    sending_.octets = Buffer();
  }
}

}  // namespace muster::net
