#include <CLI/CLI.hpp>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/source/index_txt.h"
#include "muster/source/load.h"
#include "muster/store/mark.h"
#include "muster/store/store.h"

namespace muster::app {
namespace {

struct Flags {
  std::string directory, ca, index, crl, label, serial, state, reason, at, expires, invalid_since,
      issued, format = "index";
  std::vector<std::string> serials;
  bool json = false, allow_missing = false, force = false;
};

Failure usage(std::string message) { return {kExitUsage, std::move(message)}; }
Failure failure_of(const store::StoreError& error) {
  switch (error.code) {
    case store::StoreErrc::kBadChange:
      return usage(error.detail);
    case store::StoreErrc::kOpen:
    case store::StoreErrc::kNotAStore:
    case store::StoreErrc::kWrongVersion:
    case store::StoreErrc::kCorrupt:
    case store::StoreErrc::kNoSuchIssuer:
      return {kExitInput, error.detail};
    case store::StoreErrc::kDiskFull:
    case store::StoreErrc::kMapFull:
    case store::StoreErrc::kBusy:
    case store::StoreErrc::kIo:
      break;
  }
  return {kExitInternal, error.detail};
}
template <class T>
Outcome<T> from_store(store::StoreResult<T> result) {
  if (!result) {
    return Err{failure_of(result.error())};
  }
  return *std::move(result);
}

Outcome<std::unique_ptr<store::Store>> open_store(const Flags& flags,
                                                  store::StoreOptions::Mode mode) {
  store::StoreOptions options;
  options.mode = mode;
  return from_store(store::Store::open(flags.directory, options));
}

Outcome<pki::Certificate> load_ca(const Flags& flags) {
  const auto certificates = pki::load_certificates(flags.ca);
  if (!certificates) {
    return Err{Failure{kExitInput, certificates.error().detail}};
  }
  return certificates->front();
}

/// The issuer named by --ca, or the only one there is.
Outcome<store::IssuerId> choose_issuer(const Flags& flags, const store::Store& store) {
  if (!flags.ca.empty()) {
    MUSTER_TRY(const pki::Certificate ca, load_ca(flags));
    const auto id = store.find_issuer(source::make_issuer_key(ca));
    if (!id) {
      return Err{Failure{kExitInput, "the store knows nothing of " + ca.subject_text() +
                                         " (see 'muster store stat')"}};
    }
    return *id;
  }
  const auto all = store.issuers();
  if (all.size() != 1) {
    return Err{
        usage("the store has " + std::to_string(all.size()) + " issuers: name one by --ca FILE")};
  }
  return all.front().first;
}

/// The same for commands that may add an issuer.
Outcome<store::IssuerId> choose_or_add_issuer(const Flags& flags, store::Store& store) {
  if (flags.ca.empty()) {
    return choose_issuer(flags, store);
  }
  MUSTER_TRY(const pki::Certificate ca, load_ca(flags));
  return from_store(store.ensure_issuer(source::make_issuer_key(ca),
                                        flags.label.empty() ? ca.subject_text() : flags.label));
}

Outcome<Serial> parse_serial(const std::string& text) {
  const auto serial = Serial::from_hex(text);
  if (!serial) {
    return Err{
        usage("'" + printable(text) + "' is no serial number (hexadecimal, as openssl prints it)")};
  }
  return *serial;
}

Outcome<std::optional<UnixSeconds>> parse_time(const std::string& text, std::string_view flag) {
  if (text.empty()) {
    return std::optional<UnixSeconds>();
  }
  const auto time = parse_iso8601(text);
  if (!time) {
    return Err{usage(std::string(flag) + ": '" + printable(text) +
                     "' is no time (2026-11-24T10:00:00Z, or @ and seconds)")};
  }
  return time;
}

std::string_view state_text(store::State state) {
  switch (state) {
    case store::State::kGood:
      return "good";
    case store::State::kRevoked:
      return "revoked";
    case store::State::kHold:
      return "hold";
  }
  return "unknown";
}

std::string time_text(const std::optional<UnixSeconds>& t) { return t ? format_iso8601(*t) : ""; }

nlohmann::ordered_json to_json(const Serial& serial, const store::Status& status) {
  nlohmann::ordered_json out{{"serial", serial.to_hex()}, {"state", state_text(status.state)}};
  const auto add = [&out](const char* name, const std::optional<UnixSeconds>& t) {
    if (t) {
      out[name] = format_iso8601(*t);
    }
  };
  add("revokedAt", status.revoked_at);
  if (status.reason) {
    out["reason"] = to_string(*status.reason);
  }
  add("invalidityDate", status.invalidity_date);
  add("expires", status.expires);
  return out;
}

std::string to_text(const Serial& serial, const store::Status& status) {
  std::string text = serial.to_hex() + ": " + std::string(state_text(status.state));
  text += status.revoked_at ? " since " + format_iso8601(*status.revoked_at) : "";
  text += status.reason ? ", reason " + std::string(to_string(*status.reason)) : "";
  text +=
      status.invalidity_date ? ", invalid since " + format_iso8601(*status.invalidity_date) : "";
  text += status.expires ? ", expires " + format_iso8601(*status.expires) : "";
  return text;
}

Outcome<Unit> import_file(const Flags& flags) {
  if (flags.index.empty() == flags.crl.empty()) {
    return Err{usage("name what to import: --index FILE or --crl FILE")};
  }
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadWrite));
  MUSTER_TRY(const pki::Certificate ca, load_ca(flags));
  MUSTER_TRY(const store::IssuerId id, choose_or_add_issuer(flags, *store));
  const bool crl = flags.index.empty();
  const source::SourceSpec spec{crl ? source::SourceKind::kCrl : source::SourceKind::kIndexTxt,
                                crl ? flags.crl : flags.index, ca, id,
                                flags.label.empty() ? ca.subject_text() : flags.label};
  source::LoadOptions options;
  options.now = SystemClock().now();
  if (flags.allow_missing) {
    options.missing = source::LoadOptions::Missing::kGivenUp;
  }
  const auto loaded = source::load(*store, spec, options);
  if (!loaded) {
    const bool ours = loaded.error().code == source::SourceErrc::kStore;
    return Err{Failure{ours ? kExitInternal : kExitInput, loaded.error().detail}};
  }
  const store::ReplacementReport& changes = loaded->changes;
  std::printf("%s: %" PRIu64 " added, %" PRIu64 " changed, %" PRIu64 " removed; sequence %" PRIu64
              "\n",
              spec.path.c_str(), changes.added, changes.changed, changes.removed, loaded->sequence);
  if (loaded->kept_revoked() != 0) {
    std::fprintf(stderr, "muster store: warning: %s\n", loaded->kept_text().c_str());
  }
  if (loaded->kept_good() != 0) {
    std::fprintf(stderr, "muster store: warning: %s\n", loaded->kept_good_text().c_str());
  }
  return Unit{};
}

