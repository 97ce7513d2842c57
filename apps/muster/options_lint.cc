#include "options_lint.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "muster/base/file.h"
#include "muster/base/text.h"
#include "muster/client/request.h"
#include "muster/client/subject.h"
#include "show_input.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxTargets = 10'000;
constexpr unsigned kMaxDepth = 16;

constexpr const char* kHelp =
    R"(Holds OCSP responders and saved responses to the rules of profiles.
usage: muster lint [options] TARGET...

TARGET: a responder's URL; a file with OCSP responses, CRLs or certificates of
        OCSP signers (DER, PEM, base64); a directory of such files

Rules
  --profile NAME     rfc6960 (default), rfc9919, cabf-tls, cabf-cs, cabf-smime,
                     mozilla, microsoft, etsi, fpki, ocpp; several may be given
  --list-rules       print the rules of the profiles, or all, and end
  --fail-on LEVEL    must (default), should or info: what makes exit code 1
What is known
  --issuer FILE      the CA whose certificates the answers are about
  --cert FILE        the certificate an answer is about; its issuer may be there
  --serial HEX       ask about this serial of --issuer, without a certificate
  --signer FILE      where a delegate's certificate may be found
  --responder-cert FILE   a signer declared as trusted for the issuer
  --at TIME          judge at 2026-11-24T10:00:00Z; files only
A live responder (at most 20 requests; nothing is sent without a URL)
  --dry-run          show what would be asked, send nothing
  --timeout TIME     for each request, 10s           --proxy URL
Output
  --format FORMAT    text (default), json (docs/formats/lint.schema.json), junit
Why a rule matters and what to do: muster explain RULE
Exit code: 0 clean  1 findings  64 usage  66 input  69 a responder that does not
answer  70 internal
)";

Outcome<std::vector<pki::Certificate>> load_all(const std::vector<std::string>& paths,
                                                const char* option) {
  std::vector<pki::Certificate> out;
  for (const std::string& path : paths) {
    const auto loaded = pki::load_certificates(path);
    if (!loaded) {
      return Err{Failure{kExitInput, std::string(option) + ": " + loaded.error().detail}};
    }
    out.insert(out.end(), loaded->begin(), loaded->end());
  }
  return out;
}

bool ends_like_a_target(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 8> kEndings = {".ors", ".der", ".ocsp", ".resp",
                                                        ".crl", ".pem", ".crt",  ".cer"};
  const std::string ending = to_lower(path.extension().string());
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

Outcome<Unit> add_directory(const std::string& path, std::vector<LintTarget>& out) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> found;
  fs::recursive_directory_iterator at(path, error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at.depth() >= static_cast<int>(kMaxDepth)) {
      at.disable_recursion_pending();
    }
    std::error_code ignored;
    if (at->is_regular_file(ignored) && ends_like_a_target(at->path())) {
      found.push_back(at->path().string());
    }
    if (found.size() + out.size() > kMaxTargets) {
      return Err{Failure{kExitUsage, path + ": more than " + std::to_string(kMaxTargets) +
                                         " files; name directories further down"}};
    }
  }
  if (error) {
    return Err{Failure{kExitInput, path + ": " + error.message()}};
  }
  if (found.empty()) {
    return Err{Failure{kExitInput, path + ": no file in it ends in .ors, .der, .ocsp, .resp, "
                                          ".crl, .pem, .crt or .cer"}};
  }
  std::sort(found.begin(), found.end());
  for (std::string& name : found) {
    out.push_back({std::move(name), false});
  }
  return Unit{};
}

/// What the answer at hand is about; nothing where there is none or it does not parse.
/// Lifetime: views of the subject's first response.
std::vector<ocsp::CertIdView> cert_ids(const lint::Subject& subject) {
  std::vector<ocsp::CertIdView> ids;
  if (subject.exchanges.empty()) {
    return ids;
  }
  const auto parsed = ocsp::parse_response(subject.exchanges.front().response);
  if (parsed && parsed->basic) {
    for (const ocsp::SingleResponseView& entry : parsed->basic->responses) {
      ids.push_back(entry.cert_id);
    }
  }
  return ids;
}

