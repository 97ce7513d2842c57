#include <algorithm>

#include "crl_set_keeper.h"
#include "muster/crl/name_match.h"
#include "muster/source/ldap.h"

// CrlSetKeeper: from the network onto the shelf, and from the shelf into the store.
namespace muster::source {
namespace {

bool same_facts(const store::IssuerState& a, const store::IssuerState& b) {
  return a.this_update == b.this_update && a.next_update == b.next_update &&
         a.not_revoked_until == b.not_revoked_until &&
         a.never_issued_until == b.never_issued_until && a.label == b.label &&
         a.crl_number == b.crl_number;
}

/// What is missing before anything may be called not revoked; empty: nothing.
std::string gap_of(const Merge& merge) {
  return merge.plan.gap.empty() && merge.lacks_lists()
             ? "no list of issued serials could be read as yet (see its error, or give one)"
             : merge.plan.gap;
}

}  // namespace

void CrlSetKeeper::start_downloads() {
  if (downloads_ == nullptr) {
    return;
  }
  for (const auto& location : locations_) {
    if (location->is_due(clock_.monotonic())) {
      location->start(*downloads_, spec_.id, shelf_.directory(), shelf_.crls());
    }
  }
}

void CrlSetKeeper::receive(std::vector<Download>& ended, const std::stop_token& stop) {
  for (const auto& location : locations_) {
    const auto mine = std::find_if(ended.begin(), ended.end(), [&](const Download& d) {
      return location->is_waiting_for(d.id);
    });
    if (mine != ended.end() && !stop.stop_requested()) {
      Download download = std::move(*mine);
      ended.erase(mine);
      receive_one(*location, std::move(download));
    }
  }
}

void CrlSetKeeper::receive_one(CrlLocation& location, Download download) {
  const std::string url = location.url();
  std::optional<SourceError> problem;
  std::shared_ptr<const HeldCrl> in_place;
  auto contents = location.receive(std::move(download), shelf_.directory());
  if (!contents) {
    problem = contents.error();
  } else if (contents->empty()) {
    in_place = location.held();
  }
  const CrlTerms judging = terms();
  std::vector<HeldCrl> offered;
  for (std::size_t i = 0; contents && i < contents->size(); ++i) {
    auto judged = judge_crl((*contents)[i], url, judging);
    if (judged) {
      offered.push_back(*std::move(judged));
    } else {
      problem = judged.error();
    }
  }
  // Of several in a directory's entry the complete ones first: deltas continue them.
  std::stable_partition(offered.begin(), offered.end(),
                        [](const HeldCrl& crl) { return !crl.view.is_delta; });
  for (HeldCrl& crl : offered) {
    const auto outcome = shelf_.take(std::move(crl));
    if (!outcome) {
      problem = outcome.error();
    } else if (outcome->taken == CrlShelf::Taken::kOlder) {
      problem = source_error(SourceErrc::kRollback, url, outcome->why);
    } else if (outcome->taken == CrlShelf::Taken::kNoBase) {
      problem = source_error(
          SourceErrc::kNoBase, url,
          "a delta CRL that no complete CRL in use continues with (what was loaded "
          "before, if anything, stays in force; it is fetched again with a complete CRL)");
    } else {
      in_place = outcome->held;
      if (outcome->taken == CrlShelf::Taken::kNew) {
        // A base for a delta that had none, or a delta that puts its base into use again.
        const SourceErrc mended =
            in_place->view.is_delta ? SourceErrc::kRollback : SourceErrc::kNoBase;
        for (const auto& other : locations_) {
          if (other->status().error && other->status().error->code == mended) {
            other->hurry(clock_.monotonic());
          }
        }
      }
    }
  }
  const UnixSeconds now = clock_.now();
  if (in_place == nullptr && !problem) {  // "unchanged", of something we do not have
    problem = source_error(SourceErrc::kUnreachable, url,
                           "the host says unchanged, of a CRL that we do not have");
  }
  const auto before = location.status().error;
  if (in_place != nullptr) {
    const UnixSeconds end = end_of(in_place->view, wish(), now);
    location.accepted(in_place, end - now, clock_.monotonic(), now, chance());
    if (problem) {
      location.complain(*problem, now);
    }
  } else {
    location.refused(*problem, clock_.monotonic(), now, chance());
  }
  const auto& after = location.status().error;
  if (after && (!before || before->detail != after->detail)) {
    logger_.log(LogLevel::kError, "source.part_refused", after->detail,
                {{"issuer", spec_.label}, {"code", to_string(after->code)}});
  } else if (before && !after) {
    logger_.log(LogLevel::kInfo, "source.part_recovered", url, {{"issuer", spec_.label}});
  }
}

void CrlSetKeeper::follow_freshest() {
  if (spec_.crls.freshest == CrlSetSpec::Freshest::kIgnored) {
    return;
  }
  std::vector<std::vector<std::string>> named;
  std::vector<std::shared_ptr<const HeldCrl>> all = shelf_.crls();
  for (const CrlShelf::Parked& parked : shelf_.parked()) {
    all.push_back(parked.crl);
  }
  for (const auto& crl : all) {
    for (const crl::DistributionPoint& point : crl->view.freshest_crl) {
      std::vector<std::string> urls;
      for (const std::string_view uri :
           point.name ? crl::uris(*point.name) : std::vector<std::string_view>()) {
        const bool known =
            uri.starts_with("http://") || uri.starts_with("https://") || complete_ldap_url(uri);
        if (known && urls.size() < kMaxAlternatives) {
          urls.emplace_back(uri);
        }
      }
      if (!urls.empty() && named.size() < kMaxFreshestLocations &&
          std::find(named.begin(), named.end(), urls) == named.end()) {
        named.push_back(std::move(urls));
      }
    }
  }
  const auto is_named = [&](const std::unique_ptr<CrlLocation>& location) {
    return std::find(named.begin(), named.end(), location->urls()) != named.end();
  };
  const auto first_followed =
      locations_.begin() + static_cast<std::ptrdiff_t>(configured_locations_);
  locations_.erase(
      std::remove_if(first_followed, locations_.end(), [&](const auto& l) { return !is_named(l); }),
      locations_.end());
  for (const std::vector<std::string>& urls : named) {
    const bool have = std::any_of(locations_.begin(), locations_.end(),
                                  [&](const auto& l) { return l->urls() == urls; });
    if (!have) {
      locations_.push_back(std::make_unique<CrlLocation>(urls, spec_.crls, options_));
    }
  }
}

bool CrlSetKeeper::is_revoked(const pki::Certificate& signer, const CrlPlan& plan) const {
  if (signer == spec_.issuer || !crl::same_name(signer.issuer(), spec_.issuer.subject())) {
    return false;
  }
  const Bytes serial = signer.serial().octets();
  const auto reader = store_.reader();
  reader->renew();
  if (const auto record = reader->find(spec_.id, serial);
      record && *record && (*record)->state != store::State::kGood) {
    return true;
  }
  return std::any_of(plan.pairs.begin(), plan.pairs.end(), [&](const CrlPair& pair) {
    auto entry = pair.delta != nullptr
                     ? crl::find_entry(pair.delta->view, serial, spec_.issuer.subject())
                     : std::nullopt;
    entry = entry ? entry : crl::find_entry(pair.complete->view, serial, spec_.issuer.subject());
    return entry && entry->reason != ReasonCode::kRemoveFromCrl;
  });
}

CrlPlan CrlSetKeeper::plan_now(UnixSeconds now) {
  std::vector<const HeldCrl*> held;
  for (const auto& crl : shelf_.crls()) {
    held.push_back(crl.get());
  }
  signer_error_.reset();
  CrlPlan plan = make_plan(held, wish(), now);
  std::erase_if(held, [&](const HeldCrl* crl) {
    const bool revoked = is_revoked(crl->signer, plan);
    if (revoked) {
      signer_error_ = source_error(
          SourceErrc::kNotTrusted, crl->origin,
          "its signer " + crl->signer.subject_text() + " is revoked; it is not used any more");
    }
    return revoked;
  });
  return signer_error_ ? make_plan(held, wish(), now) : plan;
}

bool CrlSetKeeper::same_lists() const {
  return merged_ && std::equal(merged_->lists.begin(), merged_->lists.end(), shelf_.lists().begin(),
                               shelf_.lists().end(), [](const auto& content, const HeldList& list) {
                                 return content == list.content;
                               });
}

Result<LoadReport, SourceError> CrlSetKeeper::write(const CrlPlan& plan,
                                                    const std::stop_token& stop) {
  LoadOptions load_options = options_.load;
  load_options.now = clock_.now();
  load_options.stop = stop;
  const bool lacks_something = shelf_lost_something_ || signer_error_;
  const Merge merging{spec_, plan, shelf_.lists(),
                      lacks_something ? Merge::Unlisted::kStay : Merge::Unlisted::kAsRuled};
  if (same_lists() && merged_->only_pair && plan.pairs.size() == 1 &&
      plan.pairs[0].complete == merged_->only_pair->complete && plan.pairs[0].delta != nullptr) {
    MUSTER_TRY(auto decided,
               decide_delta(store_, merging, *merged_->only_pair, plan.pairs[0], load_options));
    if (decided) {
      MUSTER_TRY(auto applied, write_delta(store_, merging, *std::move(decided), load_options.now));
      if (applied) {
        return *std::move(applied);
      }
    }
  }
  return replace_all(store_, merging, load_options);
}

void CrlSetKeeper::merge(Turn& turn, const std::stop_token& stop) {
  const MonotonicTime mono = clock_.monotonic();
  const bool is_news = !merged_ || merged_->shelf_version != shelf_.version();
  const bool may_try = merge_tried_for_ != shelf_.version() || mono >= merge_again_at_;
  if (!is_news || !may_try) {
    return;
  }
  follow_freshest();
  const UnixSeconds now = clock_.now();
  for (bool took_back = false;;) {
    merge_tried_for_ = shelf_.version();
    const CrlPlan plan = plan_now(now);
    if (plan.pairs.empty()) {
      return;  // nothing to say as yet; the parts tell why
    }
    const auto written = write(plan, stop);
    if (written) {
      Merged merged;
      merged.shelf_version = shelf_.version();
      for (const auto& crl : shelf_.crls()) {
        const bool counts =
            std::any_of(plan.pairs.begin(), plan.pairs.end(), [&](const CrlPair& pair) {
              return pair.complete == crl.get() || pair.delta == crl.get();
            });
        if (counts) {
          merged.crls.push_back(crl);
        }
      }
      for (const HeldList& list : shelf_.lists()) {
        merged.lists.push_back(list.content);
      }
      if (plan.pairs.size() == 1) {
        merged.only_pair = plan.pairs[0];
      }
      merged.facts = make_facts({spec_, plan, shelf_.lists()}, now);
      merged.gap = gap_of({spec_, plan, shelf_.lists()});
      merged.next_change = plan.next_change;
      merged.judged_at = now;
      merged_ = std::move(merged);
      merge_error_.reset();
      if (!took_back) {
        rollback_error_.reset();
      }
      merge_delay_ = Milliseconds(0);
      confirmed_at_ = mono;
      turn.loaded = *written;
      forgive_put_back();
      let_go_of_surplus(plan);
      return;
    }
    if (written.error().code == SourceErrc::kStopped) {
      return;
    }
    if (written.error().code == SourceErrc::kRollback) {
      take_back(plan.pairs[0], written.error());
      took_back = true;
      continue;
    }
    merge_error_ = turn.failed = written.error();
    merge_delay_ = std::clamp(merge_delay_ * 2, options_.retry_first, options_.retry_most);
    merge_again_at_ = mono + merge_delay_;
    return;
  }
}

void CrlSetKeeper::take_back(const CrlPair& pair, const SourceError& error) {
  const HeldCrl* const refused = pair.delta != nullptr ? pair.delta : pair.complete;
  const std::string why =
      error.detail.substr(std::min(error.detail.size(), refused->origin.size() + 2));
  for (auto& [path, file] : files_) {
    if (file.held.get() == refused) {
      file.parked = refused->view.is_delta ? nullptr : file.held;
      file.held.reset();
      file.older_than.reset();
      file.older = why;
    }
  }
  logger_.log(LogLevel::kError, "source.part_refused", error.detail,
              {{"issuer", spec_.label}, {"code", to_string(error.code)}});
  rollback_error_ = error;
  if (refused->view.is_delta) {
    shelf_.drop(*refused);
  } else {
    const auto known = known_facts(store_, spec_.id);
    shelf_.park(*refused, why, known ? *known : store::IssuerState{});
  }
}

void CrlSetKeeper::forgive_put_back() {
  for (auto& [path, file] : files_) {
    if (file.parked != nullptr && shelf_.uses(*file.parked)) {
      file.held = std::exchange(file.parked, nullptr);
      file.older.reset();
    }
  }
}

void CrlSetKeeper::let_go_of_surplus(const CrlPlan& plan) {
  for (const std::size_t i : plan.surplus) {
    const CrlPair& pair = plan.pairs[i];
    if (!is_offered(*pair.complete) && (pair.delta == nullptr || !is_offered(*pair.delta))) {
      if (pair.delta != nullptr) {
        shelf_.drop(*pair.delta);
      }
      shelf_.drop(*pair.complete);
    }
  }
}

void CrlSetKeeper::keep_facts(Turn& turn) {
  if (!merged_ || turn.loaded || turn.failed) {
    return;
  }
  const UnixSeconds now = clock_.now();
  const MonotonicTime mono = clock_.monotonic();
  store::IssuerState facts = merged_->facts;
  // A CRL is over, or the clock was put back: what may be said of what is in the store.
  if (now >= merged_->next_change || now < merged_->judged_at) {
    merged_->judged_at = now;
    std::vector<const HeldCrl*> counted;
    for (const auto& crl : merged_->crls) {
      counted.push_back(crl.get());
    }
    const CrlPlan plan = make_plan(counted, wish(), now);
    // Without lists in the store those on the shelf say nothing of it.
    const std::span<const HeldList> lists =
        merged_->lists.empty() ? std::span<const HeldList>() : shelf_.lists();
    facts = make_facts({spec_, plan, lists}, now);
    facts.never_issued_until = merged_->facts.never_issued_until;
    merged_->gap = gap_of({spec_, plan, lists});
    merged_->next_change = plan.next_change;
    let_go_of_surplus(plan);
  }
  if (same_lists()) {
    facts.never_issued_until = never_issued_until(spec_, shelf_.lists(), now);
  }
  const bool changed = !same_facts(facts, merged_->facts);
  const bool well = !first_error(now);
  if (!changed && !(well && mono - confirmed_at_ >= options_.confirm)) {
    return;
  }
  facts.loaded_at = well ? now : merged_->facts.loaded_at;
  if (const auto touched = store_.touch(spec_.id, facts); !touched) {
    merge_error_ = turn.failed = store_error(touched.error());
    return;
  }
  if (merged_->shelf_version ==
      shelf_.version()) {  // otherwise what is on the shelf still waits for the store
    merge_error_.reset();
  }
  merged_->facts = facts;
  confirmed_at_ = mono;
  turn.confirmed = well;
}

std::optional<SourceError> CrlSetKeeper::first_error(UnixSeconds now) const {
  for (const auto* error : {&shelf_error_, &merge_error_}) {
    if (*error) {
      return *error;
    }
  }
  std::optional<SourceError> part;
  const auto take = [&part](const std::optional<SourceError>& error) {
    part = part ? part : error;
  };
  for (const auto& [path, file] : files_) {
    take(file.status.error);
    if (is_rolled_back(file)) {
      take(source_error(SourceErrc::kRollback, path, *file.older));
    }
  }
  for (const auto& location : locations_) {
    take(location->status().error);
  }
  for (const auto& [path, error] : directory_errors_) {
    take(error);
  }
  take(rollback_error_);
  take(signer_error_);
  if (signer_problem_) {
    take(SourceError{SourceErrc::kNotTrusted, *signer_problem_});
  }
  if (!part && !merged_ && is_settled_) {
    part = source_error(SourceErrc::kUnreadable, spec_.path, "nothing of it could be read as yet");
  }
  if (!part && merged_ && !merged_->gap.empty()) {
    part = source_error(SourceErrc::kIncomplete, spec_.path,
                        merged_->gap + "; what is not revoked is answered tryLater");
  }
  if (!part && merged_) {
    const UnixSeconds end = merged_->facts.not_revoked_until.value_or(*merged_->facts.next_update);
    if (end <= now) {
      part = source_error(
          SourceErrc::kIncomplete, spec_.path,
          "a CRL is over since " + format_iso8601(end) + " and there is none in its place; " +
              (*merged_->facts.next_update <= now ? "everything" : "what is not revoked") +
              " is answered tryLater");
    }
  }
  return part;
}

void CrlSetKeeper::describe(SourceStatus& status) const {
  status.error = first_error(clock_.now());
  status.parts.clear();
  for (const auto& [path, file] : files_) {
    PartStatus part = file.status;
    if (!part.error && is_rolled_back(file)) {
      part.error = source_error(SourceErrc::kRollback, path, *file.older);
    }
    status.parts.push_back(std::move(part));
  }
  for (const auto& location : locations_) {
    status.parts.push_back(location->status());
  }
  if (merged_) {
    status.knows_issued = merged_->facts.knows_issued;
    status.this_update = merged_->facts.this_update;
    status.next_update = merged_->facts.next_update;
    status.not_revoked_until = merged_->facts.not_revoked_until;
    status.never_issued_until = merged_->facts.never_issued_until;
  }
}

}  // namespace muster::source
