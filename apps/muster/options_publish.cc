#include "options_publish.h"

#include <array>

#include "options_responder.h"

namespace muster::app {
namespace {

using Only = crl::Scope::Only;

std::string set_time(std::string_view text, std::optional<UnixSeconds>& value) {
  value = parse_iso8601(text);
  return value ? "" : "must be a time such as \"2026-11-24T10:00:00Z\"";
}

void bind_only(config::Section& section, Only& only) {
  section.choice(
      "only", {"all", "users", "cas"}, 0, [&only](std::size_t i) { only = static_cast<Only>(i); },
      "Kind of certificates in scope; \"users\" and \"cas\" are written into the CRL and must be "
      "true.");
}

void bind_partition(config::Section& section, publish::PartitionFiles& p) {
  section.text("name", &p.name, "Name in assignment files. Empty: its number, from 0.");
  section.texts("uris", &p.uris, "Distribution point, as the certificates in it spell it.");
  section.texts("delta_uris", &p.delta_uris,
                "Where its delta CRLs are; written into the complete CRL.");
  bind_only(section, p.only);
  section.text("out", &p.out, "File of the complete CRL.");
  section.text("delta_out", &p.delta_out, "File of the delta CRL.");
}

void bind_terms(config::Section& section, publish::Terms& terms) {
  constexpr Seconds kYear{366 * 86400};
  section.custom(
      "profile", "\"rfc5280\", \"cabf\" or \"etsi\"", "\"rfc5280\"",
      [&terms](std::string_view word) { return set_profile(word, terms); },
      "Rules of a community that intervals and contents must keep to.");
  section.choice(
      "holders", {"subscribers", "cas"}, 0,
      [&terms](std::size_t i) { terms.holders = static_cast<publish::Holders>(i); },
      "Whose certificates are on the CRL; profile cabf allows longer intervals for those of CAs.");
  section.flag("ocsp_pointers", &terms.ocsp_pointers,
               "Whether every certificate in scope names an OCSP responder; without, profile cabf "
               "sets tighter limits.");
  section.duration("interval", &terms.interval, Seconds(1), kYear,
                   "Between regular complete CRLs. Default: the profile's, 24h (etsi: 12h).");
  section.duration("overlap", &terms.overlap, Seconds(0), kYear,
                   "How long a CRL holds beyond the moment its successor is due. Default: the "
                   "profile's, 6d (etsi: 60h).");
  section.duration("delta_interval", &terms.delta_interval, Seconds(1), kYear,
                   "Between delta CRLs; needs delta_out. Default: none on schedule.");
  section.duration("delta_overlap", &terms.delta_overlap, Seconds(0), kYear,
                   "How long a delta CRL holds beyond the moment its successor is due. Default: "
                   "delta_interval.");
  section.duration("reaction", &terms.reaction, Seconds(1), kYear,
                   "A change in the store is on a CRL after this long at the latest, a delta where "
                   "delta_interval is set. Default: it waits for the next regular CRL.");
  section.custom(
      "keep_expired_since", "time", "(none)",
      [&terms](std::string_view text) { return set_time(text, terms.keep_expired_since); },
      "Entries of certificates that expired since then stay, and the CRL says so "
      "(ExpiredCertsOnCRL). Without, an entry goes once a regular CRL has shown it after expiry.");
  section.flag("next_publish", &terms.next_publish,
               "Says when the next CRL is due (Microsoft's extension 1.3.6.1.4.1.311.21.4).");
}

void bind_series(config::Section& section, SeriesOptions& o) {
  publish::SpecFiles& files = o.files;
  section.text("label", &files.label, "Name in logs and metrics. Empty: the signer's subject.");
  section.texts("ca", &files.cas,
                "Certificate of the CA whose certificates are on the CRL; several only under an "
                "indirect CRL issuer.");
  section.text("signer", &files.signer,
               "Certificate of a separate CRL issuer (key usage cRLSign); its name differing from "
               "the CA's makes the CRL indirect. Empty: the CA signs.");
  section.text(
      "key", &files.key,
      "Private key of the signer: a file (PEM, DER or PKCS#12), or a pkcs11: URI (RFC 7512).");
  section.custom(
      "key_pass", "text", "",
      [&o](std::string_view text) {
        o.key_pass = std::string(text);
        return check_key_pass(text);
      },
      "Where the passphrase of an encrypted key, or the PIN of a token, is: \"file:PATH\" (first "
      "line) or \"env:NAME\".");
  section.custom(
      "signature", "text", "\"auto\"",
      [&files](std::string_view word) { return set_scheme(word, files.scheme); },
      "Signature scheme: \"auto\" (by key), \"rsa-sha256\", \"rsa-pss-sha256\", "
      "\"ecdsa-sha384\"...");
  section.text("out", &files.out,
               "File of the complete CRL. \"{partition}\" in it, in delta_out, uris and "
               "delta_uris is the partition's number, from 0.");
  section.custom(
      "format", "one of \"der\", \"pem\"", "der",
      [&files](std::string_view word) { return set_format(word, files.format); },
      "How out and delta_out are written. Over HTTP CRLs are DER always.");
  section.text("delta_out", &files.delta_out, "File of the delta CRL. Empty: no deltas are made.");
  section.texts("uris", &files.uris,
                "Distribution point of the certificates in scope, octet by octet. Needed with "
                "partitions; without it the CRL has no distribution point name.");
  section.texts("delta_uris", &files.delta_uris,
                "Where delta CRLs are; written into complete CRLs (freshest CRL).");
  bind_only(section, files.only);
  section.integer("partitions", &o.partitions, 1,
                  static_cast<std::int64_t>(publish::kMaxPartitions),
                  "CRLs that share the certificates, by hash of the serial.");
  section.texts("ranges", &files.ranges,
                "Instead: first serial of each partition in hexadecimal, the first \"0\".");
  section.text("assignment", &files.assignment,
               "Instead: file with lines \"SERIAL PARTITION\". Read at start and reload.");
  section.text("assignment_rest", &files.assignment_rest,
               "Partition of serials not in the assignment. Empty: publication refuses them.");
  section.tables("partition", &files.described, bind_partition,
                 "Instead of out, uris and partitions: each partition by itself.");
  section.texts("samples", &files.samples,
                "Certificates in scope; publication refuses to start when the distribution point "
                "they name is not that of their CRL.");
  bind_terms(section, files.terms);
  section.text("state", &files.state,
               "Directory for numbers and the CRLs published last; one for each series. Empty: "
               "crl-... below the store.");
  section.custom(
      "first_number", "hexadecimal", "(1, or behind what is published)",
      [&files](std::string_view text) { return set_first_number(text, files); },
      "First CRL number where there is no state yet; for a CA that published by other means.");
}

}  // namespace

void bind(config::Section& section, PublishOptions& o) {
  section.texts(
      "listen", &o.listen,
      "Addresses to serve the CRLs on over plain HTTP, under the paths of their URIs and under "
      "\"/\" and the names of their files. Empty: files only, for a web server of yours.");
  section.tables(
      "crl", &o.series, bind_series,
      "One for each series: complete CRLs and their deltas under one sequence of numbers.");
}

publish::SpecFiles files_of(const SeriesOptions& o) {
  publish::SpecFiles files = o.files;
  files.partitions = static_cast<std::size_t>(o.partitions);
  files.passphrase = passphrase_of(o.key_pass);
  return files;
}

std::string set_profile(std::string_view word, publish::Terms& terms) {
  const publish::Profile* found = publish::find_profile(word);
  if (found != nullptr) {
    terms.profile = found;
    return "";
  }
  std::string known;
  for (const publish::Profile& profile : publish::profiles()) {
    known += (known.empty() ? "\"" : ", \"") + std::string(profile.name) + "\"";
  }
  return "must be one of " + known;
}

std::string set_format(std::string_view word, publish::FileFormat& format) {
  if (word != "der" && word != "pem") {
    return "must be \"der\" or \"pem\"";
  }
  format = word == "pem" ? publish::FileFormat::kPem : publish::FileFormat::kDer;
  return "";
}

std::string set_only(std::string_view word, Only& only) {
  constexpr std::array<std::string_view, 3> kWords = {"all", "users", "cas"};
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) {
      only = static_cast<Only>(i);
      return "";
    }
  }
  return "must be \"all\", \"users\" or \"cas\"";
}

std::string set_first_number(std::string_view text, publish::SpecFiles& files) {
  files.first_number = crl::Number::from_hex(text);
  const bool usable = files.first_number && *files.first_number > crl::Number();
  return usable ? "" : "must be a number above zero and below 2^159, in hexadecimal";
}

}  // namespace muster::app