/// The certificate an answer is about and its issuer, among those given. One alone is taken as it
/// is, so that an answer about another one is found out.
void put_known(lint::Subject& subject, const LintInput& input) {
  const std::vector<ocsp::CertIdView> ids = cert_ids(subject);
  const auto names = [&ids](const auto& test) { return std::any_of(ids.begin(), ids.end(), test); };
  for (const pki::Certificate& issuer : input.issuers) {
    if (input.issuers.size() == 1 ||
        names([&](const auto& id) { return pki::names_issuer(id, issuer); })) {
      subject.issuer = issuer;
      break;
    }
  }
  for (const pki::Certificate& certificate : input.certificates) {
    const auto issuer = client::find_issuer(certificate, input.issuers);
    if (issuer && (input.certificates.size() == 1 ||
                   names([&](const auto& id) { return pki::names(id, certificate, *issuer); }))) {
      subject.certificate = certificate;
      subject.issuer = issuer;
      break;
    }
  }
  subject.known_signers = input.known_signers;
  subject.trusted_responders = input.trusted_responders;
}

/// What a DER object without a label is. Whatever is nothing else is to be a response.
ShownType guess_type(Bytes der) {
  if (crl::parse_crl(der)) {
    return ShownType::kCrl;
  }
  if (pki::Certificate::parse(der)) {
    return ShownType::kCertificate;
  }
  return ocsp::parse_request(der) ? ShownType::kRequest : ShownType::kResponse;
}

}  // namespace

std::optional<int> parse_lint_options(int argc, char** argv, LintOptions& o) {
  CLI::App app("holds OCSP responders and saved responses to the rules of profiles", "muster lint");
  app.formatter_fn(
      [](const CLI::App*, std::string, CLI::AppFormatMode) { return std::string(kHelp); });
  app.add_option("TARGET", o.targets);
  app.add_option("--profile", o.profiles)
      ->allow_extra_args(false)
      ->check([](const std::string& name) {
        return lint::find_profile(name)
                   ? std::string()
                   : "'" + printable(name) + "' is no profile; there are " +
                         lint::profile_names(static_cast<lint::ProfileSet>(~0U));
      });
  app.add_option("--issuer", o.issuers)->allow_extra_args(false);
  app.add_option("--cert", o.certificates)->allow_extra_args(false);
  app.add_option("--signer", o.known_signers)->allow_extra_args(false);
  app.add_option("--responder-cert", o.trusted_responders)->allow_extra_args(false);
  app.add_option("--serial", o.serial);
  app.add_option("--proxy", o.proxy);
  app.add_option_function<std::string>("--at", [&o](const std::string& text) {
    o.at = parse_iso8601(text);
    if (!o.at) {
      throw CLI::ValidationError(
          "--at",
          "'" + printable(text) + "' is not a time (2026-11-24T10:00:00Z, 2026-11-24, @unix)");
    }
  });
  app.add_option_function<std::string>("--timeout", [&o](const std::string& text) {
    const auto parsed = parse_duration(text);
    if (!parsed || *parsed < Seconds(1) || *parsed > Seconds(3600)) {
      throw CLI::ValidationError(
          "--timeout", "'" + printable(text) + "' is not a duration from 1s to 1h (10s, 2m)");
    }
    o.timeout = *parsed;
  });
  app.add_option_function<std::string>("--format", [&o](const std::string& text) {
    constexpr std::array<std::string_view, 3> kWords = {"text", "json", "junit"};
    const auto word = std::find(kWords.begin(), kWords.end(), text);
    if (word == kWords.end()) {
      throw CLI::ValidationError("--format",
                                 "'" + printable(text) + "' is none of text, json, junit");
    }
    o.format = static_cast<LintFormat>(word - kWords.begin());
  });
  app.add_option_function<std::string>("--fail-on", [&o](const std::string& text) {
    for (const lint::Level level : {lint::Level::kInfo, lint::Level::kShould, lint::Level::kMust}) {
      if (text == lint::to_string(level)) {
        o.fail_on = level;
        return;
      }
    }
    throw CLI::ValidationError("--fail-on",
                               "'" + printable(text) + "' is none of must, should, info");
  });
  app.add_flag("--list-rules", o.list_rules);
  app.add_flag("--dry-run", o.dry_run);
  if (const auto over = parse_command_line(app, argc, argv)) {
    return over;
  }
  if (o.targets.empty() && !o.list_rules) {
    std::fputs(
        "muster lint: name a TARGET: a responder's URL, a file or a directory "
        "('muster lint --help')\n",
        stderr);
    return kExitUsage;
  }
  if (o.at && std::any_of(o.targets.begin(), o.targets.end(), client::is_http_url)) {
    std::fputs("muster lint: --at is for files; a responder answers now\n", stderr);
    return kExitUsage;
  }
  return std::nullopt;
}

