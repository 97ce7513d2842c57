#include "options_source.h"

namespace muster::app {

void bind(config::Section& section, SourceOptions& o) {
  source::CrlSetSpec& rules = o.files.rules;
  section.texts("sources", &o.files.sources,
                "CRLs of the issuer, complete, delta, partitioned or indirect: files, directories "
                "(every *.crl, *.der, *.pem and *.r0 in them), or http, https, ldap and ldaps "
                "URLs. Several URLs of one CRL stand in one text, separated by blanks.");
  section.texts("partitions", &rules.partitions,
                "Distribution point URIs of all CRLs that together cover the issuer. Until each is "
                "there and current, only revocations are answered, everything else is tryLater. "
                "Empty: a CRL without distribution point covers everything, one with does not.");
  section.choice(
      "certificates", {"all", "user", "ca"}, 0,
      [&rules](std::size_t i) { rules.kinds = static_cast<source::CertificateKinds>(i); },
      "Kinds of certificates the CA issues: what CRLs for one kind only must cover.");
  section.text(
      "signers", &o.files.signers,
      "Certificates (PEM) that may sign CRLs beside the CA: its separate CRL key, or issuers of "
      "indirect CRLs. They must lead to the CA, or to a trust anchor that the CA leads to.");
  section.text(
      "signer_chain", &o.files.signer_chain,
      "Certificates (PEM) needed to check `signers`: those between, and the shared trust anchor.");
  section.texts("issued_serials", &o.files.issued,
                "Lists of issued serials, files or directories: a serial in hexadecimal a line, "
                "optionally with the certificate's notAfter, or an index.txt. With them `unissued` "
                "decides about serials that no list has, and `unlisted` must not be set.");
  section.duration("issued_serials_max_age", &rules.issued_max_age, Seconds(60),
                   Seconds(366 * 86400),
                   "A list not written for longer may lack new certificates: serials it lacks are "
                   "then answered tryLater. Default: no limit.");
  section.duration(
      "grace", &rules.grace, Seconds(0), Seconds(30 * 86400),
      "How long past its nextUpdate a CRL is still used. Beyond 0 answers outlive the CRL.");
  section.duration(
      "max_age", &rules.max_age, Seconds(60), Seconds(366 * 86400),
      "Oldest thisUpdate at which a CRL is used, whatever its nextUpdate says. Default: no limit.");
  section.duration(
      "refresh", &rules.refresh, Seconds(1), Seconds(30 * 86400),
      "How often a URL is asked (conditionally), but not within 5 s of the last time while "
      "its CRL has an end. Sooner when the CRL ends soon; later, doubling from 5 s to 10 min, when "
      "it fails.");
  section.milliseconds("timeout", &rules.time_limit, Milliseconds(100), Milliseconds(3'600'000),
                       "For one download, redirects included.");
  section.size("max_size", &o.max_size, 1024, std::uint64_t{8} << 30,
               "Largest CRL or list; more is refused while it arrives.");
  section.flag(
      "follow_freshest", &o.follow_freshest,
      "Whether delta CRLs are also fetched from where freshestCRL extensions of the CRLs point.");
  section.flag("http_pem", &o.http_pem,
               "Whether PEM is taken from URLs; RFC 5280 wants DER there.");
  section.text("proxy", &rules.proxy, "Proxy for http and https URLs. Empty: none.");
}

source::CrlSetFiles crl_set_of(const SourceOptions& options, const std::string& crl) {
  source::CrlSetFiles files = options.files;
  if (!crl.empty()) {
    files.sources.insert(files.sources.begin(), crl);
  }
  files.rules.max_bytes = options.max_size.bytes;
  files.rules.http_pem = options.http_pem ? source::CrlSetSpec::HttpPem::kAccepted
                                          : source::CrlSetSpec::HttpPem::kRefused;
  files.rules.freshest = options.follow_freshest ? source::CrlSetSpec::Freshest::kFollowed
                                                 : source::CrlSetSpec::Freshest::kIgnored;
  return files;
}

}  // namespace muster::app
