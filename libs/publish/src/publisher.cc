#include "muster/publish/publisher.h"

#include <algorithm>
#include <filesystem>

#include "publication.h"
#include "published_files.h"
#include "source_check.h"

namespace muster::publish {
namespace {

Err<PublishError> bad(PublishErrc code, std::string detail) {
  return Err{PublishError{code, std::move(detail)}};
}

}  // namespace

struct Publisher::Impl {
  Impl(Spec s, const store::Store& st) : spec(std::move(s)), store(st), reader(st.reader()) {}

  void checkpoint(std::string_view step) const {
    if (spec.checkpoint_for_test) {
      spec.checkpoint_for_test(step);
    }
  }
  [[nodiscard]] std::string in_state(const std::string& name) const {
    return spec.state_directory + "/" + name;
  }

  PublishResult<Unit> start(UnixSeconds now);
  PublishResult<Unit> check_places() const;
  PublishResult<Unit> for_each_held(
      const std::function<PublishResult<Unit>(const crl::CrlView&)>& visit) const;
  void forget_published(const std::string& why);
  PublishResult<Unit> for_each_published(
      const std::function<PublishResult<Unit>(const crl::CrlView&)>& visit) const;
  PublishResult<std::string> check_withdrawn();
  PublishResult<Unit> adopt_published_numbers();
  PublishResult<Unit> install();
  void tidy() const;
  PublishResult<Unit> check_moment(What what, UnixSeconds now) const;
  PublishResult<Changed> look(UnixSeconds now);
  PublishResult<Published> publish(What what, UnixSeconds now, Regular regular);
  PublishResult<crl::Number> burn_number();

