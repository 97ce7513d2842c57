#include "delegates.h"

#include <algorithm>

namespace muster::node {
namespace {

using signers::DelegateError;
using signers::DelegateEvent;
using signers::Refusal;

LogLevel level_of(DelegateEvent event) {
  switch (event) {
    case DelegateEvent::kAccepted:
    case DelegateEvent::kActivated:
    case DelegateEvent::kLetGo:
    case DelegateEvent::kIncomplete:
      return LogLevel::kInfo;
    case DelegateEvent::kEnded:
    case DelegateEvent::kKept:
      return LogLevel::kWarning;
    case DelegateEvent::kRefused:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

std::string_view say(DelegateEvent event) {
  switch (event) {
    case DelegateEvent::kAccepted:
      return "a delegate passed every check";
    case DelegateEvent::kIncomplete:
      return "a delegate waits for its key";
    case DelegateEvent::kRefused:
      return "a delegate is refused; correct it and put it there again";
    case DelegateEvent::kActivated:
      return "this delegate signs from now on";
    case DelegateEvent::kEnded:
      return "a delegate's certificate has ended";
    case DelegateEvent::kKept:
      return "a delegate's file is gone, and it signs on";
    case DelegateEvent::kLetGo:
      return "a delegate is no longer used";
  }
  return "";
}

responder::SignerSpec spec_of(const signers::Delegate& delegate, responder::SignerRole role) {
  responder::SignerSpec out{
      .label = delegate.name, .certificate = delegate.certificate, .key = delegate.key};
  out.role = role;
  return out;
}

}  // namespace

Delegates::Delegates(const Delegates* before, const std::vector<responder::IssuerSpec>& specs,
                     const std::vector<responder::IssuerFiles>& files,
                     const responder::Policy& policy)
    : specs_(specs), policy_(policy) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& path = files[i].signer_directory;
    if (path.empty()) {
      continue;
    }
    One one{
        i,
        path,
        signers::DelegateDirectory({path, files[i].directory_passphrase, files[i].directory_token}),
        {},
        {}};
    if (before != nullptr) {
      const auto known =
          std::find_if(before->all_.begin(), before->all_.end(), [&](const One& old) {
            return old.path == path && before->specs_[old.issuer].store_id == specs[i].store_id;
          });
      if (known != before->all_.end()) {
        one.book = known->book;
      }
    }
    all_.push_back(std::move(one));
  }
}

signers::DelegateBook::Judge Delegates::judge(std::size_t issuer,
                                              const IsUnwanted& is_unwanted) const {
  return [this, issuer, &is_unwanted](const signers::Delegate& delegate,
                                      UnixSeconds now) -> Result<Unit, DelegateError> {
    if (is_unwanted && is_unwanted()) {
      return Err{DelegateError{Refusal::kForNow, "stopping"}};
    }
    responder::IssuerSpec alone = specs_[issuer];
    alone.signers = {spec_of(delegate, responder::SignerRole::kActive)};
    std::vector<std::string> ignored;  // said again when the setup is made
    const auto judged = responder::Setup::make({std::move(alone)}, policy_, now, ignored);
    if (!judged) {
      const bool may_pass = judged.error().code == responder::SetupErrc::kKeyUnavailable;
      return Err{
          DelegateError{may_pass ? Refusal::kForNow : Refusal::kForGood, judged.error().detail}};
    }
    return Unit{};
  };
}

Delegates::Changed Delegates::look(UnixSeconds now, Logger& logger, const IsUnwanted& is_unwanted) {
  bool changed = false;
  for (One& one : all_) {
    if (is_unwanted && is_unwanted()) {
      break;
    }
    const std::string& issuer = specs_[one.issuer].label;
    const auto found = one.directory.read();
    const std::string trouble = found ? std::string() : found.error();
    if (!trouble.empty() && trouble != one.trouble) {
      logger.log(LogLevel::kError, "signer.directory", "going on with the delegates known",
                 {{"issuer", issuer}, {"why", trouble}});
    }
    one.trouble = trouble;
    if (!found) {
      continue;
    }
    const std::uint64_t before = one.book.generation();
    signers::DelegateBook looked = one.book;
    const auto all_news = looked.update(*found, judge(one.issuer, is_unwanted), now);
    if (is_unwanted && is_unwanted()) {
      break;
    }
    one.book = std::move(looked);
    for (const signers::DelegateNews& news : all_news) {
      logger.log(level_of(news.event), signers::to_string(news.event), say(news.event),
                 {{"issuer", issuer}, {"delegate", news.name}, {"detail", news.detail}});
    }
    changed = changed || one.book.generation() != before;
  }
  return changed ? Changed::kYes : Changed::kNo;
}

NodeResult<std::vector<responder::IssuerSpec>> Delegates::specs(UnixSeconds now) const {
  std::vector<responder::IssuerSpec> out = specs_;
  for (const One& one : all_) {
    std::vector<responder::SignerSpec> all;
    for (const signers::Delegate& delegate : one.book.signers()) {
      all.push_back(spec_of(delegate, all.empty() ? responder::SignerRole::kActive
                                                  : responder::SignerRole::kStandby));
    }
    responder::IssuerSpec& spec = out[one.issuer];
    const auto room = static_cast<std::ptrdiff_t>(
        responder::kMaxSigners - std::min(responder::kMaxSigners, spec.signers.size()));
    all.erase(all.begin() + std::min(room, static_cast<std::ptrdiff_t>(all.size())), all.end());
    all.insert(all.end(), spec.signers.begin(), spec.signers.end());
    spec.signers = std::move(all);
    if (!spec.signers.empty()) {
      continue;
    }
    std::string why = one.trouble;
    for (const signers::DelegateStatus& status : one.book.status(now)) {
      why += (why.empty() ? "" : "; ") +
             (status.why.empty() ? status.name + ": " + std::string(to_string(status.state))
                                 : status.why);
    }
    return Err{NodeError{NodeErrc::kInput, spec.label + ": no delegate in " + one.path +
                                               " can sign" +
                                               (why.empty() ? ": nothing is there" : ": " + why)}};
  }
  return out;
}

std::vector<IssuerDelegate> Delegates::states(UnixSeconds now) const {
  std::vector<IssuerDelegate> out;
  for (const One& one : all_) {
    for (signers::DelegateStatus& status : one.book.status(now)) {
      out.push_back({specs_[one.issuer].label, std::move(status)});
    }
  }
  return out;
}

}  // namespace muster::node
