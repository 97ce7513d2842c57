#pragma once

#include <set>
#include <string>

#include "muster/pki/keys.h"
#include "vectors.h"

// What our verifier makes of a case of the shared vectors. Nothing here looks at ids: what a case
// wants is read from its files, parameters and note, as named options.
namespace muster::vectors {

/// Options that the manifest asks for, beside those that hold for all cases: no clock skew is
/// granted, and SHA-1, DSA and short RSA keys are let pass, since the collection's makers do
/// (policy has its own tests).
struct Options {
  bool examine_window = true;  ///< false: note says that the update window is not looked at
  bool whole_path = false;     ///< note says that every certificate of the path needs an answer
  std::optional<Seconds> max_age;
  std::optional<UnixSeconds> now;  ///< nothing: any instant inside the window
};
Options options_of(const Case& c);

struct Judgement {
  /// "good", "revoked", "unknown" (authentic, current, about this certificate), "accept"
  /// (authentic; no certificate to ask about), "no-match", "reject".
  std::string overall;
  /// Every layer at which it fails, not only the first: a message may have several faults, and
  /// makers name one.
  std::set<std::string> faults;
  std::string signature;  ///< "good", "bad": under any certificate at hand, authorised or not
  std::string responder_authorised;  ///< "yes", "no"
  std::string cert_status;           ///< of the entry in question, whether believed or not
  bool unsupported =
      false;  ///< signed with an algorithm that this OpenSSL lacks: nothing can be said
};
Judgement judge_response(const Case& c);
/// The same for requests, about their signature.
Judgement judge_request(const Case& c);

/// Certificates of all files of a role; unreadable ones are left out.
std::vector<pki::Certificate> load_role(const Case& c, std::string_view role);
/// SHA-1, DSA and short keys pass.
pki::AlgorithmPolicy lenient_algorithms();

}  // namespace muster::vectors