  Spec spec;
  const store::Store& store;
  std::unique_ptr<store::Reader> reader;
  UniqueFd lock;
  State state;
  std::vector<std::string>
      forgotten;  // files in the state directory, in use before this series had another shape
  bool installed = false;
  std::vector<std::string> warnings;
  std::optional<UnixSeconds> looked_at;
  std::optional<std::uint64_t> looked_sequence;
  Changed changed = Changed::kNo;
};

PublishResult<Unit> Publisher::Impl::start(UnixSeconds now) {
  MUSTER_CHECK(check_spec(spec, now, warnings));
  MUSTER_TRY(lock, lock_directory(spec.state_directory));
  MUSTER_CHECK(check_places());
  const std::string tag = issuer_tag(crl_issuer_of(spec));
  MUSTER_TRY(const auto known, load_state(spec.state_directory));
  if (known && known->issuer != tag) {
    return bad(PublishErrc::kState, spec.state_directory + " belongs to another CRL issuer than " +
                                        spec.signer.subject_text() +
                                        " (name another state directory)");
  }
  state = known.value_or(State{});
  state.issuer = tag;
  if (!known && spec.first_number) {
    const auto first = spec.first_number->content();
    // The highest used so far is the one below: numbers begin behind it.
    Buffer below = first;
    for (std::size_t i = below.size(); i-- > 0;) {
      if (below[i]-- != 0) {
        break;
      }
    }
    state.number = crl::Number::make(below).value_or(crl::Number());
  }
  if (state.complete && state.partitions != spec.partitions.size()) {
    forget_published("there were " + std::to_string(state.partitions) + " partitions");
  } else if (const auto held = for_each_held([](const crl::CrlView&) { return Unit{}; }); !held) {
    if (held.error().code != PublishErrc::kState) {
      return Err{held.error()};
    }
    forget_published(held.error().detail);
  }
  MUSTER_CHECK(adopt_published_numbers());
  if (const auto done = install(); !done) {
    warnings.push_back(done.error().detail);  // tried again before anything is published
  }
  return Unit{};
}

/// Published files do not go where the state is: one could take the place of the other.
PublishResult<Unit> Publisher::Impl::check_places() const {
  std::error_code failure;
  const auto state_directory = std::filesystem::canonical(spec.state_directory, failure);
  for (const Partition& partition : spec.partitions) {
    for (const std::string& path : {partition.out, partition.delta_out}) {
      const auto parent = std::filesystem::path(path).parent_path();
      if (!path.empty() && std::filesystem::weakly_canonical(parent.empty() ? "." : parent,
                                                             failure) == state_directory) {
        return bad(
            PublishErrc::kTerms,
            path + " lies in " + spec.state_directory +
                ", which is for the numbers and CRLs of this "
                "series (publish into another directory, or name another one for the state)");
      }
    }
  }
  return Unit{};
}

/// Hands out each CRL in use. Errors: kState where one is gone, damaged, or not of this scope and
/// key: the partitions may be others than when it was made, and it must not be put into the place
/// of another.
PublishResult<Unit> Publisher::Impl::for_each_held(
    const std::function<PublishResult<Unit>(const crl::CrlView&)>& visit) const {
  for (std::size_t i = 0; state.complete && i < spec.partitions.size(); ++i) {
    MUSTER_TRY(const HeldCrl complete, open_crl(in_state(state.complete_file(i)), spec));
    bool fits = is_base_for(complete.view, spec, i, *state.complete);
    if (fits) {
      MUSTER_CHECK(visit(complete.view));
    }
    if (fits && state.delta) {
      MUSTER_TRY(const HeldCrl delta, open_crl(in_state(state.delta_file(i)), spec));
      fits = is_delta_of(delta.view, spec, i, *state.delta);
      MUSTER_CHECK(visit(delta.view));
    }
    if (!fits) {
      return bad(PublishErrc::kState, "scope or key of the CRLs has changed");
    }
  }
  return Unit{};
}

/// Goes on as if nothing were published yet, but for numbers, and for what a next CRL must not
/// leave out.
void Publisher::Impl::forget_published(const std::string& why) {
  warnings.push_back(spec.label + ": complete CRLs are published anew: " + why);
  for (std::size_t i = 0; i < state.partitions; ++i) {
    forgotten.push_back(state.complete_file(i));
    if (state.delta) {
      forgotten.push_back(state.delta_file(i));
    }
  }
  state.complete.reset();
  state.delta.reset();
  state.history =
      History{.regular_at = {}, .complete_at = {}, .delta_at = {}, .ended = state.history.ended};
}

/// Hands out every CRL of ours that others may have, as far as it can be read.
PublishResult<Unit> Publisher::Impl::for_each_published(
    const std::function<PublishResult<Unit>(const crl::CrlView&)>& visit) const {
  if (state.complete) {
    return for_each_held(visit);
  }
  for (const std::string& name : forgotten) {
    if (const auto held = open_crl(in_state(name), spec)) {
      MUSTER_CHECK(visit(held->view));
    }
  }
  for (const Partition& partition : spec.partitions) {
    for (const std::string& path : {partition.out, partition.delta_out}) {
      if (path.empty()) {
        continue;
      }
      MUSTER_TRY(const auto there, look_at_published(path, spec));
      if (there && there->is_ours) {
        MUSTER_CHECK(visit(there->view));
      }
    }
  }
  return Unit{};
}

/// Whether the store still has every revocation that was published: one restored from a backup or
/// made anew has not, and a CRL from it would clear certificates. `reader` was renewed before.
/// Returns a warning, or nothing. Errors: kSource, kStore, kIo.
PublishResult<std::string> Publisher::Impl::check_withdrawn() {
  Withdrawn withdrawn;
  const auto compare = [&](const crl::CrlView& published) {
    return add_withdrawn(published, spec, *reader, withdrawn);
  };
  if (const auto done = for_each_published(compare);
      !done && done.error().code == PublishErrc::kState && state.complete) {
    forget_published(done.error().detail);
    withdrawn = Withdrawn{};
    MUSTER_CHECK(for_each_published(compare));
  } else {
    MUSTER_CHECK(done);
  }
  if (withdrawn.lost + withdrawn.by_source == 0) {
    return std::string();
  }
  std::string what = spec.label + ": " + std::to_string(withdrawn.lost + withdrawn.by_source) +
                     " revocations that were published are gone from the store, such as " +
                     withdrawn.example;
  if (withdrawn.lost != 0 && spec.withdrawals == Withdrawals::kRefused) {
    return bad(
        PublishErrc::kSource,
        what +
            "; the CRL would clear those certificates, and only a hold can be lifted (restore the "
            "records; if they are to go, see 'muster crl publish --accept-withdrawn')");
  }
  return what + ", though only a hold can be lifted (somebody should look)";
}

/// Numbers go on behind whatever is published already: by us before the state was lost, or by
/// another program.
PublishResult<Unit> Publisher::Impl::adopt_published_numbers() {
  const crl::Number ours = state.number;
  for (const Partition& partition : spec.partitions) {
    for (const std::string& path : {partition.out, partition.delta_out}) {
      if (path.empty()) {
        continue;
      }
      remove_leftovers(path);
      MUSTER_TRY(const auto there, look_at_published(path, spec));
      if (there && !there->is_ours) {
        warnings.push_back(
            spec.label + ": " + path +
            " is in the name of our CRL issuer, but our key did not sign it: its number does "
            "not count, and it will be overwritten");
      }
      if (!there || !there->is_ours) {
        continue;
      }
      const auto number =
          there->view.crl_number ? crl::Number::make(*there->view.crl_number) : std::nullopt;
      if (number && *number > state.number) {
        state.number = *number;
      }
      if (!state.this_update || there->view.this_update > *state.this_update) {
        state.this_update = there->view.this_update;
      }
    }
  }
  if (ours != state.number && state.complete) {
    forget_published(
        spec.state_directory +
        " is older than the CRLs that are published (restored from a backup?); numbering goes on "
        "behind theirs, " +
        state.number.to_hex());
  }
  return Unit{};
}

/// Puts the CRLs committed last where they are served, unless they are there.
PublishResult<Unit> Publisher::Impl::install() {
  for (std::size_t i = 0; state.complete && i < spec.partitions.size(); ++i) {
    const Partition& partition = spec.partitions[i];
    MUSTER_CHECK(install_file(in_state(state.complete_file(i)), partition.out, spec.format));
    checkpoint("installed");
    if (state.delta && !partition.delta_out.empty()) {
      MUSTER_CHECK(install_file(in_state(state.delta_file(i)), partition.delta_out, spec.format));
      checkpoint("installed");
    }
  }
  installed = true;
  tidy();
  return Unit{};
}

/// Removes from the state directory what is ours and not in use: older CRLs, and what a failed
/// publication left. Whatever else stands there belongs to somebody: an operator may have named a
/// directory that is in use.
void Publisher::Impl::tidy() const {
  remove_files(spec.state_directory, [this](std::string_view name) {
    if (!is_file_of_ours(name)) {
      return true;
    }
    if (std::find(forgotten.begin(), forgotten.end(), name) != forgotten.end()) {
      return true;
    }
    for (std::size_t i = 0; i < spec.partitions.size(); ++i) {
      if ((state.complete && name == state.complete_file(i)) ||
          (state.delta && name == state.delta_file(i))) {
        return true;
      }
    }
    return false;
  });
}

PublishResult<Unit> Publisher::Impl::check_moment(What what, UnixSeconds now) const {
  if (state.history.ended && what != What::kLast) {
    return bad(PublishErrc::kEnded,
               spec.label + ": the last CRL of this series was published; it holds for ever");
  }
  if (state.this_update && now < *state.this_update) {
    return bad(PublishErrc::kClock, spec.label + ": the clock says " + format_iso8601(now) +
                                        ", but the CRL published last is of " +
                                        format_iso8601(*state.this_update) +
                                        " (correct the clock)");
  }
  if (now < spec.signer.not_before() || now > spec.signer.not_after()) {
    return bad(PublishErrc::kSigner, "CRL signer " + spec.signer.subject_text() +
                                         ": its certificate ended at " +
                                         format_iso8601(spec.signer.not_after()));
  }
  if (what != What::kLast) {
    return Unit{};
  }
  if (!spec.terms.profile->last_allowed) {
    return bad(PublishErrc::kTerms,
               "profile " + std::string(spec.terms.profile->name) + " knows no last CRL");
  }
  for (const Subject& subject : spec.subjects) {
    const store::IssuerState* known = reader->issuer_state(subject.id);
    if (known == nullptr || known->knows_issued != store::KnowsIssued::kYes) {
      return bad(PublishErrc::kTooEarly,
                 subject.ca.subject_text() +
                     ": a last CRL needs every certificate to be expired or "
                     "revoked, and the store does not know all that were issued (use index.txt)");
    }
  }
  return Unit{};
}

PublishResult<Changed> Publisher::Impl::look(UnixSeconds now) {
  looked_at = now;
  const std::uint64_t sequence = reader->renew();
  reader->release();
  if (sequence != 0 && looked_sequence == sequence) {
    return changed;
  }
  std::vector<LineDigest> digests(spec.partitions.size());
  MUSTER_CHECK(for_each_line(
      store, spec, {{state.retire_before, spec.terms.keep_expired_since}, std::nullopt},
      [&](std::size_t partition, const Line& line) { digests[partition].add(line); }));
  looked_sequence = sequence;
  changed = combine(digests) == state.digest ? Changed::kNo : Changed::kYes;
  return changed;
}

/// Makes a number ours for good before anything is signed with it: a publication that dies skips
/// it.
PublishResult<crl::Number> Publisher::Impl::burn_number() {
  const auto number = state.number.next();
  if (!number) {
    return bad(PublishErrc::kNumbers,
               spec.label + ": CRL numbers end below 2^159, and the last one is used");
  }
  State next = state;
  next.number = *number;
  MUSTER_CHECK(save_state(spec.state_directory, next));
  state = std::move(next);
  return *number;
}

PublishResult<Published> Publisher::Impl::publish(What what, UnixSeconds now, Regular regular) {
  if (!installed) {
    MUSTER_CHECK(install());
  }
  MUSTER_TRY(const SourceFacts facts, check_sources(spec, *reader, now));
  MUSTER_CHECK(check_moment(what, now));
  MUSTER_TRY(const std::string withdrawn, check_withdrawn());
  reader->release();
  Publication publication(spec, state, what, now, regular);
  if (!withdrawn.empty()) {
    publication.done().warnings.push_back(withdrawn);
  }
  if (facts.number && state.number < *facts.number) {
    publication.done().warnings.push_back(
        spec.label +
        ": the records come from CRLs that the same key signed; numbers go on behind "
        "theirs, " +
        facts.number->to_hex() +
        " (let one program alone sign as this CRL issuer, or the other will use ours again)");
    state.number = *facts.number;
  }
  MUSTER_CHECK(publication.prepare(facts));
  MUSTER_CHECK(publication.read(store));
  MUSTER_TRY(const crl::Number number, burn_number());
  checkpoint("burned");
  auto next = publication.make(number);
  if (!next) {
    tidy();
    return Err{next.error()};
  }
  MUSTER_CHECK(save_state(spec.state_directory, *next));
  state = *std::move(next);
  forgotten.clear();
  installed = false;
  changed = Changed::kNo;
  looked_sequence.reset();
  checkpoint("committed");
  MUSTER_CHECK(install());
  return std::move(publication.done());
}

Publisher::Publisher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Publisher::~Publisher() = default;

PublishResult<std::unique_ptr<Publisher>> Publisher::open(Spec spec, const store::Store& store,
                                                          UnixSeconds now) {
  auto impl = std::make_unique<Impl>(std::move(spec), store);
  MUSTER_CHECK(impl->start(now));
  return std::unique_ptr<Publisher>(new Publisher(std::move(impl)));
}

PublishResult<Published> Publisher::publish(What what, UnixSeconds now, Regular regular) {
  return impl_->publish(what, now, regular);
}

PublishResult<std::optional<Published>> Publisher::step(UnixSeconds now) {
  Impl& i = *impl_;
  if (!i.installed) {
    MUSTER_CHECK(i.install());
  }
  Changed changed = Changed::kNo;
  const auto look = look_interval(i.spec.terms);
  if (look && i.state.complete && !i.state.history.ended &&
      (!i.looked_at || now >= *i.looked_at + *look)) {
    MUSTER_TRY(changed, i.look(now));
  }
  const Decision decision = decide(i.spec.terms, i.state.history, changed, now);
  if (decision.action == Action::kNothing) {
    return std::optional<Published>();
  }
  MUSTER_TRY(Published done,
             i.publish(decision.action == Action::kDelta ? What::kDelta : What::kComplete, now,
                       decision.regular));
  return std::optional(std::move(done));
}

void Publisher::look_again() { impl_->looked_at.reset(); }

std::optional<UnixSeconds> Publisher::next_step() const {
  const Impl& i = *impl_;
  auto next = next_due(i.spec.terms, i.state.history);
  const auto look = look_interval(i.spec.terms);
  if (next && look) {
    next = std::min(*next, i.looked_at ? *i.looked_at + *look : UnixSeconds{});
  }
  return next;
}

const Spec& Publisher::spec() const { return impl_->spec; }
const History& Publisher::history() const { return impl_->state.history; }
const crl::Number& Publisher::number() const { return impl_->state.number; }
std::optional<UnixSeconds> Publisher::next_update() const {
  return impl_->state.complete_next_update;
}
const std::vector<std::string>& Publisher::warnings() const { return impl_->warnings; }

PublishResult<std::vector<Served>> Publisher::served() const {
  std::vector<Served> all;
  const Impl& i = *impl_;
  const auto add = [&](const std::string& file, const std::string& path,
                       const std::vector<std::string>& uris) -> PublishResult<Unit> {
    MUSTER_TRY(HeldCrl held, open_crl(i.in_state(file), i.spec));
    const UnixSeconds this_update = held.view.this_update;
    const auto owner = std::make_shared<const HeldCrl>(std::move(held));
    all.push_back({path, uris, owner, owner->file.octets(), this_update});
    return Unit{};
  };
  for (std::size_t p = 0; i.state.complete && p < i.spec.partitions.size(); ++p) {
    const Partition& partition = i.spec.partitions[p];
    MUSTER_CHECK(add(i.state.complete_file(p), partition.out, partition.uris));
    if (i.state.delta) {
      MUSTER_CHECK(add(i.state.delta_file(p), partition.delta_out, partition.delta_uris));
    }
  }
  return all;
}

}  // namespace muster::publish
