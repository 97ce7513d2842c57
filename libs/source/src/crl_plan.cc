#include "crl_plan.h"

#include <algorithm>
#include <array>

#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"

namespace muster::source {
namespace {

enum class Kind : std::uint8_t { kUser, kCa };

Buffer uri_name(const std::string& uri) {
  der::Writer out;
  out.element(der::kGeneralNameUri, as_bytes(uri));
  return out.take();
}

bool names_partition(const crl::CrlView& crl, Bytes partition) {
  const auto& point = crl.issuing_distribution_point;
  if (!point || !point->name) {
    return true;  // of the whole issuer
  }
  return std::any_of(point->name->full_name.begin(), point->name->full_name.end(), [&](Bytes name) {
    return !partition.empty() && crl::same_general_name(name, partition);
  });
}

bool covers(const crl::CrlView& crl, Kind kind, Bytes partition) {
  const auto& point = crl.issuing_distribution_point;
  if (point && ((point->only_user_certs && kind == Kind::kCa) ||
                (point->only_ca_certs && kind == Kind::kUser) || point->only_attribute_certs)) {
    return false;
  }
  return names_partition(crl, partition);
}

std::string describe(const crl::CrlView& crl) {
  std::string text = "that of " + format_iso8601(crl.this_update);
  const auto& point = crl.issuing_distribution_point;
  if (point && point->name && !crl::uris(*point->name).empty()) {
    text = "the one for " + std::string(crl::uris(*point->name).front());
  }
  return text;
}

/// What the CRLs at hand say about a gap, so that the operator sees what to do.
std::string gap_text(std::span<const CrlPair> pairs, Kind kind, const std::string& partition,
                     unsigned missing_reasons) {
  if (pairs.empty()) {
    return "there is no complete CRL";
  }
  if (!partition.empty()) {
    return "no CRL covers the distribution point " + partition +
           (missing_reasons == 8 ? std::string() : std::string(" for all revocation reasons"));
  }
  const crl::CrlView& first = pairs.front().complete->view;
  const auto& point = first.issuing_distribution_point;
  if (point && point->name) {
    return "it covers one distribution point only (" + describe(first) +
           "); name all of the issuer's in crl_partitions, or give a CRL that covers everything";
  }
  if (missing_reasons == 8) {
    return std::string("it covers one kind of certificates only, not ") +
           (kind == Kind::kCa ? "CA certificates" : "end-entity certificates") +
           " (give the other CRL too, or say which kind the CA issues in crl_certificates)";
  }
  return "it covers some revocation reasons only (give the CRLs of the other reasons too)";
}

/// When each reason ends over the pairs that cover one kind of certificates in one partition. Of
/// several the newest counts: what an older one does not list may be revoked since.
struct Cell {
  UnixSeconds until = UnixSeconds::max();
  unsigned missing_reasons = 0;
};
Cell cover_cell(std::span<const CrlPair> pairs, std::span<const UnixSeconds> ends, Kind kind,
                Bytes partition) {
  std::array<std::optional<std::size_t>, 9> newest;  // pair by bit; bit 0 is not used
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const crl::CrlView& crl = pairs[i].complete->view;
    if (!covers(crl, kind, partition)) {
      continue;
    }
    const crl::ReasonSet reasons = crl::reasons_of(crl);
    for (unsigned bit = 1; bit < newest.size(); ++bit) {
      if ((reasons & (1u << bit)) != 0) {
        if (!newest[bit] || crl::is_newer(pairs[i].latest(), pairs[*newest[bit]].latest())) {
          newest[bit] = i;
        }
      }
    }
  }
  Cell cell;
  for (unsigned bit = 1; bit < newest.size(); ++bit) {
    cell.missing_reasons += newest[bit] ? 0u : 1u;
    cell.until = std::min(cell.until, newest[bit] ? ends[*newest[bit]] : UnixSeconds{});
  }
  return cell;
}

}  // namespace