Outcome<LintInput> load_lint_input(const LintOptions& o) {
  LintInput input;
  for (const std::string& name : o.profiles) {
    input.profiles =
        static_cast<lint::ProfileSet>(input.profiles | lint::set_of({*lint::find_profile(name)}));
  }
  if (input.profiles == 0) {
    input.profiles = lint::set_of({lint::Profile::kRfc6960});
  }
  MUSTER_TRY(input.issuers, load_all(o.issuers, "--issuer"));
  MUSTER_TRY(const std::vector<pki::Certificate> given, load_all(o.certificates, "--cert"));
  MUSTER_TRY(input.known_signers, load_all(o.known_signers, "--signer"));
  MUSTER_TRY(input.trusted_responders, load_all(o.trusted_responders, "--responder-cert"));
  input.certificates = client::find_leaves(given);
  for (const pki::Certificate& certificate : given) {  // its chain, given with it
    if (std::find(input.certificates.begin(), input.certificates.end(), certificate) ==
        input.certificates.end()) {
      input.issuers.push_back(certificate);
    }
  }
  if (!o.serial.empty()) {
    input.serial = Serial::from_hex(o.serial);
    if (!input.serial) {
      return Err{Failure{kExitUsage, "--serial: '" + printable(o.serial) +
                                         "' is not a serial number in hexadecimal"}};
    }
  }
  return input;
}

Outcome<std::vector<LintTarget>> find_lint_targets(const std::vector<std::string>& words) {
  std::vector<LintTarget> out;
  for (const std::string& word : words) {
    std::error_code ignored;
    if (client::is_http_url(word)) {
      out.push_back({word, true});
    } else if (std::filesystem::is_directory(word, ignored)) {
      MUSTER_CHECK(add_directory(word, out));
    } else {
      out.push_back({word, false});
    }
  }
  return out;
}

Outcome<std::vector<lint::Subject>> load_lint_subjects(const std::string& path,
                                                       const LintInput& input, UnixSeconds now) {
  auto octets = read_file(path, kMaxFileBytes);
  if (!octets) {
    const bool may_be_host =
        path.find(':') != std::string::npos && path.find('/') == std::string::npos;
    return Err{Failure{
        kExitInput, to_string(octets.error()) +
                        (may_be_host ? "; a responder is given as http://" + printable(path) + "/"
                                     : std::string())}};
  }
  auto decoded = decode_shown_input(*std::move(octets));
  if (!decoded) {
    return Err{Failure{kExitInput, decoded.error()}};
  }
  std::vector<lint::Subject> subjects;
  for (ShownInput& part : *decoded) {
    lint::Subject subject;
    subject.name = path;
    subject.now = now;
    switch (part.label.value_or(guess_type(part.der))) {
      case ShownType::kRequest:
        continue;
      case ShownType::kResponse: {
        lint::Exchange& exchange = subject.exchanges.emplace_back();
        exchange.source = path;
        exchange.response = std::move(part.der);
        break;
      }
      case ShownType::kCrl:
        subject.crl = std::move(part.der);
        break;
      case ShownType::kCertificate: {
        auto parsed = pki::Certificate::parse(part.der);
        if (!parsed) {
          return Err{Failure{kExitInput, parsed.error().detail}};
        }
        if (!parsed->facts().eku_ocsp_signing) {
          continue;  // a leaf, a CA: nothing that a rule here speaks of
        }
        subject.signers.push_back(*std::move(parsed));
        break;
      }
    }
    put_known(subject, input);
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

Outcome<LintQuestion> choose_lint_question(const LintInput& input) {
  for (const pki::Certificate& certificate : input.certificates) {
    if (const auto issuer = client::find_issuer(certificate, input.issuers)) {
      return LintQuestion{*issuer, certificate, certificate.serial()};
    }
  }
  if (input.serial && !input.issuers.empty()) {
    return LintQuestion{input.issuers.front(), std::nullopt, *input.serial};
  }
  return Err{Failure{
      kExitUsage, input.certificates.empty()
                      ? "a responder is asked about a certificate: give --cert and --issuer, or "
                        "--issuer and --serial"
                      : "--cert: its issuer is not among the certificates of --issuer and --cert"}};
}

}  // namespace muster::app
