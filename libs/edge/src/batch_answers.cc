#include <algorithm>
#include <numeric>
#include <thread>

#include "muster/base/file.h"
#include "muster/edge/answers.h"
#include "muster/edge/paths.h"
#include "muster/responder/batch.h"

namespace muster::edge {
namespace {

constexpr Milliseconds kPatience{120'000};
/// Of one answer: more than any responder of ours gives.
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
/// How far thisUpdate may lie ahead of our clock.
constexpr Seconds kFutureSkew{300};
/// Calls of one export, in all, that brought nothing but tryLater, before such is taken for an
/// answer.
constexpr unsigned kMaxIdleCalls = 5;

class RemoteAnswers final : public AnswerSource {
 public:
  RemoteAnswers(BatchCall call, std::shared_ptr<const responder::Setup> setup, BatchOptions options)
      : call_(std::move(call)), setup_(std::move(setup)), options_(std::move(options)) {}

  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds now) override {
    std::vector<Given> out(wanted.size());
    std::vector<std::size_t> open(wanted.size());  // what has no answer yet
    std::iota(open.begin(), open.end(), std::size_t{0});
    while (!open.empty()) {
      std::vector<std::size_t> busy;  // answered tryLater
      MUSTER_TRY(const std::size_t looked_at, ask_once(wanted, open, now, out, busy));
      const bool gets_on = busy.size() < looked_at;
      open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(looked_at));
      if (busy.empty()) {
        continue;
      }
      idle_ += gets_on ? 0U : 1U;
      if (idle_ > kMaxIdleCalls) {
        for (const std::size_t which : busy) {
          out[which] = miss("tryLater");
        }
        continue;
      }
      open.insert(open.end(), busy.begin(), busy.end());
      // tryLater means a limit a second, or a key in trouble: at once it would be said again.
      std::this_thread::sleep_for(options_.pause);
    }
    return out;
  }

 private:
  /// One call about wanted[which]. How many of the first were looked at; those that are to be asked
  /// about again come into `busy`.
  Result<std::size_t, std::string> ask_once(const std::vector<Wanted>& wanted,
                                            const std::vector<std::size_t>& which, UnixSeconds now,
                                            std::vector<Given>& out,
                                            std::vector<std::size_t>& busy) {
    Buffer body;
    for (const std::size_t one : which) {
      const auto request = ocsp::parse_request(wanted[one].request);
      MUSTER_ASSERT(request);  // made by us
      responder::append_batch_item(body, (*request->requests.begin()).cert_id, wanted[one].digest);
    }
    MUSTER_TRY(const Buffer came, call_(std::move(body), which.size() * kMaxAnswerBytes));
    const auto answers = responder::parse_batch_answers(came, which.size());
    if (!answers) {
      return Err{"that is no batch answer: " + der::to_string(answers.error())};
    }
    const std::size_t looked_at = which.size() - answers->end.left;
    if (looked_at == 0) {
      return Err{std::string("it answers nothing before its deadline, or is stopping")};
    }
    for (std::size_t i = 0; i < looked_at; ++i) {
      const Wanted& asked = wanted[which[i]];
      Given& given = out[which[i]];
      const responder::BatchReply& reply = answers->replies[i];
      if (!reply) {
        given =
            asked.digest.empty() ? miss("no answer came") : Given{Given::Kind::kSame, {}, {}, {}};
        continue;
      }
      const auto parsed = ocsp::parse_response(*reply);
      if (parsed && parsed->status == ocsp::ResponseStatus::kTryLater) {
        busy.push_back(which[i]);
      } else if (!parsed || (parsed->status == ocsp::ResponseStatus::kSuccessful &&
                             (!parsed->basic || parsed->basic->responses.size() != 1))) {
        given = miss("what came is no OCSP response about one certificate");
      } else if (parsed->status == ocsp::ResponseStatus::kInternalError) {
        given = miss("internalError");
      } else if (!parsed->basic) {
        given = {Given::Kind::kNone, {}, {}, std::string(ocsp::to_string(parsed->status))};
      } else {
        given = judge(asked, *reply, *parsed->basic, now);
      }
    }
    return looked_at;
  }