bool continues(const HeldCrl& delta, const HeldCrl& complete) {
  return crl::delta_fits(delta.view, complete.view) &&
         equal(delta.signer.public_key_info(), complete.signer.public_key_info());
}

UnixSeconds end_of(const crl::CrlView& latest, const CrlWish& wish, UnixSeconds now) {
  UnixSeconds end =
      latest.next_update.value_or(latest.this_update + wish.max_age_without_next_update);
  if (wish.max_age) {
    end = std::min(end, latest.this_update + *wish.max_age);
  }
  return now >= end ? end + wish.grace : end;
}

CrlPlan make_plan(std::span<const HeldCrl* const> held, const CrlWish& wish, UnixSeconds now) {
  CrlPlan plan;
  for (const HeldCrl* complete : held) {
    if (complete->view.is_delta) {
      continue;
    }
    CrlPair pair{complete, nullptr};
    for (const HeldCrl* delta : held) {
      if (delta->view.is_delta && continues(*delta, *complete) &&
          (pair.delta == nullptr || crl::is_newer(delta->view, pair.delta->view))) {
        pair.delta = delta;
      }
    }
    plan.pairs.push_back(pair);
  }
  std::vector<UnixSeconds> ends;
  std::optional<UnixSeconds> first_end;
  std::optional<UnixSeconds> oldest;
  UnixSeconds last_end{};
  for (const CrlPair& pair : plan.pairs) {
    UnixSeconds end = ends.emplace_back(end_of(pair.latest(), wish, now));
    // A delta that is over: what its base and it called revoked is so for as long as the base
    // counts, only what changed since is not known (`ends` ends the good).
    if (end <= now && pair.delta != nullptr) {
      end = std::max(end, end_of(pair.complete->view, wish, now));
    }
    last_end = std::max(last_end, end);
    if (end > now) {
      plan.next_change = std::min(plan.next_change, end);
      first_end = std::min(first_end.value_or(end), end);
      oldest = std::min(oldest.value_or(pair.latest().this_update), pair.latest().this_update);
    }
  }
  plan.next_update = first_end.value_or(last_end);
  if (!oldest && !plan.pairs.empty()) {
    oldest = std::min_element(plan.pairs.begin(), plan.pairs.end(),
                              [](const CrlPair& a, const CrlPair& b) {
                                return a.latest().this_update < b.latest().this_update;
                              })
                 ->latest()
                 .this_update;
  }
  plan.this_update = oldest.value_or(UnixSeconds{});
  if (plan.pairs.size() == 1 && plan.pairs[0].latest().crl_number) {
    plan.number = to_buffer(*plan.pairs[0].latest().crl_number);
  }

  const auto cover_all = [&] {
    UnixSeconds until = UnixSeconds::max();
    std::vector<std::string> partitions = wish.partitions;
    if (partitions.empty()) {
      partitions.emplace_back();
    }
    for (const std::string& partition : partitions) {
      const Buffer name = partition.empty() ? Buffer() : uri_name(partition);
      for (const Kind kind : {Kind::kUser, Kind::kCa}) {
        const bool wanted = wish.kinds == CertificateKinds::kAll ||
                            (wish.kinds == CertificateKinds::kUserOnly) == (kind == Kind::kUser);
        if (!wanted) {
          continue;
        }
        const Cell cell = cover_cell(plan.pairs, ends, kind, name);
        if (cell.missing_reasons != 0 && plan.gap.empty()) {
          plan.gap = gap_text(plan.pairs, kind, partition, cell.missing_reasons);
        }
        until = std::min(until, cell.until);
      }
    }
    return until;
  };
  plan.not_revoked_until = cover_all();
  if (plan.gap.empty() && plan.not_revoked_until > now) {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i] <= now) {
        plan.surplus.push_back(i);
      }
    }
  }
  return plan;
}

}  // namespace muster::source
