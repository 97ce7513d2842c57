#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "command_stapler.h"
#include "muster/base/text.h"
#include "muster/keeper/shelf.h"
#include "muster/stapler/control.h"
#include "muster/stapler/import.h"
#include "muster/stapler/inventory.h"

// Telling a running stapler what to do (decision 053).
namespace muster::app {
namespace {

constexpr Seconds kDefaultTimeout{60};
constexpr Seconds kMostTimeout{3600};
/// For requests that are answered at once.
constexpr Seconds kShortPatience{30};
/// Besides what the stapler itself waits.
constexpr Seconds kMorePatience{20};

int complain(const char* command, const Failure& failure) {
  std::fprintf(stderr, "muster stapler %s: %s\n", command, failure.message.c_str());
  return failure.exit_code;
}

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

/// Asks, and tells what comes: lines to standard output, what failed to standard error.
stapler::ControlEnd ask(const ControlPlace& place, const std::string& request, Seconds patience) {
  return stapler::ask_stapler(
      place.shelf, request, patience, [](const std::string& text, bool failed) {
        std::fprintf(failed ? stderr : stdout, "%s\n", printable(text).c_str());
        std::fflush(stdout);
      });
}

int conclude(const char* command, const stapler::ControlEnd& end) {
  const std::string text = printable(end.text);  // whoever said it
  switch (end.how) {
    case stapler::ControlEnd::How::kAnswered:
      if (end.exit_code != 0 && !text.empty()) {
        return complain(command, {end.exit_code, text});
      }
      if (!text.empty()) {
        std::printf("%s\n", text.c_str());
      }
      return end.exit_code;
    case stapler::ControlEnd::How::kNobody:
      return complain(command, {kExitUnavailable, text});
    case stapler::ControlEnd::How::kFailed:
      break;
  }
  return complain(command, {kExitInternal, text});
}

Outcome<Seconds> timeout_of(const ControlFlags& flags) {
  if (flags.timeout.empty()) {
    return kDefaultTimeout;
  }
  const auto timeout = parse_duration(flags.timeout);
  if (!timeout || *timeout < Seconds(1) || *timeout > kMostTimeout) {
    return fail(kExitUsage, "--timeout must be a duration from 1s to 1h, such as \"90s\"");
  }
  return *timeout;
}

Outcome<std::vector<std::string>> all_named(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const std::string& word : words) {
    MUSTER_TRY(const auto named, certificates_named(word));
    out.insert(out.end(), named.begin(), named.end());
  }
  return out;
}

/// A command that sends one request about the certificates that were named.
template <class Make>
int send(const char* command, const ControlFlags& flags, Seconds patience, Make make) {
  const auto place = find_place(flags);
  if (!place) {
    return complain(command, place.error());
  }
  const auto named = all_named(flags.certificates);
  if (!named) {
    return complain(command, named.error());
  }
  return conclude(command, ask(*place, make(*named), patience));
}

int refresh(const ControlFlags& flags) {
  const auto timeout = timeout_of(flags);
  if (!timeout) {
    return complain("refresh", timeout.error());
  }
  return send("refresh", flags, *timeout + kMorePatience, [&](const auto& named) {
    return stapler::control::refresh(named, *timeout, !flags.no_wait);
  });
}

int pin(const ControlFlags& flags) {
  const UnixSeconds now = SystemClock().now();
  const auto duration = parse_duration(flags.until);
  const auto until = duration ? std::optional(now + *duration) : parse_iso8601(flags.until);
  if (!until) {
    return complain("pin", {kExitUsage,
                            "--until is a time, such as 2026-11-24T10:00:00Z, or a duration from "
                            "now, such as 12h"});
  }
  const auto response = stapler::read_response_file(flags.file);
  if (!response) {
    return complain("pin", {kExitInput, response.error()});
  }
  const auto place = find_place(flags);
  const auto named = certificates_named(flags.certificate);
  if (!place || !named) {
    return complain("pin", place ? named.error() : place.error());
  }
  return conclude(
      "pin",
      ask(*place, stapler::control::pin(named->front(), *response, "file:" + flags.file, *until),
          kShortPatience));
}

int unpin(const ControlFlags& flags) {
  ControlFlags one = flags;
  one.certificates = {flags.certificate};
  return send("unpin", one, kShortPatience,
              [](const auto& named) { return stapler::control::unpin(named.front()); });
}

/// Whether it is said once, and only once, whom a command is about.
bool says_whom(const ControlFlags& flags) { return flags.all == flags.certificates.empty(); }
constexpr const char* kWhom = "name certificates, or give --all";

int pause(const ControlFlags& flags) {
  const auto duration =
      flags.duration.empty() ? std::optional<Seconds>() : parse_duration(flags.duration);
  if (!flags.duration.empty() && (!duration || *duration < Seconds(1))) {
    return complain("pause", {kExitUsage, "--for must be a duration, such as \"2h\""});
  }
  if (!says_whom(flags)) {
    return complain("pause", {kExitUsage, kWhom});
  }
  return send("pause", flags, kShortPatience,
              [&](const auto& named) { return stapler::control::pause(named, duration); });
}

int resume(const ControlFlags& flags) {
  if (!says_whom(flags)) {
    return complain("resume", {kExitUsage, kWhom});
  }
  return send("resume", flags, kShortPatience,
              [](const auto& named) { return stapler::control::resume(named); });
}

// ---- wait

/// Whom a file is about: every certificate in it that is not a CA's, or else the first.
std::vector<pki::Certificate> meant_in(const std::vector<pki::Certificate>& certificates) {
  std::vector<pki::Certificate> out;
  std::copy_if(certificates.begin(), certificates.end(), std::back_inserter(out),
               [](const pki::Certificate& c) { return !c.facts().is_ca; });
  if (out.empty()) {
    out.push_back(certificates.front());
  }
  return out;
}

struct Awaited {
  std::string name;
  std::vector<pki::Certificate> certificates;
  std::vector<pki::Certificate> issuers;  ///< of each; none: the stapler looks for them
};

/// What a file holds, with issuers where all are at hand. This process may know less of them than
/// the stapler does: other flags, another configuration, fewer rights.
Outcome<Awaited> read_awaited(const std::string& path, const stapler::InventoryOptions& options) {
  const stapler::Inventory inventory = stapler::load_inventory({{path, "", "", "", {}}}, options);
  Awaited out;
  if (inventory.problems.empty() && !inventory.entries.empty()) {
    out.name = inventory.entries.front().watched.subject.name;
    for (const stapler::InventoryEntry& entry : inventory.entries) {
      out.certificates.push_back(entry.watched.subject.certificate);
      out.issuers.push_back(entry.watched.subject.issuer);
    }
    return out;
  }
  const auto loaded = pki::load_certificates(path);
  if (!loaded) {
    return fail(kExitInput, inventory.problems.empty() ? "no certificate in '" + path + "'"
                                                       : inventory.problems.front());
  }
  out.name = stapler::name_for(path);
  out.certificates = meant_in(*loaded);
  return out;
}

int wait(const ControlFlags& flags) {
  const auto timeout = timeout_of(flags);
  const auto place = find_place(flags);
  if (!timeout || !place) {
    return complain("wait", timeout ? place.error() : timeout.error());
  }
  stapler::InventoryOptions options;
  options.issuers = place->options.stapler.issuers;
  options.issuers.insert(options.issuers.end(), flags.issuers.begin(), flags.issuers.end());
  for (const StaplerCertificate& configured : place->options.stapler.certificates) {
    if (!configured.issuer.empty()) {
      options.issuers.push_back(configured.issuer);
    }
  }
  const auto awaited = read_awaited(flags.certificate, options);
  if (!awaited) {
    return complain("wait", awaited.error());
  }
  std::vector<stapler::control::Pair> pairs;
  for (std::size_t i = 0; i < awaited->certificates.size(); ++i) {
    pairs.push_back({awaited->certificates[i].der(),
                     awaited->issuers.empty() ? Bytes() : awaited->issuers[i].der()});
  }
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(flags.certificate, error);
  const std::string request = stapler::control::wait(awaited->name, pairs, *timeout, flags.served,
                                                     error ? std::string() : path.string());
  return conclude("wait", ask(*place, request, *timeout + kMorePatience));
}

// ---- import

/// Without a running stapler: straight to its shelf, which is locked meanwhile.
Outcome<int> import_to_shelf(const ControlPlace& place, const ControlFlags& flags,
                             const std::vector<std::pair<std::string, Buffer>>& responses) {
  std::vector<stapler::CertificateSource> sources;
  for (const StaplerCertificate& c : place.options.stapler.certificates) {
    sources.push_back({c.certificate, c.issuer, c.name, c.output, c.responders});
  }
  for (const std::string& path : flags.certificates) {
    sources.push_back({path, "", "", "", {}});
  }
  if (sources.empty()) {
    return fail(kExitUsage,
                "no stapler runs for this shelf, so say what it is for (give --config FILE, or "
                "--cert PATH)");
  }
  stapler::InventoryOptions options;
  options.issuers = place.options.stapler.issuers;
  options.issuers.insert(options.issuers.end(), flags.issuers.begin(), flags.issuers.end());
  options.chain = keeps_chains(place.options.stapler);
  const stapler::Inventory inventory = stapler::load_inventory(sources, options);
  for (const std::string& problem : inventory.problems) {
    std::fprintf(stderr, "muster stapler import: %s\n", printable(problem).c_str());
  }
  const auto logger = make_logger(place.options.log);
  const keeper::ShelfPolicy policy = shelf_policy_of(place.options.stapler);
  const auto shelf = keeper::Shelf::open(place.shelf, keeper::ShelfMode::kOwner, policy, *logger);
  if (!shelf) {
    return fail(kExitInput, shelf.error().detail);
  }
  std::vector<keeper::Subject> subjects;
  for (const stapler::InventoryEntry& entry : inventory.entries) {
    subjects.push_back(entry.watched.subject);
  }
  const UnixSeconds now = SystemClock().now();
  (*shelf)->set_subjects(std::move(subjects), now);
  const stapler::SerialIndex index(inventory.entries);
  int exit_code = inventory.problems.empty() ? kExitOk : kExitInput;
  for (const auto& [path, response] : responses) {
    const auto imported = stapler::import_response(
        response, "file:" + path, index, policy.verify, now,
        [&](const client::VerifiedResponse& verified, const std::string& source) {
          return (*shelf)->offer(verified, source, now);
        });
    for (const stapler::Imported& one : imported) {
      std::fprintf(one.is_held ? stdout : stderr, "%s: %s\n",
                   printable(one.name.empty() ? path : one.name).c_str(),
                   printable(one.text).c_str());
      exit_code = one.is_held ? exit_code : kExitInput;
    }
  }
  if (!(*shelf)->disk_error().empty()) {
    return fail(kExitInput, (*shelf)->disk_error());
  }
  return exit_code;
}

Outcome<int> import_all(const ControlFlags& flags) {
  MUSTER_TRY(const ControlPlace place, find_place(flags));
  std::vector<std::pair<std::string, Buffer>> responses;
  for (const std::string& word : flags.files) {
    const auto files = stapler::response_files(word);
    if (!files) {
      return fail(kExitInput, files.error());
    }
    for (const std::string& path : *files) {
      auto response = stapler::read_response_file(path);
      if (!response) {
        return fail(kExitInput, response.error());
      }
      responses.emplace_back(path, *std::move(response));
    }
  }
  int exit_code = kExitOk;
  for (const auto& [path, response] : responses) {
    const stapler::ControlEnd end =
        ask(place, stapler::control::import(response, "file:" + path), kShortPatience);
    if (end.how == stapler::ControlEnd::How::kNobody) {
      return import_to_shelf(place, flags, responses);
    }
    exit_code = std::max(exit_code, conclude("import", end));
  }
  return exit_code;
}

int import(const ControlFlags& flags) {
  const auto done = import_all(flags);
  return done ? *done : complain("import", done.error());
}

// ---- the command line

CLI::App* add(CLI::App& app, const char* name, const char* what, ControlFlags& flags) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->add_option("-c,--config", flags.config, "muster.toml")->type_name("FILE");
  command->add_option("--shelf", flags.shelf, "its shelf")->type_name("DIR");
  return command;
}

