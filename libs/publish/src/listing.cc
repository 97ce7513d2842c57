#include "listing.h"

#include <algorithm>

#include "muster/crl/name_match.h"

namespace muster::publish {
namespace {

PublishError store_error(const store::StoreError& error) {
  return {PublishErrc::kStore, error.detail};
}

std::optional<PublishError> why_too_early(const Serial& serial, const store::Status& status,
                                          UnixSeconds at) {
  const bool expired = status.expires && *status.expires < at;
  if (expired || status.state == store::State::kRevoked) {
    return std::nullopt;
  }
  const std::string what = status.state == store::State::kHold ? " is on hold"
                           : status.expires ? " expires only at " + format_iso8601(*status.expires)
                                            : " stands, and its expiry is not known";
  return PublishError{
      PublishErrc::kTooEarly,
      "a last CRL needs every certificate to be expired or revoked; " + serial.to_hex() + what};
}

}  // namespace

void LineDigest::mix(std::uint64_t word) {
  value_ = (value_ ^ word) * 0x9e3779b97f4a7c15;
  value_ ^= value_ >> 29;
}

void LineDigest::add(const Line& line) {
  ++count_;
  mix(line.subject);
  mix(line.serial.size());
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < line.serial.size(); ++i) {
    word = word << 8 | line.serial[i];
    if (i % 8 == 7 || i + 1 == line.serial.size()) {
      mix(word);
      word = 0;
    }
  }
  mix(static_cast<std::uint64_t>(to_int(line.date)));
  mix(line.reason ? static_cast<std::uint64_t>(*line.reason) : 0xff);
  mix(line.invalidity_date ? static_cast<std::uint64_t>(to_int(*line.invalidity_date))
                           : ~std::uint64_t{0});
}

std::optional<Line> line_of(std::size_t subject, const Serial& serial, const store::Status& status,
                            const store::StatementRules& rules) {
  const auto said = store::statement_of(rules, status);
  if (!said) {
    return std::nullopt;
  }
  return Line{subject, serial.octets(), said->since, said->reason, said->invalidity_date};
}

PublishResult<Unit> for_each_line(const store::Store& store, const Spec& spec,
                                  const ListingRules& rules,
                                  const std::function<void(std::size_t, const Line&)>& visit) {
  for (std::size_t i = 0; i < spec.subjects.size(); ++i) {
    const Subject& subject = spec.subjects[i];
    std::optional<PublishError> failure;
    const auto take = [&](const Serial& serial, const store::Status& status) {
      if (failure) {
        return;  // the store's walk cannot be stopped
      }
      if (rules.last_at) {
        failure = why_too_early(serial, status, *rules.last_at);
      }
      const auto partition = spec.assignment.partition_of(serial);
      if (!partition) {
        failure = PublishError{
            PublishErrc::kUncovered,
            "certificate " + serial.to_hex() +
                " is assigned to no partition, so no "
                "CRL would cover it (add it to the assignment, or name a partition for the rest)"};
      }
      const auto line = line_of(i, serial, status, subject.states);
      const bool is_listed = line && !rules.retirement.applies_to(status);
      if (is_listed && line->reason == ReasonCode::kCertificateHold &&
          !spec.terms.profile->holds_allowed) {
        failure = PublishError{PublishErrc::kForbidden,
                               "certificate " + serial.to_hex() + " is on hold, which profile " +
                                   std::string(spec.terms.profile->name) +
                                   " forbids (revoke it, or lift the hold)"};
      }
      if (!failure && is_listed) {
        visit(*partition, *line);
      }
    };
    if (const auto walked = store.for_each(subject.id, take); !walked) {
      return Err{store_error(walked.error())};
    }
    if (failure) {
      return Err{*std::move(failure)};
    }
  }
  return Unit{};
}

PublishResult<Unit> add_withdrawn(const crl::CrlView& published, const Spec& spec,
                                  const store::Reader& reader, Withdrawn& withdrawn) {
  Bytes issuer;  // of the entry before
  const Subject* subject = nullptr;
  std::optional<PublishError> failure;
  crl::for_each_entry(published, [&](const crl::AttributedEntry& at) {
    if (!equal(issuer, at.certificate_issuer)) {
      issuer = at.certificate_issuer;
      const auto found = std::find_if(
          spec.subjects.begin(), spec.subjects.end(),
          [&](const Subject& one) { return crl::same_name(one.ca.subject(), issuer); });
      subject = found == spec.subjects.end() ? nullptr : &*found;
    }
    const bool may_go = at.entry.reason == ReasonCode::kCertificateHold ||
                        at.entry.reason == ReasonCode::kRemoveFromCrl;
    if (subject == nullptr || may_go) {
      return crl::Walk::kContinue;
    }
    const auto known = reader.find(subject->id, at.entry.serial);
    if (!known) {
      failure = store_error(known.error());
      return crl::Walk::kStop;
    }
    const auto said = *known ? store::statement_of(subject->states, **known) : std::nullopt;
    const bool is_final = said && said->reason != ReasonCode::kCertificateHold;
    if (is_final || (*known && (*known)->state == store::State::kRevoked)) {
      return crl::Walk::kContinue;
    }
    const store::IssuerState* const state = reader.issuer_state(subject->id);
    ++(state != nullptr && state->this_update ? withdrawn.by_source : withdrawn.lost);
    if (withdrawn.example.empty()) {
      withdrawn.example = to_hex(at.entry.serial);
    }
    return crl::Walk::kContinue;
  });
  if (failure) {
    return Err{*std::move(failure)};
  }
  return Unit{};
}

LineCursor::LineCursor(const crl::CrlView& crl, const Spec& spec)
    : in_(crl.entries, crl.entries_offset), spec_(spec) {
  advance();
}

void LineCursor::advance() {
  if (in_.at_end()) {
    line_.reset();
    return;
  }
  const auto entry = crl::read_entry(in_);
  MUSTER_ASSERT(entry);  // checked when the CRL was parsed
  if (entry->certificate_issuer) {
    std::size_t subject = 0;
    while (subject < spec_.subjects.size() &&
           !equal(spec_.subjects[subject].ca.subject(), *entry->certificate_issuer)) {
      ++subject;
    }
    good_ = good_ && subject < spec_.subjects.size();
    subject_ = subject;
  }
  const Line next{subject_, entry->serial, entry->revocation_date, entry->reason,
                  entry->invalidity_date};
  good_ = good_ && (!line_ || line_->before(next));
  line_ = next;
}

}  // namespace muster::publish
