#include <cstdio>

#include "cli.h"
#include "muster/base/text.h"
#include "options.h"
#include "options_responder.h"

namespace muster::app {
namespace {

/// What the command line says; nothing where it is silent, so that the file's or the default values
/// stand.
struct Flags {
  std::string config, store, only, profile, key_pass, first_number, signature;
  std::optional<std::string> interval, overlap, delta_overlap, keep_expired_since;
  bool delta = false, last = false, unscheduled = false, no_ocsp_pointers = false,
       accept_withdrawn = false;
  SeriesOptions series;
};

int exit_code_for(publish::PublishErrc code) {
  switch (publish::fault_of(code)) {
    case publish::PublishFault::kUsage:
      return kExitUsage;
    case publish::PublishFault::kInput:
      return kExitInput;
    case publish::PublishFault::kSystem:
      break;
  }
  return kExitInternal;
}
Failure failure_of(const publish::PublishError& error) {
  return {exit_code_for(error.code), error.detail};
}
Err<Failure> usage(std::string message) { return Err{Failure{kExitUsage, std::move(message)}}; }

Outcome<Unit> set_duration(const char* flag, const std::optional<std::string>& text,
                           std::optional<Seconds>& value) {
  if (!text) {
    return Unit{};
  }
  value = parse_duration(*text);
  if (!value) {
    return usage(std::string(flag) + ": '" + printable(*text) +
                 "' is no duration (such as 24h or 7d)");
  }
  return Unit{};
}

/// Series from the flags, on top of nothing.
Outcome<Unit> finish_series(Flags& flags) {
  publish::SpecFiles& files = flags.series.files;
  const auto check = [](const char* flag, const std::string& problem) -> Outcome<Unit> {
    return problem.empty() ? Outcome<Unit>(Unit{})
                           : Outcome<Unit>(usage(std::string(flag) + " " + problem));
  };
  MUSTER_CHECK(check("--key-pass", check_key_pass(flags.key_pass)));
  flags.series.key_pass = flags.key_pass;
  if (!flags.profile.empty()) {
    MUSTER_CHECK(check("--profile", set_profile(flags.profile, files.terms)));
  }
  if (!flags.only.empty()) {
    MUSTER_CHECK(check("--only", set_only(flags.only, files.only)));
  }
  if (!flags.first_number.empty()) {
    MUSTER_CHECK(check("--first-number", set_first_number(flags.first_number, files)));
  }
  if (!flags.signature.empty()) {
    MUSTER_CHECK(check("--signature", set_scheme(flags.signature, files.scheme)));
  }
  files.terms.ocsp_pointers = !flags.no_ocsp_pointers;
  MUSTER_CHECK(set_duration("--interval", flags.interval, files.terms.interval));
  MUSTER_CHECK(set_duration("--overlap", flags.overlap, files.terms.overlap));
  MUSTER_CHECK(set_duration("--delta-overlap", flags.delta_overlap, files.terms.delta_overlap));
  if (flags.keep_expired_since) {
    files.terms.keep_expired_since = parse_iso8601(*flags.keep_expired_since);
    if (!files.terms.keep_expired_since) {
      return usage("--keep-expired-since must be a time such as 2026-11-24T10:00:00Z");
    }
  }
  return Unit{};
}

void print(const publish::Published& done) {
  for (const publish::PublishedFile& file : done.files) {
    const auto next = file.delta ? done.delta_next_update : done.next_update;
    std::printf("%s: %s CRL number %s, %llu entries, %llu octets, next update %s\n",
                file.path.c_str(), file.delta ? "delta" : "complete", done.number.to_hex().c_str(),
                static_cast<unsigned long long>(file.entries),
                static_cast<unsigned long long>(file.bytes),
                next ? format_iso8601(*next).c_str() : "never");
  }
  for (const std::string& warning : done.warnings) {
    std::fprintf(stderr, "muster crl: warning: %s\n", warning.c_str());
  }
}

/// What the responder of the same configuration says of these CAs' records, their CRLs say too.
Outcome<Unit> take_over_rules(const Options& options, const store::Store& store,
                              publish::Spec& spec) {
  for (std::size_t i = 0; i < options.responder.issuers.size(); ++i) {
    const auto files = files_of(options.responder, i);
    if (!files) {
      return usage(files.error());
    }
    const auto cas = pki::load_certificates(files->ca);
    if (!cas) {
      return Err{Failure{kExitInput, cas.error().detail}};
    }
    const auto id = store.find_issuer(source::make_issuer_key(cas->front()));
    for (publish::Subject& subject : spec.subjects) {
      if (id && subject.id == *id) {
        subject.states = responder::statement_rules(files->policy);
      }
    }
  }
  return Unit{};
}

Outcome<Unit> publish_one(const Flags& flags, const Options& options,
                          const publish::SpecFiles& files, const store::Store& store,
                          const std::string& directory) {
  const SystemClock clock;
  auto spec = publish::load_spec(files, store, directory);
  if (!spec) {
    return Err{failure_of(spec.error())};
  }
  MUSTER_CHECK(take_over_rules(options, store, *spec));
  spec->withdrawals =
      flags.accept_withdrawn ? publish::Withdrawals::kAccepted : publish::Withdrawals::kRefused;
  const bool has_deltas = spec->has_deltas();
  auto opened = publish::Publisher::open(*std::move(spec), store, clock.now());
  if (!opened) {
    return Err{failure_of(opened.error())};
  }
  publish::Publisher& publisher = **opened;
  for (const std::string& warning : publisher.warnings()) {
    std::fprintf(stderr, "muster crl: warning: %s\n", warning.c_str());
  }
  const auto what = flags.last    ? publish::What::kLast
                    : flags.delta ? publish::What::kDelta
                                  : publish::What::kComplete;
  const auto regular = flags.unscheduled ? publish::Regular::kNo : publish::Regular::kYes;
  auto done = publisher.publish(what, clock.now(), regular);
  if (done) {
    print(*done);
    // The first complete CRL has nothing before it to make a delta on; whoever follows its pointer
    // must find one.
    if (has_deltas && what != publish::What::kLast && !publisher.history().delta_at) {
      done = publisher.publish(publish::What::kDelta, clock.now());
      if (done) {
        print(*done);
      }
    }
  }
  if (!done) {
    return Err{failure_of(done.error())};
  }
  return Unit{};
}

Outcome<Unit> publish_all(Flags& flags) {
  std::vector<publish::SpecFiles> all;
  std::string directory = flags.store;
  Options options;
  if (!flags.config.empty()) {
    if (const auto loaded = load_options(flags.config, options); !loaded) {
      return Err{Failure{exit_code_of(loaded.error()), loaded.error().message}};
    }
    directory = directory.empty() ? options.responder.store : directory;
    for (const SeriesOptions& series : options.publish.series) {
      all.push_back(files_of(series));
    }
    if (all.empty()) {
      return usage(flags.config + " has no [[publish.crl]]: nothing to publish");
    }
  } else {
    MUSTER_CHECK(finish_series(flags));
    all.push_back(files_of(flags.series));
  }
  if (directory.empty()) {
    return usage("no store: give --store DIR (the responder's; see 'muster store')");
  }
  for (const publish::SpecFiles& files : all) {
    if (const auto checked = publish::check_files(files); !checked) {
      return Err{failure_of(checked.error())};
    }
  }
  store::StoreOptions how;
  how.mode = store::StoreOptions::Mode::kReadOnly;
  const auto store = store::Store::open(directory, how);
  if (!store) {
    return Err{Failure{kExitInput, store.error().detail}};
  }
  for (const publish::SpecFiles& files : all) {
    MUSTER_CHECK(publish_one(flags, options, files, **store, directory));
  }
  return Unit{};
}

void declare_publish(CLI::App& app, Flags& flags) {
  publish::SpecFiles& files = flags.series.files;
  app.add_option("-c,--config", flags.config, "publish every [[publish.crl]] of this file");
  app.add_option("-d,--store", flags.store,
                 "directory of the status database that the responder answers from");
  app.add_option("--issuer", files.cas, "certificate of the CA; several only with --crl-issuer")
      ->allow_extra_args(false);
  app.add_option("--crl-issuer", files.signer,
                 "certificate of a separate CRL issuer (default: the CA signs)");
  app.add_option("--key", files.key, "private key that signs: a file, or a pkcs11: URI");
  app.add_option("--key-pass", flags.key_pass, "its passphrase or PIN: file:PATH or env:NAME");
  app.add_option("--signature", flags.signature, "signature scheme (default: by key)");
  app.add_option("--out", files.out,
                 "file of the complete CRL (DER); {partition} is the partition's number");
  app.add_option("--delta-out", files.delta_out, "file of the delta CRL");
  app.add_option("--uri", files.uris, "distribution point as the certificates spell it")
      ->allow_extra_args(false);
  app.add_option("--delta-uri", files.delta_uris, "where delta CRLs are")->allow_extra_args(false);
  app.add_option("--only", flags.only, "kind of certificates in scope: all, users or cas");
  app.add_option("--partitions", flags.series.partitions,
                 "CRLs that share the certificates, by hash of the serial")
      ->check(CLI::Range(std::int64_t{1}, static_cast<std::int64_t>(publish::kMaxPartitions)));
  app.add_option("--range", files.ranges, "first serial of a partition; repeated, the first 0")
      ->allow_extra_args(false);
  app.add_option("--assignment", files.assignment, "file of lines SERIAL PARTITION");
  app.add_option("--rest", files.assignment_rest, "partition of serials not in the assignment");
  app.add_option("--sample", files.samples,
                 "certificate in scope whose distribution point must fit")
      ->allow_extra_args(false);
  app.add_option("--profile", flags.profile, "rfc5280, cabf or etsi");
  app.add_flag("--no-ocsp-pointers", flags.no_ocsp_pointers,
               "certificates do not name an OCSP responder");
  app.add_option("--interval", flags.interval, "until the next complete CRL, such as 24h");
  app.add_option("--overlap", flags.overlap, "how long the CRL holds beyond that");
  app.add_option("--delta-overlap", flags.delta_overlap,
                 "how long a delta holds beyond its interval");
  app.add_option("--keep-expired-since", flags.keep_expired_since,
                 "entries of certificates that expired since then stay");
  app.add_flag("--next-publish", files.terms.next_publish,
               "say when the next CRL is due (Microsoft)");
  app.add_option("--state", files.state,
                 "directory for numbers and the CRLs published last (default: below the store)");
  app.add_option("--first-number", flags.first_number,
                 "first CRL number in hexadecimal, where there is no state yet");
  CLI::Option* delta =
      app.add_flag("--delta", flags.delta, "only a delta on the complete CRL published last");
  app.add_flag("--last", flags.last,
               "the last CRL, valid for ever; needs every certificate to be expired or revoked")
      ->excludes(delta);
  app.add_flag("--unscheduled", flags.unscheduled,
               "not one of the regular CRLs: expired entries stay for the next of those");
  app.add_flag("--accept-withdrawn", flags.accept_withdrawn,
               "publish though revocations that were published are gone from the store");
  app.footer(
      "Every CRL is read back, verified and compared with the store before it replaces the "
      "published file.\n"
      "Exit codes: 0 published, 64 usage, 66 unfit file, store or record, 70 disk, clock, or "
      "another publisher at work.");
}

}  // namespace

int run_crl(int argc, char** argv) {
  CLI::App app("Publishes CRLs from the store that OCSP answers come from.", "muster crl");
  app.require_subcommand(1);
  Flags flags;
  declare_publish(*app.add_subcommand("publish", "make, check and publish CRLs once"), flags);
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = publish_all(flags); !done) {
    std::fprintf(stderr, "muster crl: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
