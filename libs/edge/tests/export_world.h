#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "fixture.h"
#include "muster/edge/exporter.h"
#include "muster/edge/paths.h"
#include "muster/source/load.h"
#include "muster/testing/temp_dir.h"

namespace muster::edge {

using testing::kTestNow;
using testing::standard_pki;

inline Serial serial_of(std::uint8_t number) { return *Serial::make(Buffer{0x21, number}); }

/// A store, a setup and a directory to export to.
struct World {
  explicit World(const responder::IssuerPolicy& policy = {}) {
    auto opened = store::Store::open(dir.file("store"));
    EXPECT_TRUE(opened);
    store = *std::move(opened);
    const pki::Certificate& ca = standard_pki().intermediate.certificate;
    issuer = *store->ensure_issuer(source::make_issuer_key(ca), "test CA");
    spec.store_id = issuer;
    spec.policy = policy;
    touch();
    for (std::uint8_t i = 0; i < 3; ++i) {
      set(serial_of(i), store::Status{});
    }
    options.directory = dir.file("out");
    load();
  }
  void touch() {
    store::IssuerState facts;
    facts.key = source::make_issuer_key(standard_pki().intermediate.certificate);
    facts.label = "test CA";
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = clock.now();
    EXPECT_TRUE(store->touch(issuer, facts));
  }
  void load() {
    setup = responder::setup_of({spec});
    answers = make_local_answers(setup, *store, Milliseconds(1));
  }
  void set(const Serial& serial, const std::optional<store::Status>& status) {
    const store::Change change{serial, status};
    EXPECT_TRUE(store->apply(issuer, {&change, 1}));
  }
  void revoke(const Serial& serial) { set(serial, responder::revoked_at(kTestNow - Seconds(9))); }
  ExportReport run(AnswerSource* with = nullptr) {
    const auto report = run_export(options, *setup, *store, with == nullptr ? *answers : *with,
                                   clock, null_logger());
    EXPECT_TRUE(report) << (report ? "" : report.error().detail);
    return report ? *report : ExportReport{};
  }
  [[nodiscard]] Buffer request(const Serial& serial, HashAlgorithm hash) const {
    ocsp::Request out;
    out.requests.push_back(
        {pki::make_cert_id(hash, standard_pki().intermediate.certificate, serial), {}});
    return ocsp::encode_request(out);
  }
  [[nodiscard]] std::string path(const Serial& serial,
                                 HashAlgorithm hash = HashAlgorithm::kSha256) const {
    return options.directory + "/tree/" + file_path(request(serial, hash));
  }
  [[nodiscard]] Buffer file(const Serial& serial,
                            HashAlgorithm hash = HashAlgorithm::kSha256) const {
    const auto content = read_file(path(serial, hash), 100'000);
    return content ? *content : Buffer();
  }
  /// What a client makes of the file: "good", "revoked", "none".
  [[nodiscard]] std::string says(const Serial& serial,
                                 HashAlgorithm hash = HashAlgorithm::kSha256) const {
    const Buffer content = file(serial, hash);
    const auto parsed = ocsp::parse_response(content);
    if (!parsed || !parsed->basic) {
      return "none";
    }
    const auto single = *parsed->basic->responses.begin();
    EXPECT_TRUE(
        equal(single.cert_id.raw,
              pki::make_cert_id(hash, standard_pki().intermediate.certificate, serial).der()));
    EXPECT_TRUE(pki::verify_signature(parsed->basic->signature_algorithm, parsed->basic->tbs_raw,
                                      parsed->basic->signature,
                                      standard_pki().ocsp_signer.certificate));
    EXPECT_GT(*single.next_update, clock.now());
    return std::string(ocsp::to_string(single.status));
  }
  [[nodiscard]] Manifest manifest() const {
    const auto text = read_file(options.directory + "/manifest", 1 << 20);
    EXPECT_TRUE(text);
    auto read = parse_manifest(as_text(*text));
    EXPECT_TRUE(read) << (read ? "" : read.error());
    return *read;
  }
  [[nodiscard]] std::size_t files_there() const {
    std::size_t count = 0;
    for (const auto& one :
         std::filesystem::recursive_directory_iterator(options.directory + "/tree")) {
      count += one.is_directory() ? std::size_t{0} : std::size_t{1};
    }
    return count;
  }
  std::string script(const std::string& body) {
    const std::string where = dir.write("purge.sh", "#!/bin/sh\n" + body + "\n");
    ::chmod(where.c_str(), 0755);
    return where;
  }

  testing::TempDir dir;
  testing::FakeClock clock;
  responder::IssuerSpec spec = responder::delegated_spec();
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  std::shared_ptr<const responder::Setup> setup;
  std::unique_ptr<AnswerSource> answers;
  ExportOptions options;
};

/// Says what it is told to, for everything.
class Told final : public AnswerSource {
 public:
  explicit Told(std::optional<Given> what) : what_(std::move(what)) {}
  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds) override {
    if (!what_) {
      return Err{std::string("nobody there")};
    }
    return std::vector<Given>(wanted.size(), *what_);
  }

 private:
  std::optional<Given> what_;
};

/// Does something before each call, then asks another.
class Before final : public AnswerSource {
 public:
  Before(AnswerSource& of, std::function<std::optional<std::string>(std::size_t call)> what)
      : of_(of), what_(std::move(what)) {}
  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds now) override {
    if (auto failed = what_(calls_++)) {
      return Err{*std::move(failed)};
    }
    return of_.ask(wanted, now);
  }
  [[nodiscard]] std::size_t calls() const { return calls_; }

 private:
  AnswerSource& of_;
  std::function<std::optional<std::string>(std::size_t)> what_;
  std::size_t calls_ = 0;
};

}  // namespace muster::edge