Outcome<Unit> get(const Flags& flags) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadOnly));
  MUSTER_TRY(const store::IssuerId id, choose_issuer(flags, *store));
  const auto reader = store->reader();
  reader->renew();
  std::string absent;
  for (const std::string& text : flags.serials) {
    MUSTER_TRY(const Serial serial, parse_serial(text));
    MUSTER_TRY(const auto status, from_store(reader->find(id, serial.octets())));
    if (!status) {
      absent += " " + serial.to_hex();
    } else if (flags.json) {
      std::puts(to_json(serial, *status).dump().c_str());
    } else {
      std::puts(to_text(serial, *status).c_str());
    }
  }
  if (!absent.empty()) {
    return Err{Failure{kExitInput, "not in the store:" + absent}};
  }
  return Unit{};
}

Outcome<store::Status> parse_status(const Flags& flags) {
  store::Status status;
  MUSTER_TRY(status.revoked_at, parse_time(flags.at, "--at"));
  MUSTER_TRY(status.expires, parse_time(flags.expires, "--expires"));
  MUSTER_TRY(status.invalidity_date, parse_time(flags.invalid_since, "--invalid-since"));
  if (!flags.reason.empty()) {
    status.reason = parse_reason_code(flags.reason);
    if (!status.reason || status.reason == ReasonCode::kRemoveFromCrl) {
      return Err{usage("--reason: '" + printable(flags.reason) +
                       "' is none (keyCompromise, superseded, ...)")};
    }
  }
  if (flags.state == "good") {
    if (status.revoked_at || status.reason || status.invalidity_date) {
      return Err{usage("--at, --reason and --invalid-since make no sense with good")};
    }
    return status;
  }
  status.state = flags.state == "hold" ? store::State::kHold : store::State::kRevoked;
  if (status.state == store::State::kHold) {
    if (status.reason && status.reason != ReasonCode::kCertificateHold) {
      return Err{usage("a hold has the reason certificateHold and no other")};
    }
    status.reason = ReasonCode::kCertificateHold;
  } else if (status.reason == ReasonCode::kCertificateHold) {
    return Err{usage("certificateHold is the state hold: muster store set SERIAL hold")};
  }
  status.revoked_at = status.revoked_at.value_or(SystemClock().now());
  return status;
}

