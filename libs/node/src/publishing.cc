#include "publishing.h"

#include "node_impl.h"

namespace muster::node {

NodeError error_of(const publish::PublishError& error) {
  const auto code = [&] {
    switch (publish::fault_of(error.code)) {
      case publish::PublishFault::kUsage:
        return NodeErrc::kUsage;
      case publish::PublishFault::kInput:
        return NodeErrc::kInput;
      case publish::PublishFault::kSystem:
        break;
    }
    return NodeErrc::kSystem;
  }();
  return {code, "[[publish.crl]] " + error.detail};
}

NodeResult<std::vector<publish::Spec>> load_series(const PublicationOptions& options,
                                                   const std::string& store_directory,
                                                   const store::Store& store,
                                                   const responder::Setup& setup, UnixSeconds now) {
  std::vector<publish::Spec> series;
  for (const publish::SpecFiles& files : options.series) {
    auto spec = publish::load_spec(files, store, store_directory);
    if (!spec) {
      return Err{error_of(spec.error())};
    }
    for (publish::Subject& subject : spec->subjects) {
      for (const responder::Issuer& issuer : setup.issuers()) {
        if (issuer.store_id == subject.id) {
          subject.states = responder::statement_rules(issuer.terms.policy);
          if (issuer.terms.origin == responder::DataOrigin::kWatchedSource) {
            subject.oldest_source = issuer.terms.policy.validity;
          }
        }
      }
    }
    std::vector<std::string> said_when_opened;
    if (const auto checked = publish::check_spec(*spec, now, said_when_opened); !checked) {
      return Err{error_of(checked.error())};
    }
    series.push_back(*std::move(spec));
  }
  return series;
}

void forbid_holds(std::vector<push::Issuer>& pushed, const std::vector<publish::Spec>& series) {
  for (push::Issuer& issuer : pushed) {
    for (const publish::Spec& spec : series) {
      for (const publish::Subject& subject : spec.subjects) {
        const bool cannot_say_so =
            !spec.terms.profile->holds_allowed || subject.states.hold == store::HoldForm::kRevoked;
        if (subject.id == issuer.id && cannot_say_so) {
          issuer.holds = push::Holds::kForbidden;
        }
      }
    }
  }
}

NodeResult<Unit> Node::Impl::begin_publication(const NodeOptions& options, Loaded& loaded) {
  for (const publish::SpecFiles& files : options.publication.series) {
    if (const auto checked = publish::check_files(files); !checked) {
      return Err{error_of(checked.error())};
    }
  }
  MUSTER_TRY(auto series,
             load_series(options.publication, options.store, *store, *loaded.setup, clock.now()));
  forbid_holds(loaded.pushed, series);
  auto started = publish::Service::start(std::move(series), *store, options.publication.service,
                                         clock, logger);
  if (!started) {
    return Err{error_of(started.error())};
  }
  publication = *std::move(started);
  return Unit{};
}

/// What can be known to be wrong was found before; what remains (another process has the state)
/// leaves the old series at work.
void Node::Impl::switch_publication(std::vector<publish::Spec> series,
                                    std::vector<std::string>& report) {
  if (const auto replaced = publication->replace(std::move(series)); !replaced) {
    report.push_back("the CRL series of before go on: " + replaced.error().detail);
    logger.log(LogLevel::kError, "crl.publish_failed", report.back());
  }
}

}  // namespace muster::node
