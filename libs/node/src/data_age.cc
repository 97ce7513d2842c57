#include "data_age.h"

#include <algorithm>

namespace muster::node {
namespace {

using Kind = PrometheusText::Kind;

bool is_over(const std::optional<UnixSeconds>& end, UnixSeconds now) { return end && *end <= now; }

template <class Get>
void add_each(PrometheusText& out, const MetricsInput& in, std::string_view name,
              std::string_view help, Get get) {
  out.family(name, Kind::kGauge, help);
  for (const IssuerFigures& issuer : in.issuers) {
    if (const auto value = get(issuer.state)) {  // absent is never zero
      out.sample(*value, {{"issuer", issuer.issuer}});
    }
  }
}

}  // namespace

std::optional<UnixSeconds> crl_due(const store::IssuerState& state) {
  const bool is_known = state.not_revoked_until && *state.not_revoked_until > UnixSeconds{};
  return state.next_update && is_known ? std::min(state.next_update, state.not_revoked_until)
                                       : state.next_update;
}

const source::PartStatus* oldest_list(const source::SourceStatus& source) {
  const source::PartStatus* oldest = nullptr;
  for (const source::PartStatus& part : source.parts) {
    const bool is_list =
        part.kind == source::PartStatus::Kind::kIssuedList && part.this_update.has_value();
    if (is_list && (oldest == nullptr || *part.this_update < *oldest->this_update)) {
      oldest = &part;
    }
  }
  return oldest;
}

std::string trouble_with_lists(const source::SourceStatus& source, UnixSeconds now) {
  if (!is_over(source.never_issued_until, now) || !source.is_usable(now)) {
    return "";
  }
  const source::PartStatus* const list = oldest_list(source);
  if (list == nullptr) {
    return "no list of issued serials could be read; serials on no list are answered tryLater";
  }
  return list->origin + ": written " + format_iso8601(*list->this_update) +
         ", longer ago than issued_serials_max_age; serials on no list are answered tryLater, all "
         "others as ever (have the CA write it again)";
}

void add_data_age(PrometheusText& out, const MetricsInput& in) {
  add_each(out, in, "muster_crl_this_update_timestamp_seconds", "thisUpdate of the CRL in use.",
           [](const store::IssuerState& s) { return s.this_update; });
  add_each(out, in, "muster_crl_next_update_timestamp_seconds",
           "nextUpdate of the CRL in use; of several, the first to end, or to have ended.",
           [](const store::IssuerState& s) { return crl_due(s); });
  add_each(out, in, "muster_crl_age_seconds", "Since thisUpdate of the CRL in use.",
           [&](const store::IssuerState& s) {
             return s.this_update ? std::optional(in.now - *s.this_update) : std::nullopt;
           });
  add_each(out, in, "muster_crl_lag_seconds",
           "How long the CA has been overdue with its next CRL; 0 while it is not.",
           [&](const store::IssuerState& s) {
             const auto due = crl_due(s);
             return due ? std::optional(std::max(Seconds(0), in.now - *due)) : std::nullopt;
           });
  const bool has_lists = std::any_of(in.sources.begin(), in.sources.end(), [](const auto& source) {
    return source.never_issued_until || oldest_list(source);
  });
  if (!has_lists) {
    return;
  }
  out.family("muster_issued_list_age_seconds", Kind::kGauge,
             "Since the oldest list of issued serials was written.");
  for (const source::SourceStatus& source : in.sources) {
    if (const source::PartStatus* const list = oldest_list(source)) {
      out.sample(in.now - *list->this_update, {{"issuer", source.label}});
    }
  }
  out.family("muster_issued_list_current", Kind::kGauge,
             "Whether the lists of issued serials are young enough. 0: alert; serials on no list "
             "are answered tryLater.");
  for (const source::SourceStatus& source : in.sources) {
    if (source.never_issued_until || oldest_list(source) != nullptr) {
      out.sample_flag(!is_over(source.never_issued_until, in.now), {{"issuer", source.label}});
    }
  }
}

void ListWatch::look(const std::vector<source::SourceStatus>& sources, UnixSeconds now,
                     Logger& logger) {
  std::map<std::string, bool> next;
  for (const source::SourceStatus& source : sources) {
    const auto known = is_old_.find(source.label);
    const bool was_old = known != is_old_.end() && known->second;
    const std::string trouble = trouble_with_lists(source, now);
    if (!trouble.empty() && !was_old) {
      const source::PartStatus* const list = oldest_list(source);
      logger.log(
          LogLevel::kError, "source.list_old", trouble,
          {{"issuer", source.label},
           {"age_seconds", list == nullptr ? std::string("-")
                                           : std::to_string((now - *list->this_update).count())}});
    } else if (was_old && !is_over(source.never_issued_until, now)) {
      logger.log(LogLevel::kInfo, "source.list_current",
                 "the lists of issued serials are young again", {{"issuer", source.label}});
    }
    next[source.label] = !trouble.empty() || (was_old && is_over(source.never_issued_until, now));
  }
  is_old_ = std::move(next);
}

}  // namespace muster::node