/// Gives up a final revocation only by force (OCSP-CRL-051).
Outcome<Unit> check_reinstatement(const Flags& flags, const std::optional<store::Status>& old,
                                  const Serial& serial, bool stays_revoked) {
  if (!flags.force && old && old->state == store::State::kRevoked && !stays_revoked) {
    return Err{usage("serial " + serial.to_hex() +
                     " is revoked for good; only a hold can be lifted (--force if the revocation "
                     "itself was a mistake)")};
  }
  return Unit{};
}

enum class Edit : std::uint8_t { kSet, kForget };
Outcome<Unit> edit(const Flags& flags, Edit what) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadWrite));
  store::Status status;
  if (what == Edit::kSet) {
    MUSTER_TRY(status, parse_status(flags));
  }
  MUSTER_TRY(const store::IssuerId id, choose_or_add_issuer(flags, *store));
  const auto reader = store->reader();
  reader->renew();
  std::vector<store::Change> changes;
  for (const std::string& text : flags.serials) {
    MUSTER_TRY(const Serial serial, parse_serial(text));
    MUSTER_TRY(const auto old, from_store(reader->find(id, serial.octets())));
    const bool stays_revoked = what == Edit::kSet && status.state == store::State::kRevoked;
    MUSTER_CHECK(check_reinstatement(flags, old, serial, stays_revoked));
    if (what == Edit::kForget) {
      changes.push_back({serial, std::nullopt});
      continue;
    }
    changes.push_back({serial, status});
    if (!status.expires && old) {
      changes.back().status->expires = old->expires;
    }
  }
  MUSTER_TRY(const std::uint64_t sequence, from_store(store->apply(id, changes)));
  std::printf("%zu changed; sequence %" PRIu64 "\n", changes.size(), sequence);
  reader->renew();
  const store::IssuerState* const state = reader->issuer_state(id);
  if (what == Edit::kForget && state != nullptr &&
      state->knows_issued == store::KnowsIssued::kYes) {
    std::fputs(
        "muster store: warning: what was forgotten is answered as never issued now, until a source "
        "that lists it changes; for a certificate that was issued: muster store set SERIAL good "
        "--force\n",
        stderr);
  }
  return Unit{};
}

Outcome<Unit> declare(const Flags& flags) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadWrite));
  MUSTER_TRY(const store::IssuerId id, choose_or_add_issuer(flags, *store));
  const auto reader = store->reader();
  reader->renew();
  const store::IssuerState* known = reader->issuer_state(id);
  store::IssuerState facts = known != nullptr ? *known : store::IssuerState{};
  facts.label = flags.label.empty() ? facts.label : flags.label;
  if (!flags.issued.empty()) {
    facts.knows_issued =
        flags.issued == "complete" ? store::KnowsIssued::kYes : store::KnowsIssued::kNo;
  }
  if (store::is_behind(facts)) {  // the operator has brought back what was lost
    store::set_complete(facts);
  }
  if (facts.loaded_at == UnixSeconds{}) {  // a responder waits for somebody to tell the first thing
    facts.not_revoked_until.reset();
  }
  facts.loaded_at = SystemClock().now();
  MUSTER_TRY(const std::uint64_t sequence, from_store(store->touch(id, facts)));
  std::printf("declared; sequence %" PRIu64 "\n", sequence);
  return Unit{};
}

