#include "crl_merge.h"
#include "load_parts.h"

namespace muster::source {

Result<LoadReport, SourceError> load_crl(store::Store& store, const SourceSpec& spec,
                                         const LoadOptions& options) {
  MUSTER_TRY(const OpenFile file, open_file(spec.path));
  MUSTER_TRY(auto content, copy_file(file, spec.path, {}, options.max_crl_bytes, options.stop));
  MUSTER_TRY(content, decode_crl(std::move(content), spec.path, {}));
  const CrlTerms terms{
      spec.issuer, {spec.issuer}, options.now, options.future_skew, options.max_crl_bytes};
  MUSTER_TRY(const HeldCrl crl, judge_crl(std::move(content), spec.path, terms));
  if (crl.view.is_delta) {
    return Err{source_error(SourceErrc::kUnsupported, spec.path,
                            "a delta CRL lists changes only (give the complete CRL)")};
  }
  CrlWish wish;
  wish.max_age_without_next_update = options.max_age_without_next_update;
  const HeldCrl* const held = &crl;
  const CrlPlan plan = make_plan({&held, 1}, wish, options.now);
  if (!plan.gap.empty()) {
    return Err{source_error(SourceErrc::kUnsupported, spec.path, plan.gap)};
  }
  MUSTER_TRY(LoadReport report, replace_all(store, Merge{spec, plan, {}}, options));
  report.stamp = file.stamp;
  return report;
}

}  // namespace muster::source
