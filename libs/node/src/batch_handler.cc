#include "batch_handler.h"

#include <deque>

#include "guard.h"
#include "muster/base/text.h"

namespace muster::node {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";
constexpr std::string_view kPath = "/batch";
constexpr std::string_view kPage =
    "muster responder: batch\n\nPOST /batch   CertIDs, answered by an OCSPResponse each\n";
/// Certificates that a loop is given at a time. A caller that does not read is sent no more than
/// these for each loop, and a few: nothing else is signed for it.
constexpr std::size_t kPart = 64;

/// Certificates in the hands of a loop, or answered by it.
struct Part {
  std::size_t first;      ///< index of its first item
  bool is_there = false;  ///< under the desk's mutex, as `replies`
  std::vector<responder::BatchReply> replies;
};

}  // namespace

void BatchHandler::refuse(Exchange& exchange, unsigned status, const std::string& why) {
  ++stats_.refused;
  exchange.send(status, kText, kNoStore, why + "\n");
}

void BatchHandler::handle(Exchange& exchange) {
  const http::RequestView& head = exchange.head();
  // What is said here is public; browsers have no business here all the same.
  std::string why = refuse_origin(head, true, {});
  why = why.empty() ? judge_(exchange.peer()) : why;
  if (!why.empty()) {
    ++control_.denied;
    logger_.log(LogLevel::kWarning, "batch.denied", why, {{"peer", exchange.peer().text}});
    refuse(exchange, 403, why);
    return;
  }
  if (exchange.path() != kPath) {
    exchange.send(exchange.path() == "/" ? 200 : 404, kText, kNoStore, kPage);
    return;
  }
  if (head.method != http::Method::kPost) {
    exchange.send(405, kText, "Allow: POST\r\n", "wrong method\n");
    return;
  }
  const auto body = exchange.read_body(max_body_bytes_);
  if (!body) {
    refuse(exchange, body.error(),
           body.error() == 413 ? "at most " + std::to_string(max_body_bytes_) +
                                     " octets in one call (max_request); use several"
                               : std::string("the body did not arrive"));
    return;
  }
  const auto items = responder::parse_batch(*body, max_certificates_);
  if (!items) {
    refuse(exchange, items.error().code == responder::BatchErrc::kTooMany ? 413 : 400,
           responder::to_string(items.error()));
    return;
  }
  answer(exchange, *items);
}

void BatchHandler::answer(Exchange& exchange, const Items& items) {
  const MonotonicTime deadline = std::chrono::steady_clock::now() + deadline_;
  const responder::Client client{exchange.peer().address};
  std::deque<std::shared_ptr<Part>> parts;  // ordered, not sent yet
  std::size_t ordered = 0;
  const auto order = [&] {
    const auto part = std::make_shared<Part>(Part{ordered, false, {}});
    const auto questions = std::make_shared<std::vector<responder::BatchQuestion>>();
    for (; questions->size() < kPart && ordered < items.size(); ++ordered) {
      questions->push_back(responder::question_of(items[ordered]));
    }
    parts.push_back(part);
    service_.answer_batch(questions, client, [desk = desk_, part](auto replies) {
      const std::lock_guard lock(desk->mutex);
      part->replies = std::move(replies);
      part->is_there = true;
      desk->moved.notify_all();
    });
  };
  exchange.begin(200, responder::kBatchAnswerType, kNoStore);
  responder::BatchEnd end;
  Buffer out;
  for (;;) {
    while (ordered < items.size() && parts.size() <= service_.loops()) {
      order();
    }
    if (parts.empty()) {
      break;
    }
    const std::shared_ptr<Part> part = parts.front();
    {
      std::unique_lock lock(desk_->mutex);
      desk_->moved.wait_until(lock, deadline, [&] { return part->is_there || desk_->is_stopping; });
      if (!part->is_there) {
        end.left = items.size() - part->first;
        break;
      }
    }
    parts.pop_front();
    out.clear();
    for (std::size_t i = 0; i < part->replies.size(); ++i) {
      if (const responder::BatchReply& reply = part->replies[i]) {
        responder::append_batch_answer(out, part->first + i, *reply);
        ++end.answered;
      } else {
        ++end.unchanged;
      }
    }
    exchange.write(as_text(out));
    if (exchange.is_broken()) {
      break;
    }
    if (std::chrono::steady_clock::now() >= deadline &&
        part->first + part->replies.size() < items.size()) {
      end.left = items.size() - part->first - part->replies.size();
      break;
    }
  }
  out.clear();
  responder::append_batch_end(out, end);
  exchange.write(as_text(out));
  // Before the client knows that it is over, so that who looks then finds it counted.
  stats_.answered += end.answered;
  stats_.unchanged += end.unchanged;
  stats_.left += end.left;
  ++(exchange.is_broken() ? stats_.broken : end.left != 0 ? stats_.late : stats_.calls);
  exchange.end();
}

void BatchHandler::stop() {
  const std::lock_guard lock(desk_->mutex);
  desk_->is_stopping = true;
  desk_->moved.notify_all();
}

}  // namespace muster::node