Outcome<Unit> export_records(const Flags& flags) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadOnly));
  MUSTER_TRY(const store::IssuerId id, choose_issuer(flags, *store));
  if (flags.format == "csv") {
    std::puts("serial,state,revoked_at,reason,invalidity_date,expires");
  }
  int failure = 0;  // of the first write that did not succeed
  const auto print = [&](const Serial& serial, const store::Status& status) {
    std::string line;
    if (flags.format == "index") {
      line = source::encode_index_line(serial, status);
    } else if (flags.format == "ndjson") {
      line = to_json(serial, status).dump() + "\n";
    } else {
      line = serial.to_hex() + "," + std::string(state_text(status.state)) + "," +
             time_text(status.revoked_at) + "," +
             std::string(status.reason ? to_string(*status.reason) : "") + "," +
             time_text(status.invalidity_date) + "," + time_text(status.expires) + "\n";
    }
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() && failure == 0) {
      failure = errno;
    }
  };
  MUSTER_CHECK(from_store(store->for_each(id, print)));
  if (std::fflush(stdout) != 0 && failure == 0) {
    failure = errno;
  }
  if (failure != 0) {
    return Err{Failure{kExitInternal,
                       std::string("cannot write standard output: ") + std::strerror(failure)}};
  }
  return Unit{};
}

nlohmann::ordered_json to_json(store::IssuerId id, const store::IssuerState& state) {
  nlohmann::ordered_json out{{"number", static_cast<std::uint32_t>(id)},
                             {"label", printable(state.label)},
                             {"key", to_hex(state.key.digest)},
                             {"records", state.records},
                             {"revoked", state.revoked},
                             {"knowsIssued", state.knows_issued == store::KnowsIssued::kYes},
                             {"sequence", state.sequence}};
  const auto add = [&out](const char* name, const std::optional<UnixSeconds>& t) {
    if (t) {
      out[name] = format_iso8601(*t);
    }
  };
  add("loadedAt", state.loaded_at == UnixSeconds{} ? std::nullopt : std::optional(state.loaded_at));
  add("thisUpdate", state.this_update);
  add("nextUpdate", state.next_update);
  add("notRevokedUntil", state.not_revoked_until);
  add("neverIssuedUntil", state.never_issued_until);
  if (state.crl_number) {
    out["crlNumber"] = to_hex(*state.crl_number);
  }
  return out;
}

Outcome<Unit> stat(const Flags& flags) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadOnly));
  MUSTER_TRY(const store::StoreFigures figures, from_store(store->figures()));
  const auto all = store->issuers();
  if (flags.json) {
    nlohmann::ordered_json out{
        {"store", flags.directory},          {"sequence", figures.sequence},
        {"fileBytes", figures.file_bytes},   {"usedBytes", figures.used_bytes},
        {"mapBytes", figures.map_bytes},     {"readers", figures.readers},
        {"issuers", nlohmann::json::array()}};
    for (const auto& [id, state] : all) {
      out["issuers"].push_back(to_json(id, state));
    }
    std::puts(out.dump(2).c_str());
    return Unit{};
  }
  constexpr double kMiB = 1 << 20;
  std::printf("%s: sequence %" PRIu64
              ", %zu issuers, file %.1f MiB (%.1f MiB in use), %u readers\n",
              flags.directory.c_str(), figures.sequence, all.size(),
              static_cast<double>(figures.file_bytes) / kMiB,
              static_cast<double>(figures.used_bytes) / kMiB, figures.readers);
  for (const auto& [id, state] : all) {
    std::printf("%u  %s\n   %" PRIu64 " records, %" PRIu64 " revoked, %s, sequence %" PRIu64
                "\n   key %s\n",
                static_cast<unsigned>(id), printable(state.label).c_str(), state.records,
                state.revoked,
                state.knows_issued == store::KnowsIssued::kYes ? "lists all issued"
                                                               : "lists revocations only",
                state.sequence, to_hex(state.key.digest).c_str());
    if (state.loaded_at != UnixSeconds{}) {
      std::printf("   loaded %s", format_iso8601(state.loaded_at).c_str());
      std::printf(state.this_update ? ", thisUpdate %s, nextUpdate %s\n" : "\n",
                  time_text(state.this_update).c_str(), time_text(state.next_update).c_str());
    }
  }
  return Unit{};
}

