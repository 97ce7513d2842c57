#include "loading.h"

namespace muster::node {
namespace {

NodeErrc code_of(responder::LoadErrc code) {
  return code == responder::LoadErrc::kUsage ? NodeErrc::kUsage : NodeErrc::kInput;
}
NodeErrc code_of(responder::SetupErrc code) {
  switch (code) {
    case responder::SetupErrc::kNoIssuer:
    case responder::SetupErrc::kDuplicateIssuer:
    case responder::SetupErrc::kBadPolicy: return NodeErrc::kUsage;
    case responder::SetupErrc::kSignerRefused:
    case responder::SetupErrc::kKeyMismatch:
    case responder::SetupErrc::kWeakOrUnsupported:
    case responder::SetupErrc::kTrialFailed:
    case responder::SetupErrc::kExpired:
    case responder::SetupErrc::kKeyUnavailable: break;
  }
  return NodeErrc::kInput;
}

}  // namespace

NodeError error_of(const store::StoreError& error) {
  const bool is_input = error.code == store::StoreErrc::kOpen || error.code == store::StoreErrc::kNotAStore;
  return {is_input ? NodeErrc::kInput : NodeErrc::kSystem, "store: " + error.detail};
}

NodeResult<Loaded> load(const NodeOptions& options, store::Store& store, UnixSeconds now, const Delegates* before, Logger& logger) {
  Loaded out;
  std::vector<responder::IssuerSpec> specs;
  for (const responder::IssuerFiles& files : options.issuers) {
    auto spec = responder::load_issuer(files, out.warnings);
    if (!spec) {
      return Err{NodeError{code_of(spec.error().code), spec.error().detail}};
    }
    const pki::Certificate& ca = spec->certificates.front();
    const auto id = store.ensure_issuer(source::make_issuer_key(ca), spec->label);
    if (!id) {
      return Err{error_of(id.error())};
    }
    spec->store_id = *id;
    if (!files.index.empty()) {
      out.sources.push_back({source::SourceKind::kIndexTxt, files.index, ca, *id, spec->label});
    } else if (!files.crls.empty()) {
      auto set = source::load_crl_set(files.crls);
      if (!set) {
        return Err{NodeError{set.error().code == source::SourceErrc::kUnsupported ? NodeErrc::kUsage : NodeErrc::kInput,
                             spec->label + ": " + set.error().detail}};
      }
      out.sources.push_back(
          {source::SourceKind::kCrlSet, source::describe(files.crls), ca, *id, spec->label, *std::move(set)});
    }
    // One broken signer of several must not keep the responder down; a reload rather keeps what is in force.
    spec->faulty_signers = before == nullptr ? responder::FaultySigners::kLeftOut : responder::FaultySigners::kRefused;
    out.is_incomplete = out.is_incomplete || spec->missing_signers != 0;
    specs.push_back(*std::move(spec));
    out.files.push_back(files);
  }
  out.delegates = std::make_shared<Delegates>(before, specs, out.files, options.policy);
  static_cast<void>(out.delegates->look(now, logger));
  MUSTER_TRY(auto complete, out.delegates->specs(now));
  auto setup = responder::Setup::make(std::move(complete), options.policy, now, out.warnings);
  if (!setup) {
    return Err{NodeError{code_of(setup.error().code), setup.error().detail}};
  }
  out.setup = *std::move(setup);
  return out;
}

bool same_source(const source::SourceSpec& a, const source::SourceSpec& b) {
  return a.kind == b.kind && a.path == b.path && a.id == b.id && a.issuer == b.issuer && a.crls == b.crls;
}

}  // namespace muster::node