void add_timeout(CLI::App* command, ControlFlags& flags) {
  command->add_option("--timeout", flags.timeout, "longest time to wait (default 60s)")
      ->type_name("DURATION");
}

}  // namespace

Outcome<ControlPlace> find_place(const ControlFlags& flags) {
  ControlPlace place;
  if (const auto loaded = load_options(flags.config, place.options); !loaded) {
    return fail(exit_code_of(loaded.error()), loaded.error().message);
  }
  place.shelf = flags.shelf.empty() ? place.options.stapler.shelf : flags.shelf;
  if (place.shelf.empty()) {
    return fail(kExitUsage, "which stapler? (give --shelf DIR, or --config FILE)");
  }
  return place;
}

Outcome<std::vector<std::string>> certificates_named(const std::string& word) {
  if (word.find('/') == std::string::npos && !is_file(word)) {
    return std::vector<std::string>{word};
  }
  const auto certificates = pki::load_certificates(word);
  if (!certificates) {
    return fail(kExitInput, certificates.error().detail);
  }
  std::vector<std::string> out;
  for (const pki::Certificate& certificate : meant_in(*certificates)) {
    out.push_back(to_hex(certificate.fingerprint()));
  }
  return out;
}

ControlCommands add_control(CLI::App& app, ControlFlags& flags) {
  constexpr const char* kCert = "its name, or a file with it";
  constexpr const char* kCerts = "names, or files with certificates";
  constexpr const char* kExits =
      "Exit codes: 0 done, 1 not, with the reason, 64 usage, 66 input, 69 no stapler runs,\n"
      "70 it does not answer, 75 too many commands at a time.";
  ControlCommands out;
  CLI::App* command = add(app, "status", "what a running stapler holds", flags);
  command->add_flag("--json", flags.json, "as JSON");
  command->add_flag("--metrics", flags.metrics, "as text for Prometheus");
  command->add_flag("--nagios", flags.nagios, "as a monitoring plugin, with its exit codes");
  command->footer(
      "Exit codes: 0 all is well, 1 something is not, 64 usage, 66 input. With --nagios: 0 ok,\n"
      "1 warning, 2 critical, 3 unknown.");
  out.emplace_back(command, show_status);

  command = add(app, "refresh", "ask responders now, and wait for what they say", flags);
  command->add_option("CERT", flags.certificates, std::string(kCerts) + "; none: all");
  command->add_flag("--no-wait", flags.no_wait, "do not wait for the answers");
  add_timeout(command, flags);
  command->footer(kExits);
  out.emplace_back(command, refresh);

  command = add(app, "wait", "wait until a certificate's staple is in place", flags);
  command->add_option("CERT", flags.certificate, "file with the certificate and its chain")
      ->required();
  command->add_option("--issuer", flags.issuers, "where issuers are also looked for (repeatable)")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_flag("--served", flags.served, "also until every probed address serves it");
  add_timeout(command, flags);
  command->footer(
      "One that is not in the inventory yet is fetched for and looked after for a day: run this\n"
      "before the certificate is put into service.\n"
      "Exit codes: 0 a verified staple for this very certificate is on the shelf and at its\n"
      "targets (or it needs none), 1 not in time or never, with the reason, 64 usage, 66 input,\n"
      "69 no stapler runs, 70 it does not answer, 75 too many commands at a time.");
  out.emplace_back(command, wait);

  command = add(app, "pin", "have one response on offer, whatever comes", flags);
  command->add_option("CERT", flags.certificate, kCert)->required();
  command->add_option("FILE", flags.file, "the response: DER, PEM or a file of a shelf")
      ->required();
  command->add_option("--until", flags.until, "when it ends: a time, or a duration from now")
      ->required()
      ->type_name("TIME");
  command->footer(
      std::string("Only a response that verifies and says good; a revocation ends it.\n") + kExits);
  out.emplace_back(command, pin);

  command = add(app, "unpin", "end that", flags);
  command->add_option("CERT", flags.certificate, kCert)->required();
  command->footer(kExits);
  out.emplace_back(command, unpin);

  command = add(app, "pause", "ask nobody; what is held stays on offer until it expires", flags);
  command->add_option("CERT", flags.certificates, kCerts);
  command->add_flag("--all", flags.all, "about none, whatever comes into the inventory");
  command->add_option("--for", flags.duration, "ends by itself after so long")
      ->type_name("DURATION");
  command->footer(kExits);
  out.emplace_back(command, pause);

  command = add(app, "resume", "end that", flags);
  command->add_option("CERT", flags.certificates, kCerts);
  command->add_flag("--all", flags.all, "every pause");
  command->footer(kExits);
  out.emplace_back(command, resume);

  command = add(app, "import", "put responses from files on the shelf", flags);
  command->add_option("FILE", flags.files, "DER, PEM, files of a shelf, or directories of them")
      ->required();
  command
      ->add_option("--cert", flags.certificates,
                   "when no stapler runs: what the shelf is for (repeatable)")
      ->allow_extra_args(false)
      ->type_name("PATH");
  command->add_option("--issuer", flags.issuers, "where issuers are also looked for (repeatable)")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->footer(
      "With or without a running stapler.\n"
      "Exit codes: 0 all are held, 64 usage, 66 some are not, with the reason, 70 the stapler\n"
      "does not answer, 75 too many commands at a time.");
  out.emplace_back(command, import);

  command = add(app, "history", "what happened to staples, oldest first", flags);
  command->add_option("CERT", flags.certificate, std::string(kCert) + "; none: all");
  command->add_option("--last", flags.last, "at most so many lines (default 50; 0: all)");
  command->add_flag("--json", flags.json, "as lines of JSON");
  command->footer("Exit codes: 0 told, 1 nothing is recorded, 64 usage, 66 input.");
  out.emplace_back(command, show_history);
  return out;
}

}  // namespace muster::app
