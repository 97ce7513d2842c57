#include "network.h"

#include <algorithm>

namespace muster::keeper::simulation {
namespace {

const std::vector<Mode>& troubles() {
  static const std::vector<Mode> all = {
      Mode::kRefuses, Mode::kHangs,   Mode::kSlow,    Mode::kOverloaded, Mode::kUnauthorized,
      Mode::kUnknown, Mode::kGarbage, Mode::kForeign, Mode::kForged,     Mode::kStale,
      Mode::kStuck,   Mode::kExpired, Mode::kAhead,   Mode::kFarAhead,   Mode::kWithoutNextUpdate,
      Mode::kShort,   Mode::kSlips,   Mode::kFlaky};
  return all;
}

client::LiveFailure transport_failure(net::FetchErrc code, unsigned status = 0,
                                      std::optional<Seconds> retry_after = {}) {
  return {client::LiveErrc::kTransport, "no answer",
          net::FetchError{code, "no answer", status, retry_after}, std::nullopt, retry_after};
}

client::LiveFailure responder_error(ocsp::ResponseStatus status) {
  return {client::LiveErrc::kResponderError, "an error answer", std::nullopt,
          client::VerifyError{client::VerifyErrc::kResponseStatus, "an error answer", status,
                              std::nullopt, std::nullopt},
          std::nullopt};
}

}  // namespace

Network::Network(const Profile& profile, const SimulatedClock& clock, std::vector<Truth>& truths,
                 std::uint64_t seed)
    : profile_(profile),
      clock_(clock),
      truths_(truths),
      random_(seed),
      at_(profile.hosts),
      cut_at_(profile.egresses),
      in_flight_(profile.hosts * profile.egresses),
      open_about_(kPool) {
  for (std::size_t h = 0; h < profile.hosts; ++h) {
    segments_.push_back(make_segments(h == 0 ? 0 : profile.trouble, troubles()));
  }
  for (unsigned e = 0; e < profile.egresses; ++e) {
    // The last way out is never cut, so that a world with two can promise something.
    cuts_.push_back(make_segments(e + 1 == profile.egresses ? 0 : 0.2, {Mode::kRefuses}));
  }
}

std::vector<Network::Segment> Network::make_segments(double trouble,
                                                     const std::vector<Mode>& modes) {
  std::vector<Segment> out;
  if (trouble <= 0) {
    out.push_back({Milliseconds(0), Milliseconds(profile_.duration) * 2, Mode::kGood});
    return out;
  }
  const auto longest = static_cast<std::uint64_t>(profile_.longest.count());
  for (Milliseconds at{0}; at < Milliseconds(profile_.duration);) {
    // Mostly short, sometimes as long as answers live.
    const Seconds length(30 + below(below(6) == 0 ? longest * 3 / 2 : longest / 12));
    const double calm_share = (1 - trouble) / trouble;
    const Seconds calm(static_cast<std::int64_t>(static_cast<double>(longest) * 0.18 * calm_share *
                                                 2 * random_.next()));
    out.push_back({at, at + calm, Mode::kGood});
    at += calm;
    out.push_back({at, at + length, modes[below(modes.size())]});
    at += length;
  }
  out.push_back({out.back().end, Milliseconds(profile_.duration) * 3, Mode::kGood});
  return out;
}

Mode Network::mode_of(std::size_t host) {
  while (segments_[host][at_[host]].end <= clock_.elapsed) {
    ++at_[host];
  }
  return segments_[host][at_[host]].mode;
}

Content Network::published(std::size_t certificate, UnixSeconds at) const {
  const Truth& truth = truths_[certificate];
  if (truth.period != Seconds(0)) {
    at -= (at - kStart + 1000 * truth.period) % truth.period;
  }
  Content out;
  out.certificate = pool(certificate).certificate.fingerprint();
  out.status =
      truth.revoked_at && at >= *truth.revoked_at ? StapleStatus::kRevoked : StapleStatus::kGood;
  out.this_update = at;
  out.next_update = at + truth.window;
  return out;
}

void Network::ask(const Question& question, const client::VerifyPolicy& policy, UnixSeconds,
                  std::function<void(Answer)> done) {
  const std::size_t certificate = index_of(question.subject.certificate.fingerprint());
  const Truth& truth = truths_[certificate];
  const auto url = std::find(truth.urls.begin(), truth.urls.end(), question.url);
  const std::size_t host = truth.hosts[static_cast<std::size_t>(url - truth.urls.begin())];
  witness.asked(certificate, host, question.egress);
  ++in_flight_[host * profile_.egresses + question.egress];
  ++open_about_[certificate];
  open_.emplace(question.ticket, Open{certificate, host, question.egress,
                                      question.method == client::HttpMethod::kPostOnly,
                                      question.etag, clock_.elapsed, policy, std::move(done)});
  const Mode mode = mode_of(host);
  const std::uint64_t most = mode == Mode::kSlow ? 40'000 : mode == Mode::kFlaky ? 6'000 : 400;
  if (mode != Mode::kHangs) {
    due_.push({clock_.elapsed + Milliseconds(20 + below(most)), question.ticket});
  }
}

void Network::close(const Open& open) {
  --in_flight_[open.host * profile_.egresses + open.egress];
  --open_about_[open.certificate];
}

void Network::cancel(std::uint64_t ticket) {
  const auto found = open_.find(ticket);
  if (found != open_.end()) {
    close(found->second);
    open_.erase(found);
  }
}

void Network::drop_all() {
  open_.clear();
  due_ = {};
  std::fill(in_flight_.begin(), in_flight_.end(), std::size_t{0});
  std::fill(open_about_.begin(), open_about_.end(), std::size_t{0});
}

std::size_t Network::in_flight(std::size_t host, unsigned egress) const {
  return in_flight_[host * profile_.egresses + egress];
}

bool Network::is_open(std::size_t certificate) const { return open_about_[certificate] != 0; }

Milliseconds Network::longest_wait() const {
  Milliseconds longest{0};
  for (const auto& [ticket, open] : open_) {
    longest = std::max(longest, clock_.elapsed - open.asked_at);
  }
  return longest;
}

std::optional<Milliseconds> Network::next_delivery() const {
  return due_.empty() ? std::nullopt : std::optional(due_.top().at);
}

bool Network::deliver() {
  while (!due_.empty() && due_.top().at <= clock_.elapsed) {
    const std::uint64_t ticket = due_.top().ticket;
    due_.pop();
    const auto node = open_.extract(ticket);
    if (node.empty()) {
      continue;  // cancelled
    }
    const Open& open = node.mapped();
    close(open);
    Mode mode = mode_of(open.host);
    if (mode == Mode::kFlaky) {
      mode = below(3) == 0 ? Mode::kGood : troubles()[below(troubles().size() - 1)];
    }
    std::vector<Segment>& cuts = cuts_[open.egress];
    std::size_t& at = cut_at_[open.egress];
    while (cuts[at].end <= clock_.elapsed) {
      ++at;
    }
    if (cuts[at].mode != Mode::kGood) {
      mode = Mode::kRefuses;
    }
    Delivery delivery{open.certificate, open.host, open.egress, mode, std::nullopt, false};
    Answer answer = answer_of(open, mode, delivery);
    witness.delivered(delivery);
    open.done(std::move(answer));
    return true;
  }
  return false;
}

std::optional<Content> Network::content_of(const Open& open, Mode mode) {
  const Truth& truth = truths_[open.certificate];
  const UnixSeconds now = clock_.true_now();
  const auto window = static_cast<std::uint64_t>(truth.window.count());
  Content content = published(open.certificate, now);
  switch (mode) {
    case Mode::kGood:
    case Mode::kSlow:
      break;
    case Mode::kRefuses:
    case Mode::kHangs:
    case Mode::kOverloaded:
    case Mode::kUnauthorized:
    case Mode::kGarbage:
    case Mode::kFlaky:
      return std::nullopt;
    case Mode::kUnknown:
      content.status = StapleStatus::kUnknown;
      break;
    case Mode::kForeign:
      content = published((open.certificate + 1) % kPool, now);
      break;
    case Mode::kForged:
      content.this_update += Seconds(below(60));
      content.next_update = now + 100 * truth.window;
      content.authentic = false;
      break;
    case Mode::kStale:
      content = published(open.certificate, now - Seconds(below(window * 5 / 4)));
      break;
    case Mode::kStuck:
      if (!open.by_post) {
        const Milliseconds since = segments_[open.host][at_[open.host]].begin;
        content = published(open.certificate, kStart + std::chrono::floor<Seconds>(since));
      }
      break;
    case Mode::kExpired:
      content = published(open.certificate, now - truth.window - Seconds(1 + below(window)));
      break;
    case Mode::kAhead:
      content.this_update += Seconds(below(200));
      content.next_update = *content.next_update + Seconds(200);
      break;
    case Mode::kFarAhead:
      content.this_update += Seconds(7200);
      content.next_update = *content.next_update + Seconds(7200);
      break;
    case Mode::kWithoutNextUpdate:
      content.next_update.reset();
      break;
    case Mode::kShort:
      content.next_update = content.this_update + truth.window / 20;
      break;
    case Mode::kSlips:
      if (below(3) == 0) {
        content.status = StapleStatus::kRevoked;
      }
      break;
  }
  return content;
}

Answer Network::answer_of(const Open& open, Mode mode, Delivery& delivery) {
  const auto fail = [](client::LiveFailure failure) {
    return Answer{client::LiveOutcome{std::move(failure), {}, {}}, {}};
  };
  std::optional<Content> content = content_of(open, mode);
  if (!content) {
    if (mode == Mode::kOverloaded) {
      if (below(3) == 0) {
        return fail(responder_error(ocsp::ResponseStatus::kTryLater));
      }
      delivery.told_to_wait = true;
      const Seconds wait(below(4) == 0 ? 7 * 86400 : below(120));
      return fail(transport_failure(net::FetchErrc::kHttpStatus, 503, wait));
    }
    if (mode == Mode::kUnauthorized) {
      return fail(responder_error(ocsp::ResponseStatus::kUnauthorized));
    }
    if (mode == Mode::kGarbage) {
      return fail({client::LiveErrc::kUnacceptable, "junk", std::nullopt,
                   client::VerifyError{client::VerifyErrc::kMalformed, "junk", std::nullopt,
                                       std::nullopt, std::nullopt},
                   std::nullopt});
    }
    return fail(transport_failure(net::FetchErrc::kConnect));
  }
  // The same answer has the same tag: who has it already hears just that.
  const std::string etag = '"' + std::to_string(to_int(content->this_update)) + '/' +
                           std::to_string(static_cast<int>(content->status)) + '"';
  client::CachingAdvice caching;
  caching.etag = etag;
  const Truth& truth = truths_[open.certificate];
  if (below(4) == 0) {
    caching.max_age = Seconds(below(static_cast<std::uint64_t>(truth.window.count()) / 2));
  }
  if (content->authentic && mode != Mode::kForeign) {
    delivery.content = content;
  }
  if (mode == Mode::kGood && !open.by_post && open.etag == etag) {
    delivery.accepted = true;
    return {std::nullopt, std::move(caching)};
  }
  content->number = ++answers_;
  const Buffer octets = encode(*content);
  const Subject& subject = pool(open.certificate);
  auto verified = simulation::verify(
      {octets, subject.certificate, subject.issuer, std::nullopt, {}}, open.policy, clock_.now());
  if (!verified) {
    return fail({client::LiveErrc::kUnacceptable, verified.error().detail, std::nullopt,
                 verified.error(), std::nullopt});
  }
  delivery.accepted = true;
  return {client::LiveOutcome{*std::move(verified), {}, caching}, caching};
}

}  // namespace muster::keeper::simulation
