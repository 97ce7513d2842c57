#include "loading.h"

#include <algorithm>
#include <tuple>

#include "muster/base/text.h"
#include "muster/store/mark.h"

namespace muster::node {
namespace {

NodeErrc code_of(responder::LoadErrc code) {
  return code == responder::LoadErrc::kUsage ? NodeErrc::kUsage : NodeErrc::kInput;
}
NodeErrc code_of(responder::SetupErrc code) {
  switch (code) {
    case responder::SetupErrc::kNoIssuer:
    case responder::SetupErrc::kDuplicateIssuer:
    case responder::SetupErrc::kBadPolicy:
      return NodeErrc::kUsage;
    case responder::SetupErrc::kSignerRefused:
    case responder::SetupErrc::kKeyMismatch:
    case responder::SetupErrc::kWeakOrUnsupported:
    case responder::SetupErrc::kTrialFailed:
    case responder::SetupErrc::kExpired:
    case responder::SetupErrc::kKeyUnavailable:
      break;
  }
  return NodeErrc::kInput;
}

/// The issuers that clients may feed. One issuer has one source: what a file says would be undone
/// by the next push, and the other way round.
NodeResult<std::vector<push::Issuer>> find_pushed(const NodeOptions& options,
                                                  const std::vector<responder::IssuerSpec>& specs) {
  std::vector<push::Issuer> pushed;
  for (const push::Client& client : options.push.clients) {
    for (const std::string& label : client.issuers) {
      const std::string who = "[[responder.push.client]] '" + printable(client.name) +
                              "': issuer '" + printable(label) + "' ";
      const auto spec = std::find_if(specs.begin(), specs.end(),
                                     [&](const auto& one) { return one.label == label; });
      if (spec == specs.end()) {
        return Err{
            NodeError{NodeErrc::kUsage,
                      who + "is none of ours; name one by its label in [[responder.issuer]]"}};
      }
      if (spec->origin != responder::DataOrigin::kStoreItself) {
        return Err{NodeError{NodeErrc::kUsage, who + "has a source already; an issuer is fed by a "
                                                     "file or by the push API, not by both"}};
      }
      if (std::none_of(pushed.begin(), pushed.end(),
                       [&](const push::Issuer& known) { return known.label == label; })) {
        pushed.push_back({label, spec->store_id, spec->certificates});
      }
    }
  }
  return pushed;
}

/// All there is to compare; a new member does not compile until it is named here.
auto tie(const source::LoadOptions& options) {
  const auto& [now, max_age, future_skew, max_crl_bytes, state_directory, missing, stop,
               before_open_for_test] = options;
  static_cast<void>(now);  // these two are the watcher's own
  static_cast<void>(stop);
  static_cast<void>(before_open_for_test);
  return std::tie(max_age, future_skew, max_crl_bytes, state_directory, missing);
}
auto tie(const source::WatchOptions& options) {
  const auto& [poll, settle, confirm, retry_first, retry_most, fetch_first, fetch_most, load] =
      options;
  return std::tuple_cat(
      std::tie(poll, settle, confirm, retry_first, retry_most, fetch_first, fetch_most), tie(load));
}

}  // namespace

bool waits_for_first_push(const store::IssuerState* state) {
  return state != nullptr && state->loaded_at == UnixSeconds{} &&
         state->not_revoked_until == UnixSeconds{};
}

NodeResult<Unit> take_over_pushed(const Loaded& loaded, store::Store& store, UnixSeconds now,
                                  Behind behind) {
  const auto reader = store.reader();
  reader->renew();  // stays at what was before
  std::vector<store::IssuerId> taken;
  for (const push::Issuer& issuer : loaded.pushed) {
    const store::IssuerState* const known = reader->issuer_state(issuer.id);
    store::IssuerState facts = known == nullptr ? store::IssuerState{} : *known;
    const auto& issuers = loaded.setup->issuers();
    const auto ours = std::find_if(issuers.begin(), issuers.end(),
                                   [&](const auto& one) { return one.store_id == issuer.id; });
    const bool is_complete = ours != issuers.end() && !ours->terms.policy.unlisted;
    const bool is_held = behind == Behind::kYes || store::is_behind(facts);
    facts.knows_issued = is_complete ? store::KnowsIssued::kYes : store::KnowsIssued::kNo;
    facts.this_update.reset();
    facts.next_update.reset();
    facts.crl_number.reset();
    facts.not_revoked_until.reset();
    facts.never_issued_until.reset();
    if (facts.loaded_at == UnixSeconds{} && facts.records == 0 && ours != issuers.end() &&
        ours->terms.policy.unlisted == responder::UnlistedAnswer::kGood) {
      facts.not_revoked_until = UnixSeconds{};
    } else {
      facts.loaded_at = now;
      if (is_held) {
        store::set_behind(facts);
      }
    }
    if (const auto touched = store.touch(issuer.id, facts); !touched) {
      for (const store::IssuerId id : taken) {
        if (const store::IssuerState* const before = reader->issuer_state(id)) {
          static_cast<void>(store.touch(id, *before));  // a store that refuses this too is told of
        }
      }
      return Err{error_of(touched.error())};
    }
    taken.push_back(issuer.id);
  }
  return Unit{};
}

NodeError error_of(const store::StoreError& error) {
  const bool is_input =
      error.code == store::StoreErrc::kOpen || error.code == store::StoreErrc::kNotAStore ||
      error.code == store::StoreErrc::kWrongVersion || error.code == store::StoreErrc::kCorrupt;
  return {is_input ? NodeErrc::kInput : NodeErrc::kSystem, "store: " + error.detail};
}

source::WatchOptions watch_options(const NodeOptions& options) {
  source::WatchOptions watch = options.watch;
  watch.load.state_directory = options.store + "/sources";
  return watch;
}

NodeResult<Loaded> load(const NodeOptions& options, store::Store& store, UnixSeconds now,
                        const InForce& in_force, Logger& logger, const IsUnwanted& is_unwanted,
                        const IssuerNumber& number, responder::SignerKeys keys) {
  const NodeError stopped{NodeErrc::kStopped, "stopped while certificates and keys were read"};
  Loaded out;
  std::vector<responder::IssuerSpec> specs;
  for (const responder::IssuerFiles& files : options.issuers) {
    if (is_unwanted && is_unwanted()) {
      return Err{stopped};
    }
    auto spec = responder::load_issuer(files, out.warnings, keys);
    if (!spec) {
      return Err{NodeError{code_of(spec.error().code), spec.error().detail}};
    }
    const pki::Certificate& ca = spec->certificates.front();
    const store::IssuerKey key = source::make_issuer_key(ca);
    const auto id = number ? number(key, spec->label) : store.ensure_issuer(key, spec->label);
    if (!id) {
      return Err{error_of(id.error())};
    }
    spec->store_id = *id;
    if (!files.index.empty()) {
      out.sources.push_back({source::SourceKind::kIndexTxt, files.index, ca, *id, spec->label});
    } else if (!files.crls.empty()) {
      auto set = source::load_crl_set(files.crls);
      if (!set) {
        return Err{NodeError{set.error().code == source::SourceErrc::kUnsupported
                                 ? NodeErrc::kUsage
                                 : NodeErrc::kInput,
                             spec->label + ": " + set.error().detail}};
      }
      out.sources.push_back({source::SourceKind::kCrlSet, source::describe(files.crls), ca, *id,
                             spec->label, *std::move(set)});
    }
    // One broken signer of several must not keep the responder down; a reload rather keeps what is
    // in force.
    spec->faulty_signers = in_force.delegates == nullptr ? responder::FaultySigners::kLeftOut
                                                         : responder::FaultySigners::kRefused;
    out.is_incomplete = out.is_incomplete || spec->missing_signers != 0;
    specs.push_back(*std::move(spec));
    out.files.push_back(files);
  }
  MUSTER_TRY(out.pushed, find_pushed(options, specs));
  out.delegates = std::make_shared<Delegates>(in_force.delegates, specs, out.files, options.policy);
  if (keys == responder::SignerKeys::kLeftOut) {
    auto setup =
        responder::Setup::make_without_signers(std::move(specs), options.policy, now, out.warnings);
    if (!setup) {
      return Err{NodeError{code_of(setup.error().code), setup.error().detail}};
    }
    out.setup = *std::move(setup);
    return out;
  }
  static_cast<void>(out.delegates->look(now, logger, is_unwanted));
  if (is_unwanted && is_unwanted()) {
    return Err{stopped};
  }
  MUSTER_TRY(auto complete, out.delegates->specs(now));
  auto routes = responder::load_routes(options.routes);
  if (!routes) {
    return Err{NodeError{code_of(routes.error().code), routes.error().detail}};
  }
  auto setup = responder::Setup::make(std::move(complete), options.policy, now, out.warnings,
                                      *std::move(routes), in_force.setup);
  if (!setup) {
    return Err{NodeError{code_of(setup.error().code), setup.error().detail}};
  }
  out.setup = *std::move(setup);
  return out;
}

bool same_source(const source::SourceSpec& a, const source::SourceSpec& b) {
  return a.kind == b.kind && a.path == b.path && a.id == b.id && a.issuer == b.issuer &&
         a.crls == b.crls;
}

bool same_watch(const source::WatchOptions& a, const source::WatchOptions& b) {
  return tie(a) == tie(b);
}

}  // namespace muster::node
