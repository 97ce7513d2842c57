#include "muster/edge/answers.h"
#include "muster/responder/batch.h"

namespace muster::edge {
namespace {

constexpr Milliseconds kPatience{120'000};
/// Of one answer: more than any responder of ours gives.
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

class RemoteAnswers final : public AnswerSource {
 public:
  explicit RemoteAnswers(net::ControlAccess access) : access_(std::move(access)) {}

  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds) override {
    std::vector<Given> out;
    while (out.size() < wanted.size()) {
      const std::size_t before = out.size();
      if (auto done = ask_from(wanted, before, out); !done) {
        return Err{access_.address + ": " + done.error()};
      }
      if (out.size() == before) {
        return Err{access_.address + ": it answers nothing before its deadline, or is stopping"};
      }
    }
    return out;
  }

 private:
  /// Appends what came for wanted[first] and those behind it.
  Result<Unit, std::string> ask_from(const std::vector<Wanted>& wanted, std::size_t first,
                                     std::vector<Given>& out) {
    net::FetchRequest fetch;
    fetch.post_body.emplace();
    for (std::size_t i = first; i < wanted.size(); ++i) {
      const auto request = ocsp::parse_request(wanted[i].request);
      MUSTER_ASSERT(request);  // made by us
      responder::append_batch_item(*fetch.post_body, (*request->requests.begin()).cert_id,
                                   wanted[i].digest);
    }
    const std::size_t asked = wanted.size() - first;
    fetch.content_type = std::string(responder::kBatchRequestType);
    fetch.total_timeout = kPatience;
    fetch.max_body_bytes = asked * kMaxAnswerBytes;
    const auto got = net::fetch_from(access_, "/batch", std::move(fetch));
    if (!got) {
      return Err{got.error().detail};
    }
    const auto answers = responder::parse_batch_answers(got->body, asked);
    if (!answers) {
      return Err{"that is no batch answer: " + der::to_string(answers.error())};
    }
    for (std::size_t i = 0; i < asked - answers->end.left; ++i) {
      const responder::BatchReply& reply = answers->replies[i];
      if (!reply) {
        out.push_back({Given::Kind::kSame, {}, {}, {}});
        continue;
      }
      const auto parsed = ocsp::parse_response(*reply);
      if (!parsed || parsed->status != ocsp::ResponseStatus::kSuccessful) {
        out.push_back({Given::Kind::kNone,
                       {},
                       {},
                       parsed ? std::string(ocsp::to_string(parsed->status)) : "no response"});
        continue;
      }
      out.push_back({Given::Kind::kAnswer, *reply, "-", {}});
    }
    return Unit{};
  }

  const net::ControlAccess access_;
};

}  // namespace

std::unique_ptr<AnswerSource> make_batch_answers(net::ControlAccess access) {
  return std::make_unique<RemoteAnswers>(std::move(access));
}

}  // namespace muster::edge
