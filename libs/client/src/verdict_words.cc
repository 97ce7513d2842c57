#include "muster/client/verdict.h"

namespace muster::client {

std::string_view to_string(Channel channel) {
  switch (channel) {
    case Channel::kStapled:
      return "stapled";
    case Channel::kLive:
      return "live";
    case Channel::kSaved:
      return "saved";
    case Channel::kCrl:
      return "crl";
  }
  return "invalid";
}

std::string_view to_string(Silence silence) {
  switch (silence) {
    case Silence::kNoStaple:
      return "no-staple";
    case Silence::kNotNamed:
      return "no-responder-url";
    case Silence::kPrivacy:
      return "not-asked-privacy";
    case Silence::kCertificateExpired:
      return "not-asked-expired";
    case Silence::kNoIssuer:
      return "issuer-missing";
    case Silence::kNotNeeded:
      return "not-needed";
    case Silence::kUntrusted:
      return "chain-untrusted";
  }
  return "invalid";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGood:
      return "good";
    case Outcome::kNotNeeded:
      return "not-needed";
    case Outcome::kWarning:
      return "warning";
    case Outcome::kUndetermined:
      return "undetermined";
    case Outcome::kUnreadable:
      return "unreadable";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kUnacceptable:
      return "unacceptable";
    case Outcome::kRevoked:
      return "revoked";
  }
  return "invalid";
}

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGood:
    case Outcome::kNotNeeded:
      return 0;
    case Outcome::kRevoked:
      return 1;
    case Outcome::kUnknown:
      return 2;
    case Outcome::kUndetermined:
      return 3;
    case Outcome::kUnacceptable:
      return 4;
    case Outcome::kWarning:
      return 5;
    case Outcome::kUnreadable:
      return 66;
  }
  return 70;
}

std::string_view to_string(FindingLevel level) {
  switch (level) {
    case FindingLevel::kNote:
      return "note";
    case FindingLevel::kWarning:
      return "warning";
    case FindingLevel::kError:
      return "error";
  }
  return "invalid";
}

std::string_view to_string(MustStaple state) {
  switch (state) {
    case MustStaple::kNotDemanded:
      return "not-demanded";
    case MustStaple::kMet:
      return "met";
    case MustStaple::kUnmet:
      return "unmet";
    case MustStaple::kNotExamined:
      return "not-examined";
  }
  return "invalid";
}

std::string_view to_string(Role role) { return role == Role::kSubject ? "subject" : "issuer"; }

std::string_view to_string(ChainState state) {
  switch (state) {
    case ChainState::kNotExamined:
      return "not-examined";
    case ChainState::kTrusted:
      return "trusted";
    case ChainState::kUntrusted:
      return "untrusted";
  }
  return "invalid";
}

}  // namespace muster::client
