#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/client/sources.h"

// Collects evidence about one subject, side by side, and hands it to judge(). Blocking; for
// commands.
namespace muster::client {

/// May public sources be told which certificate is looked at? (users.md 3.2)
enum class Reach : std::uint8_t {
  kLocalOnly,  ///< only URLs that stay inside (is_local_url), and those the user named himself
  kAnywhere,
};

struct NamedOctets {
  std::string name;  ///< file or URL, for reports
  Buffer octets;
};

struct GatherOptions {
  LiveOptions live;
  VerifyPolicy verify;
  /// Which sources are looked at and in which turn; the judge goes by it too.
  Policy policy = default_policy();
  Reach reach = Reach::kLocalOnly;
  bool ask_expired = false;  ///< also ask about certificates outside their validity (OCSP-CLI-051)
  bool skip_live = false;    ///< judge what is at hand, ask nobody
  std::vector<NamedOctets> saved;  ///< OCSP responses in DER; each counts for its certificate
  std::vector<NamedCrl> crls;      ///< those given count whatever the policy says
};

/// What is known of a target before anybody is asked.
struct Material {
  explicit Material(Subject asked) : subject(std::move(asked)) {}
  Subject subject;
  /// For an issuer, saved responses and given CRLs about other certificates are no news.
  Role role = Role::kSubject;
  std::vector<pki::Certificate>
      others;  ///< from the handshake, the file, --issuer: issuers may be among them; not trusted
  /// What is trusted, possibly nothing; absent: the path is not examined beyond the issuer.
  std::optional<std::vector<pki::Certificate>> roots;
  std::string host;  ///< the server the certificate must name; empty: none
  bool handshake =
      false;  ///< the certificate came from a handshake in which status_request was offered
  std::optional<Buffer> staple;  ///< as the server sent it
};

/// Finds the issuer (the one named with a serial; else among what is there, then from caIssuers if
/// that may be asked), verifies the staple, asks live, reads CRLs: those given, and those the
/// certificate names, in the turn that the policy has; what is asked at the same time arrives at
/// the same time. Each source ends as one piece of evidence. \param clock  tells the instant to
/// judge at, for each answer anew. \param deadline  of the steady clock: what has not come by then
/// is silent. Threads: any.
Case gather(const Material& material, const GatherOptions& options, const Clock& clock,
            Sources& sources, Sources::Deadline deadline = std::nullopt);
/// The same with sources of its own; `fetch` is called on the calling thread.
Case gather(const Material& material, const GatherOptions& options, const Clock& clock,
            const FetchFunction& fetch = net::fetch);

}  // namespace muster::client
