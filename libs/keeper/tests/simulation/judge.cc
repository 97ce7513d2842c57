#include "judge.h"

#include <algorithm>
#include <cstdio>

namespace muster::keeper::simulation {
namespace {

using Real = std::chrono::duration<double>;

/// What politeness and patience may cost at most, beside a share of the validity: rounds over
/// hanging URLs, a host's rest, Retry-After, the queue of a host that comes back.
constexpr Milliseconds kOverhead{420'000};
/// The same for the way back when nothing is on offer.
constexpr Milliseconds kReturn{1'200'000};
constexpr Milliseconds kHour{3'600'000};

}  // namespace

Judge::Judge(const Profile& profile, const SimulatedClock& clock, const std::vector<Truth>& truths,
             Network& network)
    : profile_(profile), clock_(clock), truths_(truths), network_(network), seen_(kPool) {
  network.witness.asked = [this](std::size_t c, std::size_t h, unsigned e) { on_asked(c, h, e); };
  network.witness.delivered = [this](const Delivery& d) { on_delivered(d); };
}

void Judge::fail(std::string what) {
  if (failure_.empty()) {
    failure_ = std::move(what);
  }
}

std::string Judge::describe(std::size_t c) const {
  const Truth& truth = truths_[c];
  const Seen& seen = seen_[c];
  std::string out = ": certificate " + std::to_string(c) + ", window " +
                    std::to_string(truth.window.count()) + " s, at " +
                    std::to_string(clock_.elapsed.count()) + " ms, clock off by " +
                    std::to_string(clock_.offset.count()) + " s, hosts";
  for (const std::size_t h : truth.hosts) {
    out += ' ' + std::to_string(h);
  }
  if (seen.offer) {
    out += ", on offer [" + std::to_string((seen.offer->this_update - kStart).count()) + ", " +
           std::to_string((seen.end - kStart).count()) + ") " +
           std::string(to_string(seen.offer->status)) + " obtained at " +
           std::to_string((seen.staple->obtained - kStart).count());
  }
  return out;
}

void Judge::tell(std::size_t c, const std::string& what) const {
  std::fprintf(stderr, "%s%s\n", what.c_str(), describe(c).c_str());
}

// ---- what happens

void Judge::on_asked(std::size_t c, std::size_t host, unsigned egress) {
  ++report.requests;
  report.trace = (report.trace ^ (c * 64 + host)) * 0x100000001b3U +
                 static_cast<std::uint64_t>(clock_.elapsed.count());
  Seen& seen = seen_[c];
  if (is_followed(c)) {
    tell(c, "asked host " + std::to_string(host));
  }
  seen.asked_at = clock_.elapsed;
  if (!is_listed(c)) {
    fail("asked about a certificate that is not listed" + describe(c));
  }
  if (network_.is_open(c)) {
    fail("two questions at a time about one certificate" + describe(c));
  }
  if (network_.in_flight(host, egress) >= PlanPolicy{}.per_host) {
    fail("too many questions at a time for host " + std::to_string(host) + describe(c));
  }
  // Polite in every hour: close to the end, and with nothing on offer, tries come closer.
  if (clock_.elapsed - seen.hour >= kHour) {
    seen.hour = clock_.elapsed;
    seen.asked_in_hour = 0;
  }
  const double windows_an_hour = 3600.0 / static_cast<double>(truths_[c].window.count());
  const double allowed = static_cast<double>(truths_[c].hosts.size() * profile_.egresses) *
                         (240 + 60 * std::max(1.0, windows_an_hour) * 2);
  if (++seen.asked_in_hour > allowed) {
    fail("asked " + std::to_string(seen.asked_in_hour) + " times within an hour" + describe(c));
  }
}

void Judge::on_delivered(const Delivery& d) {
  Seen& seen = seen_[d.certificate];
  if (is_followed(d.certificate)) {
    tell(d.certificate, std::string(d.accepted ? "accepted" : "refused") + " in mode " +
                            std::to_string(static_cast<int>(d.mode)) +
                            (d.content ? ' ' + std::string(to_string(d.content->status)) : ""));
  }
  const bool newer = d.accepted && d.content && d.content->status != StapleStatus::kUnknown &&
                     (!seen.offer || d.content->this_update > seen.offer->this_update);
  if (!newer) {
    ++seen.troubles;
    if (d.accepted || d.told_to_wait) {
      seen.stale_at = clock_.elapsed;
    }
  }
  if (d.accepted && d.content && d.content->status == StapleStatus::kRevoked) {
    seen.revoked_answers.push_back(clock_.elapsed);
  }
}

void Judge::on_change(std::size_t c) {
  changed_.insert(c);
  // What has ended by the clock of the machine may be thrown away, be that clock wrong. A stop in
  // this very step leaves no time to look.
  std::optional<Content>& durable = seen_[c].durable;
  if (durable && clock_.now() >= end_of(*durable, pool(c).certificate) - Seconds(1)) {
    durable.reset();
  }
}

void Judge::on_started(const Shelf& shelf, const Keeper& keeper,
                       const std::set<std::size_t>& listed) {
  shelf_ = &shelf;
  keeper_ = &keeper;
  listed_ = listed;
  changed_.clear();
  started_at_ = clock_.elapsed;
  if (clock_.offset == Seconds(0)) {
    disturb(started_at_ + Milliseconds(61'000));
  }
  if (disturbed_.empty()) {
    disturbed_.push_back({started_at_, started_at_ + Milliseconds(61'000)});
  }
  const UnixSeconds now = clock_.now();
  for (const std::size_t c : listed_) {
    Seen& seen = seen_[c];
    seen.uncovered_since.reset();
    look_at(c);
    const auto& durable = seen.durable;
    if (!durable || !durable->next_update || is_withheld(c)) {
      continue;  // a revocation may have been saved in the very step of the crash
    }
    const UnixSeconds end = end_of(*durable, pool(c).certificate) - Seconds(1);
    if (durable->this_update <= now && now < end &&
        (!seen.offer || seen.offer->this_update < durable->this_update)) {
      fail("what was saved is not on offer after a restart" + describe(c));
    }
  }
}

void Judge::on_listed(const std::set<std::size_t>& listed) {
  for (const std::size_t c : listed_) {
    if (listed.count(c) == 0) {
      seen_[c].staple.reset();
      seen_[c].offer.reset();
      seen_[c].was_revoked = false;
      seen_[c].uncovered_since.reset();
    }
  }
  for (const std::size_t c : listed) {
    if (listed_.count(c) == 0) {
      changed_.insert(c);
      seen_[c].troubles = 1;
      seen_[c].listed_at = clock_.elapsed;
    }
  }
  listed_ = listed;
}

void Judge::on_stopped() {
  shelf_ = nullptr;
  keeper_ = nullptr;
  for (Seen& seen : seen_) {
    seen.staple.reset();
    seen.offer.reset();
    seen.revoked_answers.clear();
    seen.was_revoked = false;
    seen.troubles = 1;
    seen.asked_in_hour = 0;
  }
  for (const std::size_t c : unsaved_) {
    seen_[c].durable.reset();
  }
  unsaved_.clear();
  disturbed_.push_back({clock_.elapsed, Milliseconds::max()});
}

void Judge::on_spoilt(std::size_t c) { seen_[c].durable.reset(); }

void Judge::on_clock_set() {
  for (Seen& seen : seen_) {
    seen.troubles = 1;
  }
  if (clock_.offset != Seconds(0)) {
    disturbed_.push_back({clock_.elapsed, Milliseconds::max()});
  } else if (!disturbed_.empty() && disturbed_.back().end == Milliseconds::max()) {
    disturb(clock_.elapsed + Milliseconds(61'000));
  }
}

bool Judge::is_disturbed() const {
  return !disturbed_.empty() && disturbed_.back().end > clock_.elapsed;
}

bool Judge::is_withheld(std::size_t c) const {
  const StaplePointer held = shelf_->held(pool(c).certificate.fingerprint());
  return profile_.withhold && held && held->facts.status == StapleStatus::kRevoked;
}

void Judge::disturb(Milliseconds until) {
  for (Stretch& s : disturbed_) {
    s.end = std::min(s.end, until);
  }
}

// ---- looking

void Judge::look_at_changes() {
  for (const std::size_t c : std::exchange(changed_, {})) {
    look_at(c);
    unsaved_.insert(c);
  }
  if (shelf_->unsaved() == 0 && !unsaved_.empty()) {
    for (const std::size_t c : unsaved_) {
      seen_[c].durable = seen_[c].offer;
    }
    unsaved_.clear();
  }
}

void Judge::look_at_everything() {
  const Milliseconds limit = PlanPolicy{}.fetch_deadline + Seconds(2);
  if (network_.longest_wait() > limit) {
    fail("a question was left open beyond its deadline");
  }
  const std::vector<CertificateStatus> statuses = keeper_->status();
  for (const CertificateStatus& status : statuses) {
    const std::size_t c = index_of(status.certificate);
    look_at(c);
    const Seen& seen = seen_[c];
    if (seen.uncovered_since && !is_disturbed() && status.not_after > clock_.now()) {
      check_return(c, seen);
    }
    check_news(c, seen);
    if (!is_disturbed()) {
      const Milliseconds since = disturbed_.empty() ? started_at_ : disturbed_.back().end;
      if (is_neglected(status, kStart + std::chrono::ceil<Seconds>(since), clock_.now())) {
        fail("nobody asks any more" + describe(c));
      }
    }
  }
  if (statuses.size() != listed_.size()) {
    fail("the status does not list what is listed");
  }
}

void Judge::look_at(std::size_t c) {
  Seen& seen = seen_[c];
  const StaplePointer staple = shelf_->find(pool(c).certificate.fingerprint(), clock_.now());
  if (staple != seen.staple) {
    if (is_followed(c)) {
      tell(c, "another offer than");
    }
    const std::optional<Content> before = seen.offer;
    const UnixSeconds lasted = seen.lasts, ended = seen.end;
    check_offer(c, seen, staple);
    check_change(c, seen, before, lasted);
    if (before && seen.offer && seen.offer->this_update > before->this_update) {
      check_timing(c, seen, *before, ended, *seen.offer);
    }
    if (!before && staple && staple->obtained == clock_.now()) {
      seen.taken_at = clock_.elapsed;  // an answer, and not what was found on the disk
    }
    if (staple) {
      seen.came_at = clock_.elapsed;
    }
    if (before && !seen.offer && is_listed(c)) {
      check_gap(c, *before, ended, seen);
    }
  }
  if (!seen.offer) {
    if (is_listed(c) && !seen.uncovered_since) {
      seen.uncovered_since = clock_.elapsed;
    }
    return;
  }
  seen.uncovered_since.reset();
  if (!is_listed(c)) {
    fail("on offer although it is not listed any more" + describe(c));
  }
  if (clock_.now() >= seen.end) {
    fail("expired, and on offer" + describe(c));
  }
  const bool clock_was_right = disturbed_.empty() || (!is_disturbed() && !profile_.clock_jumps);
  if (seen.offer->this_update > clock_.now() && seen.offer->this_update > clock_.true_now() &&
      clock_was_right) {
    fail("on offer before it begins" + describe(c));
  }
}

void Judge::check_offer(std::size_t c, Seen& seen, const StaplePointer& staple) {
  seen.staple = staple;
  seen.offer.reset();
  if (!staple) {
    return;
  }
  seen.offer = decode(staple->der());
  if (!seen.offer || !seen.offer->authentic) {
    fail("junk on offer" + describe(c));
    seen.offer = Content{};
    return;
  }
  const pki::Certificate& certificate = pool(c).certificate;
  if (seen.offer->certificate != certificate.fingerprint()) {
    fail("another certificate's answer on offer" + describe(c));
  }
  if (seen.offer->status == StapleStatus::kUnknown) {
    fail("an answer that knows nothing on offer" + describe(c));
  }
  seen.end = end_of(*seen.offer, certificate);
  if (!seen.offer->next_update) {
    seen.end = std::min(seen.end, staple->obtained + Seconds(3600));
  }
  seen.lasts = seen.end - Seconds(1);
}

void Judge::check_change(std::size_t c, Seen& seen, const std::optional<Content>& before,
                         UnixSeconds lasted) {
  const UnixSeconds now = clock_.now();
  const auto& after = seen.offer;
  const bool is_revoked = after && after->status == StapleStatus::kRevoked;
  const bool was_revoked = seen.was_revoked;
  seen.was_revoked = after ? is_revoked : was_revoked;
  if (is_revoked && !was_revoked && (!before || before->status == StapleStatus::kGood)) {
    const bool from_disk = clock_.elapsed == started_at_ || clock_.elapsed == seen.listed_at ||
                           seen.staple->obtained < now - Seconds(90);
    bool confirmed = false;
    unsigned lately = 0;
    for (const Milliseconds at : seen.revoked_answers) {
      const Milliseconds age = clock_.elapsed - at;
      lately += age <= Milliseconds(130'000) ? 1U : 0U;
      confirmed = confirmed || lately >= 2 || (age >= Milliseconds(60'000) && lately == 1);
    }
    if (!confirmed && !from_disk && !is_disturbed()) {
      fail("one answer alone made it revoked" + describe(c));
    }
    ++report.revocations;
  }
  if (!before) {
    return;
  }
  // While the clock is set back, what began stays.
  const bool has_begun = before->this_update <= now || clock_.offset < Seconds(0);
  const bool was_live = has_begun && now < lasted;
  if (!after) {
    if (was_live && !is_withheld(c) && is_listed(c)) {
      fail("a live one was dropped" + describe(c));
    }
    return;
  }
  if (!was_live) {
    return;
  }
  if (before->status == StapleStatus::kRevoked && after->status == StapleStatus::kGood) {
    fail("a revocation was undone" + describe(c));
  }
  if (before->status == after->status && after->this_update < before->this_update) {
    fail("an older one took its place" + describe(c));
  }
}

void Judge::check_timing(std::size_t c, Seen& seen, const Content& before, UnixSeconds before_end,
                         const Content& after) {
  ++report.taken;
  const bool was_held_back = seen.staple->obtained < after.this_update;
  // What comes on offer because its time has come ends neither the failures before it nor a
  // question that is open.
  const unsigned troubles = was_held_back ? seen.troubles : std::exchange(seen.troubles, 0U);
  const bool was_open = seen.asked_at < seen.came_at;
  seen.taken_at = clock_.elapsed;
  // What one answer said of a revocation is asked about until it is confirmed or contradicted.
  const bool about_news = !seen.revoked_answers.empty() &&
                          clock_.elapsed - seen.revoked_answers.back() < Milliseconds(130'000);
  if (troubles != 0 || about_news || was_held_back || was_open || is_disturbed() ||
      !before.next_update || !after.next_update || before.status != StapleStatus::kGood ||
      after.status != StapleStatus::kGood) {
    return;
  }
  ++report.windows;
  const Seconds age = clock_.now() - before.this_update;
  const Real window = before_end - before.this_update;
  const Truth& truth = truths_[c];
  if (Real(age) < window * 0.22 - Real(3) && before.this_update != after.this_update) {
    fail("asked again after " + std::to_string(age.count()) + " s" + describe(c));
  }
  const bool always_good =
      std::all_of(truth.hosts.begin(), truth.hosts.end(), [](std::size_t h) { return h == 0; });
  if (always_good && profile_.egresses == 1 && truth.period == Seconds(0) &&
      Real(age) > window * 0.31 + Real(10)) {
    fail("its responder always works and it was late, after " + std::to_string(age.count()) + " s" +
         describe(c));
  }
}

bool Judge::had_old_answers(std::size_t c, Milliseconds from, Milliseconds until) const {
  const auto is_old = [&](const Network::Segment& s) {
    return s.begin < until && s.end > from &&
           (s.mode == Mode::kStuck || s.mode == Mode::kStale || s.mode == Mode::kFlaky);
  };
  return std::any_of(truths_[c].hosts.begin(), truths_[c].hosts.end(), [&](std::size_t host) {
    const auto& segments = network_.segments(host);
    return std::any_of(segments.begin(), segments.end(), is_old);
  });
}

Milliseconds Judge::longest_chance(std::size_t c, Milliseconds from, Milliseconds until) const {
  Milliseconds longest{0};
  std::vector<Stretch> wrong;
  for (const Stretch& s : disturbed_) {
    if (s.end > from && s.begin < until) {
      wrong.push_back(s);
    }
  }
  std::sort(wrong.begin(), wrong.end(),
            [](const Stretch& a, const Stretch& b) { return a.begin < b.begin; });
  for (const std::size_t host : truths_[c].hosts) {
    const auto& segments = network_.segments(host);
    auto segment = std::partition_point(segments.begin(), segments.end(),
                                        [from](const auto& s) { return s.end <= from; });
    for (; segment != segments.end() && segment->begin < until; ++segment) {
      if (segment->mode != Mode::kGood && segment->mode != Mode::kStuck) {
        continue;  // what is stuck in a cache is got by POST
      }
      Milliseconds begin = std::max(from, segment->begin);
      const Milliseconds end = std::min(until, segment->end);
      for (const Stretch& s : wrong) {
        if (s.begin < end && s.end > begin) {
          longest = std::max(longest, s.begin - begin);
          begin = std::max(begin, s.end);
        }
      }
      longest = std::max(longest, end - begin);
    }
  }
  return longest;
}

void Judge::check_gap(std::size_t c, const Content& lost, UnixSeconds end, const Seen& seen) {
  ++report.gaps;
  if (is_disturbed() || is_withheld(c) || end >= pool(c).certificate.not_after()) {
    return;
  }
  const std::optional<UnixSeconds>& revoked_at = truths_[c].revoked_at;
  if (lost.status == StapleStatus::kRevoked && (!revoked_at || *revoked_at > lost.this_update)) {
    return;  // a slip of the CA stands until it ends, and good is not believed before (decision
             // 020)
  }
  const Seconds window = end - lost.this_update;
  // Before its CA makes another there is nothing to be had.
  const Seconds until_newer = std::max(window * 31 / 100, truths_[c].period);
  const Milliseconds from =
      std::max({elapsed_at(lost.this_update + until_newer), seen.taken_at, seen.listed_at});
  const Milliseconds until = elapsed_at(end);
  // An answer that was old when it came is asked about again after a quarter of what remains, or
  // half of it where the server says so.
  const bool had_stale_answers = seen.stale_at >= elapsed_at(lost.this_update) ||
                                 seen.taken_at >= elapsed_at(lost.this_update + window * 22 / 100);
  const Milliseconds enough = Milliseconds(window) * (had_stale_answers ? 40 : 8) / 100 + kOverhead;
  if (const Milliseconds chance = longest_chance(c, from, until); chance > enough) {
    fail("it ran out although a responder worked for " + std::to_string(chance.count() / 1000) +
         " s" + describe(c) + ", it was [" + std::to_string((lost.this_update - kStart).count()) +
         ", " + std::to_string((end - kStart).count()) + ")");
  }
}

void Judge::check_news(std::size_t c, const Seen& seen) {
  const Truth& truth = truths_[c];
  if (!truth.revoked_at || !seen.offer || seen.offer->status != StapleStatus::kGood ||
      is_disturbed() || *truth.revoked_at + truth.period > clock_.true_now()) {
    return;
  }
  const Milliseconds known = std::max(elapsed_at(*truth.revoked_at + truth.period), seen.listed_at);
  // A responder that says what it said before is passed by, by POST or for another, in the round
  // after the first that finds nothing newer beyond 30 % of the window; and each round waits for
  // half of what remains at most: 30, 65, 83.
  const int share = had_old_answers(c, known, clock_.elapsed) ? 85 : 45;
  if (longest_chance(c, known, clock_.elapsed) >
      Milliseconds(truth.window) * share / 100 + kReturn) {
    fail("revoked, and good on offer" + describe(c));
  }
}

void Judge::check_return(std::size_t c, const Seen& seen) {
  if (is_withheld(c)) {
    return;
  }
  if (longest_chance(c, *seen.uncovered_since, clock_.elapsed) > kReturn) {
    fail("nothing on offer although a responder works" + describe(c));
  }
}

}  // namespace muster::keeper::simulation