  /// An answer as it came: a network, or whoever has the listener's place, may give anything.
  Given judge(const Wanted& asked, const Buffer& response, const ocsp::BasicResponseView& basic,
              UnixSeconds now) {
    const auto request = ocsp::parse_request(asked.request);
    const ocsp::CertIdView id = (*request->requests.begin()).cert_id;
    const ocsp::SingleResponseView single = *basic.responses.begin();
    if (!equal(single.cert_id.raw, id.raw)) {
      return miss("an answer that came is about another certificate");
    }
    const auto hash = der::find_hash(id.hash_algorithm);
    const auto issuer =
        hash ? setup_->index().find(*hash, id.issuer_name_hash, id.issuer_key_hash) : std::nullopt;
    if (!issuer || !is_signed(basic, setup_->issuers()[*issuer], now)) {
      return miss("an answer that came is not signed by who may sign for its issuer");
    }
    if (single.this_update > now + kFutureSkew) {
      return miss("an answer that came is of the future (look at the clocks)");
    }
    if (const Buffer old = at_hand(asked); !old.empty()) {
      const auto held = ocsp::parse_response(old);
      if (held && held->basic && held->basic->responses.size() == 1) {
        const ocsp::SingleResponseView before = *held->basic->responses.begin();
        if (single.this_update < before.this_update) {
          const bool says_same = before.status.index() == single.status.index() &&
                                 before.next_update && *before.next_update > now;
          return says_same ? Given{Given::Kind::kSame, {}, {}, {}}
                           : miss("an answer that came is older than the one at hand");
        }
      }
    }
    return {Given::Kind::kAnswer, response, "-", {}};
  }

  /// The answer the manifest speaks of; empty: there is none, or it was damaged.
  [[nodiscard]] Buffer at_hand(const Wanted& asked) const {
    if (asked.digest.empty()) {
      return {};
    }
    auto content =
        read_file(options_.directory + "/tree/" + file_path(asked.request), kMaxAnswerBytes);
    return content && equal(pki::digest(HashAlgorithm::kSha256, *content), asked.digest)
               ? *std::move(content)
               : Buffer();
  }

  bool is_signed(const ocsp::BasicResponseView& basic, const responder::Issuer& issuer,
                 UnixSeconds now) {
    const auto signs = [&basic](const pki::Certificate& one) {
      return pki::identifies(basic.responder_id, one) &&
             pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature, one);
    };
    if (believed_ && believed_by_ == &issuer && now <= believed_->not_after() &&
        signs(*believed_)) {
      return true;
    }
    std::vector<pki::Certificate> candidates = issuer.certificates;
    candidates.insert(candidates.end(), options_.locally_trusted.begin(),
                      options_.locally_trusted.end());
    for (const Bytes der : basic.certificates) {
      if (auto one = pki::Certificate::parse(der)) {
        candidates.push_back(*std::move(one));
      }
    }
    const auto found =
        std::find_if(candidates.begin(), candidates.end(), [&](const pki::Certificate& one) {
          return pki::identifies(basic.responder_id, one) &&
                 pki::check_authority(one, issuer.certificates.front(), now,
                                      options_.locally_trusted) &&
                 signs(one);
        });
    if (found == candidates.end()) {
      return false;
    }
    believed_ = *found;
    believed_by_ = &issuer;
    return true;
  }

  const BatchCall call_;
  const std::shared_ptr<const responder::Setup> setup_;
  const BatchOptions options_;
  unsigned idle_ = 0;  ///< calls that brought nothing but tryLater
  /// Who signed last, with authority for that issuer.
  std::optional<pki::Certificate> believed_;
  const responder::Issuer* believed_by_ = nullptr;
};

}  // namespace

BatchCall call_batch(net::ControlAccess access) {
  return [access = std::move(access)](Buffer body,
                                      std::size_t max_bytes) -> Result<Buffer, std::string> {
    net::FetchRequest fetch;
    fetch.post_body = std::move(body);
    fetch.content_type = std::string(responder::kBatchRequestType);
    fetch.total_timeout = kPatience;
    fetch.max_body_bytes = max_bytes;
    auto got = net::fetch_from(access, "/batch", std::move(fetch));
    if (!got) {
      return Err{access.address + ": " + got.error().detail};
    }
    return std::move(got->body);
  };
}

std::unique_ptr<AnswerSource> make_batch_answers(BatchCall call,
                                                 std::shared_ptr<const responder::Setup> setup,
                                                 BatchOptions options) {
  return std::make_unique<RemoteAnswers>(std::move(call), std::move(setup), std::move(options));
}

}  // namespace muster::edge
