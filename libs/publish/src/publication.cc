#include "publication.h"

#include <algorithm>

namespace muster::publish {
namespace {

constexpr UnixSeconds kForEver = unix_seconds(253402300799);  // 99991231235959Z
constexpr std::size_t kEntryBytes =
    64;  // of a 20-octet serial with date and reason, and some: memory set aside

}  // namespace

std::uint64_t combine(const std::vector<LineDigest>& digests) {
  std::uint64_t value = digests.size();
  for (const LineDigest& digest : digests) {
    value = (value ^ digest.value()) * 0x9e3779b97f4a7c15 + digest.count();
  }
  return value;
}

Err<PublishError> Publication::fail(PublishErrc code, std::string_view detail) const {
  return Err{PublishError{code, spec_.label + ": " + std::string(detail)}};
}

/// Errors: kState when there is nothing to make deltas on.
PublishResult<std::vector<Publication::Base>> Publication::open_bases() const {
  std::vector<Base> bases;
  if (!before_.complete) {
    return fail(PublishErrc::kState, "no complete CRL was published yet");
  }
  const auto path_of = [this](const std::string& file) {
    return spec_.state_directory + "/" + file;
  };
  for (std::size_t i = 0; i < spec_.partitions.size(); ++i) {
    MUSTER_TRY(HeldCrl complete, open_crl(path_of(before_.complete_file(i)), spec_));
    if (!is_base_for(complete.view, spec_, i, *before_.complete)) {
      return fail(PublishErrc::kState, "scope or key of the CRLs has changed");
    }
    bases.push_back({std::move(complete), std::nullopt});
    if (before_.delta) {
      MUSTER_TRY(HeldCrl delta, open_crl(path_of(before_.delta_file(i)), spec_));
      // One made together with the complete CRL continues an older one.
      if (delta.view.delta_base_number &&
          crl::Number::make(*delta.view.delta_base_number) == before_.complete) {
        bases.back().delta = std::move(delta);
      }
    }
  }
  return bases;
}

PublishResult<Unit> Publication::choose() {
  if (!spec_.has_deltas() && what_ == What::kDelta) {
    return fail(PublishErrc::kTerms, "no file to write delta CRLs to");
  }
  if (spec_.has_deltas() && what_ != What::kLast) {
    if (auto opened = open_bases()) {
      bases_ = *std::move(opened);
    } else if (what_ == What::kDelta) {
      done_.warnings.push_back("a complete CRL is published instead of a delta: " +
                               opened.error().detail);
    }
  }
  with_complete_ = what_ != What::kDelta || bases_.empty();
  with_delta_ = !bases_.empty();
  return Unit{};
}

void Publication::set_times(const SourceFacts& facts) {
  const auto take = [this](const NextUpdate& next, std::string_view which) {
    if (next.earlier_than_before) {
      done_.warnings.push_back(
          spec_.label + ": nextUpdate of the " + std::string(which) +
          " CRL is earlier than that of the one "
          "before, because the profile or the source of the records demands it");
    }
    return next.at;
  };
  if (what_ == What::kLast) {
    done_.next_update = kForEver;
  } else if (with_complete_) {
    done_.next_update = take(
        next_update_of(spec_.terms, now_, before_.complete_next_update, facts.ends), "complete");
  }
  if (with_delta_) {
    done_.delta_next_update = take(
        delta_next_update_of(spec_.terms, now_, before_.delta_next_update, facts.ends), "delta");
  }
  if (what_ != What::kLast) {
    // A delta alone says what its base would say today, so expiry alone changes nothing; a complete
    // CRL lets go of what expired.
    retire_before_ = with_complete_ ? before_.history.regular_at : before_.retire_before;
  }
}

PublishResult<Unit> Publication::prepare(const SourceFacts& facts) {
  MUSTER_CHECK(choose());
  set_times(facts);
  auto signer = pki::Signer::make(spec_.key, spec_.scheme);
  if (!signer) {
    return fail(PublishErrc::kSigner, signer.error().detail);
  }
  signer_ = *std::move(signer);
  const auto readable = crl::Limits{}.max_message_bytes;
  const auto most_bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(most_bytes_of(spec_.terms).value_or(readable), readable));
  const std::size_t expected = std::min<std::size_t>(
      facts.revoked * kEntryBytes / spec_.partitions.size() * 17 / 16, most_bytes);
  head_ = {crl_issuer_of(spec_), signer_->algorithm(), now_, done_.next_update};
  delta_head_ = {crl_issuer_of(spec_), signer_->algorithm(), now_, done_.delta_next_update};
  digests_.resize(spec_.partitions.size());
  for (std::size_t i = 0; i < spec_.partitions.size(); ++i) {
    if (with_complete_) {
      complete_.push_back(std::make_unique<LineEncoder>(spec_, head_, expected, most_bytes));
    }
    if (with_delta_) {
      deltas_.push_back(std::make_unique<LineEncoder>(spec_, delta_head_, 0, most_bytes));
      merges_.emplace_back(bases_[i].complete.view,
                           bases_[i].delta ? &bases_[i].delta->view : nullptr, spec_,
                           [out = deltas_.back().get()](const Line& line) { out->add(line); });
    }
  }
  return Unit{};
}