Outcome<Unit> verify(const Flags& flags) {
  MUSTER_TRY(const auto store, open_store(flags, store::StoreOptions::Mode::kReadOnly));
  for (const auto& [id, state] : store->issuers()) {
    MUSTER_CHECK(from_store(store->verify(id)));
    std::printf("%s: %" PRIu64 " records as written\n", printable(state.label).c_str(),
                state.records);
  }
  return Unit{};
}

}  // namespace

int run_store(int argc, char** argv) {
  CLI::App app(
      "Looks into the status database and changes it. Times: 2026-11-24T10:00:00Z or @ and "
      "seconds.",
      "muster store");
  Flags flags;
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("-d,--store", flags.directory, "directory of the store")->required();
  app.add_option("--ca", flags.ca,
                 "certificate of the issuer; not needed when the store has one issuer");

  CLI::App* import_command =
      app.add_subcommand("import", "replace an issuer's records by a file (needs --ca)");
  import_command->add_option("--index", flags.index, "index.txt of openssl ca or easy-rsa");
  import_command->add_option("--crl", flags.crl, "CRL, PEM or DER; must verify under --ca");
  import_command->add_option("--label", flags.label, "name of the issuer for people");
  import_command->add_flag("--allow-missing", flags.allow_missing,
                           "give up certificates, not revoked, that the index lacks");
  CLI::App* get_command = app.add_subcommand("get", "print records");
  get_command->add_option("SERIAL", flags.serials, "in hexadecimal")->required();
  get_command->add_flag("--json", flags.json, "one JSON object a line");
  CLI::App* set_command =
      app.add_subcommand("set", "record a status: set SERIAL good|revoked|hold");
  set_command->add_option("SERIAL", flags.serial, "in hexadecimal")->required();
  set_command->add_option("STATE", flags.state, "good, revoked or hold")
      ->required()
      ->check(CLI::IsMember({"good", "revoked", "hold"}));
  set_command->add_option("--reason", flags.reason,
                          "keyCompromise, superseded, cessationOfOperation, ...");
  set_command->add_option("--at", flags.at, "instant of revocation; now when absent");
  set_command->add_option("--invalid-since", flags.invalid_since,
                          "instant from which the certificate was not to be trusted");
  set_command->add_option("--expires", flags.expires, "notAfter of the certificate");
  set_command->add_flag("--force", flags.force, "change what is revoked for good");
  CLI::App* forget_command = app.add_subcommand("forget", "drop records, as if never heard of");
  forget_command->add_option("SERIAL", flags.serials, "in hexadecimal")->required();
  forget_command->add_flag("--force", flags.force, "drop what is revoked for good, too");
  CLI::App* issuer_command = app.add_subcommand(
      "issuer", "add an issuer, or declare what is known of it (stat prints it)");
  issuer_command->add_option("--label", flags.label, "name for people");
  issuer_command
      ->add_option("--issued", flags.issued,
                   "complete: a serial not in the store was never issued; unknown: cannot be told")
      ->check(CLI::IsMember({"complete", "unknown"}));
  CLI::App* export_command = app.add_subcommand("export", "print all records of an issuer");
  export_command->add_option("--format", flags.format, "index, csv or ndjson (default index)")
      ->check(CLI::IsMember({"index", "csv", "ndjson"}));
  CLI::App* stat_command = app.add_subcommand("stat", "issuers, counts, sizes");
  stat_command->add_flag("--json", flags.json, "as JSON");
  app.add_subcommand("verify", "read everything and compare with the checksums");
  import_command->final_callback([&] {
    if (flags.ca.empty()) {
      throw CLI::RequiredError("--ca");
    }
  });
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }

  if (*set_command) {
    flags.serials = {flags.serial};
  }
  const Outcome<Unit> done = *import_command   ? import_file(flags)
                             : *get_command    ? get(flags)
                             : *set_command    ? edit(flags, Edit::kSet)
                             : *forget_command ? edit(flags, Edit::kForget)
                             : *issuer_command ? declare(flags)
                             : *export_command ? export_records(flags)
                             : *stat_command   ? stat(flags)
                                               : verify(flags);
  if (!done) {
    std::fprintf(stderr, "muster store: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