PublishResult<Unit> Publication::read(const store::Store& store) {
  const ListingRules rules{{retire_before_, spec_.terms.keep_expired_since},
                           what_ == What::kLast ? std::optional(now_) : std::nullopt};
  MUSTER_CHECK(for_each_line(store, spec_, rules, [this](std::size_t partition, const Line& line) {
    digests_[partition].add(line);
    if (with_complete_) {
      complete_[partition]->add(line);
    }
    if (with_delta_) {
      merges_[partition].feed(line);
    }
  }));
  return check_lists();
}

PublishResult<Unit> Publication::check_lists() {
  for (DeltaMerge& merge : merges_) {
    merge.finish();
    if (!merge.good()) {
      return fail(PublishErrc::kState, "a CRL in " + spec_.state_directory +
                                           " is not as we make them (remove it; a complete CRL is "
                                           "published then)");
    }
  }
  for (const auto* encoders : {&complete_, &deltas_}) {
    for (std::size_t i = 0; i < encoders->size(); ++i) {
      if ((*encoders)[i]->too_large()) {
        return fail(PublishErrc::kTooLarge, "the CRL of partition '" + spec_.partitions[i].name +
                                                "' would be larger than " +
                                                std::to_string((*encoders)[i]->most_bytes()) +
                                                " octets (use more partitions)");
      }
    }
  }
  return Unit{};
}

void Publication::note(const HeldCrl& made, const std::string& path, bool delta) {
  done_.files.push_back({path, made.file.octets().size(), made.view.entry_count, delta});
  if (spec_.checkpoint_for_test) {
    spec_.checkpoint_for_test("made");
  }
}

PublishResult<Unit> Publication::make_complete(std::size_t index) {
  const Partition& partition = spec_.partitions[index];
  crl::CrlFacts says = common_facts(spec_, index, done_.number);
  if (what_ == What::kLast) {
    says.expired_certs_since =
        says.expired_certs_since.value_or(spec_.subjects.front().ca.not_before());
  } else {
    says.freshest_uris = partition.delta_uris;
    if (says_next_publish(spec_.terms)) {
      says.next_publish = now_ + interval_of(spec_.terms);
    }
  }
  MUSTER_TRY(const HeldCrl made,
             make_crl(std::move(complete_[index]), says, head_, spec_, *signer_,
                      spec_.state_directory + "/" + complete_file_name(index, done_.number)));
  note(made, partition.out, false);
  return Unit{};
}

PublishResult<Unit> Publication::make_delta(std::size_t index) {
  crl::CrlFacts says = common_facts(spec_, index, done_.number);
  says.delta_base = before_.complete;
  MUSTER_TRY(const HeldCrl made,
             make_crl(std::move(deltas_[index]), says, delta_head_, spec_, *signer_,
                      spec_.state_directory + "/" + delta_file_name(index, done_.number)));
  if (digest_of_both(bases_[index].complete.view, made.view, spec_) != digests_[index]) {
    return fail(PublishErrc::kSelfCheck, "base and delta of partition '" +
                                             spec_.partitions[index].name +
                                             "' do not say what the "
                                             "store says (they were not published; report this)");
  }
  note(made, spec_.partitions[index].delta_out, true);
  return Unit{};
}

PublishResult<State> Publication::make(const crl::Number& number) {
  done_.number = number;
  for (std::size_t i = 0; i < spec_.partitions.size(); ++i) {
    if (with_complete_) {
      MUSTER_CHECK(make_complete(i));
    }
    if (with_delta_) {
      MUSTER_CHECK(make_delta(i));
    }
  }
  return next_state();
}

State Publication::next_state() const {
  State next = before_;
  next.number = done_.number;
  next.this_update = now_;
  next.partitions = spec_.partitions.size();
  next.digest = combine(digests_);
  if (with_complete_) {
    next.complete = done_.number;
    next.complete_next_update = done_.next_update;
    next.history.complete_at = now_;
    next.retire_before = retire_before_;
    if (regular_ == Regular::kYes || !next.history.regular_at) {
      next.history.regular_at = now_;
    }
    next.history.ended = what_ == What::kLast;
    next.delta.reset();
    next.history.delta_at.reset();
  }
  if (with_delta_) {
    next.delta = done_.number;
    next.delta_next_update = done_.delta_next_update;
    next.history.delta_at = now_;
  }
  return next;
}

}  // namespace muster::publish
