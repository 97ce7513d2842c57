#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "muster/client/crl_check.h"
#include "muster/publish/publisher.h"
#include "muster/responder/answerer.h"
#include "muster/responder/issuer_files.h"
#include "muster/source/load.h"
#include "muster/testing/pki_builder.h"

// The OCSP answer, the complete CRL, base and delta, and the partitions say the same about every
// certificate, whatever happens between publications. Replay: MUSTER_SEED=<seed>.
namespace muster {
namespace {

using publish::Publisher;
using publish::What;
using testing::kTestNow;
using testing::standard_pki;

constexpr int kCertificates = 24;
constexpr int kPublications = 40;
constexpr std::size_t kPartitions = 4;
constexpr Seconds kDay{86400};

/// What somebody says about one certificate.
struct Said {
  bool revoked = false;
  std::optional<UnixSeconds> time;
  std::optional<ReasonCode> reason;
  friend bool operator==(const Said&, const Said&) = default;
};
std::string text(const Said& said) {
  if (!said.revoked) {
    return "not revoked";
  }
  return "revoked " + format_iso8601(*said.time) + " " +
         std::string(said.reason ? to_string(*said.reason) : "-");
}

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    store_ = *store::Store::open(directory_.file("store"));
    const auto& ca = standard_pki().intermediate.certificate;
    id_ = *store_->ensure_issuer(source::make_issuer_key(ca), "CA");
    store::IssuerState facts;
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = kTestNow;
    EXPECT_TRUE(store_->touch(id_, facts));
    issue_certificates();
    complete_ = open({}, "complete");
    parts_ = open(publish::Assignment::by_hash(kPartitions), "part");
    answerer_.emplace(setup(), store_->reader(), counters_);
  }

  void run() {
    for (int i = 0; i < kPublications && !::testing::Test::HasFailure(); ++i) {
      now_ += Seconds(600 + static_cast<int>(random_() % 86400));
      for (auto n = random_() % 6; n > 0; --n) {
        change_something();
      }
      const What what = random_() % 3 == 0 ? What::kComplete : What::kDelta;
      const auto regular = random_() % 2 == 0 ? publish::Regular::kYes : publish::Regular::kNo;
      if (std::filesystem::exists(file("complete", 0, ".crl"))) {
        previous_ = testing::read_octets(file("complete", 0, ".crl"));
      }
      const auto first = complete_->publish(what, now_, regular);
      const auto second = parts_->publish(what, now_, regular);
      ASSERT_TRUE(first) << first.error().detail;
      ASSERT_TRUE(second) << second.error().detail;
      const bool made_complete = !first->files.front().delta;
      const bool made_delta = first->files.back().delta;
      compare(made_complete, made_delta);
      note_regular(made_complete && (regular == publish::Regular::kYes || i == 0));
    }
  }

 private:
  struct Known {
    pki::Certificate certificate;
    std::optional<store::Status> status;
    bool shown_after_expiry = false;  ///< on a regular complete CRL
  };

  std::string file(const std::string& series, std::size_t partition,
                   const std::string& ending) const {
    return directory_.file(series + std::to_string(partition) + ending);
  }

  void issue_certificates() {
    const publish::Assignment assignment = publish::Assignment::by_hash(kPartitions);
    for (int i = 0; i < kCertificates; ++i) {
      auto spec = testing::leaf_spec();
      spec.serial =
          Buffer{static_cast<std::uint8_t>(i % 3 == 0 ? 0 : 1), static_cast<std::uint8_t>(128 + i)};
      spec.use_key = testing::cached_key(testing::KeyKind::kP256);
      spec.not_after = kTestNow + (i % 4 == 0 ? (2 + i) * kDay : 50 * kDay);
      const Serial serial = *Serial::make(*spec.serial);
      spec.crl_uris = {"http://crl.example/" + std::to_string(*assignment.partition_of(serial)) +
                       ".crl"};
      const auto certificate = testing::issue(standard_pki().intermediate, spec).certificate;
      store::Status status;
      status.expires = certificate.not_after();
      known_.push_back({certificate, status});
      write(known_.back());
    }
  }
  void write(const Known& known) {
    const store::Change change{known.certificate.serial(), known.status};
    EXPECT_TRUE(store_->apply(id_, {&change, 1}));
  }

  std::unique_ptr<Publisher> open(publish::Assignment assignment, const std::string& series) {
    const auto& ca = standard_pki().intermediate;
    publish::Spec spec{.label = series,
                       .subjects = {{.ca = ca.certificate, .id = id_}},
                       .signer = ca.certificate,
                       .key = ca.key,
                       .terms = {},
                       .partitions = {},
                       .assignment = assignment,
                       .samples = {},
                       .state_directory = directory_.file("state-" + series)};
    spec.terms.overlap = 60 * kDay;  // nothing goes stale: this is not about time
    spec.terms.delta_overlap = 60 * kDay;
    for (std::size_t i = 0; i < assignment.partitions(); ++i) {
      std::vector<std::string> uris;
      if (assignment.partitions() > 1) {
        uris = {"http://crl.example/" + std::to_string(i) + ".crl"};
        for (const Known& known : known_) {
          if (assignment.partition_of(known.certificate.serial()) == i) {
            spec.samples.push_back(known.certificate);
          }
        }
      }
      spec.partitions.push_back({std::to_string(i),
                                 uris,
                                 crl::Scope::Only::kAll,
                                 {"http://crl.example/delta"},
                                 file(series, i, ".crl"),
                                 file(series, i, ".delta")});
    }
    auto opened = Publisher::open(std::move(spec), *store_, now_);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    return opened ? *std::move(opened) : nullptr;
  }

  std::shared_ptr<const responder::Setup> setup() {
    responder::IssuerFiles files;
    files.ca = standard_pki().intermediate.write(directory_, "ca");
    files.signers.emplace_back();
    files.signers.back().certificate = standard_pki().ocsp_signer.write(directory_, "ocsp");
    files.signers.back().key = directory_.file("ocsp.key");
    std::vector<std::string> warnings;
    auto issuer = responder::load_issuer(files, warnings);
    EXPECT_TRUE(issuer) << (issuer ? "" : issuer.error().detail);
    issuer->store_id = id_;
    std::vector<responder::IssuerSpec> specs;
    specs.push_back(*std::move(issuer));
    auto made = responder::Setup::make(std::move(specs), {}, kTestNow, warnings);
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return *made;
  }

  void change_something() {
    Known& known = known_[random_() % known_.size()];
    if (known.certificate.not_after() < now_) {
      return;
    }
    constexpr std::optional<ReasonCode> kReasons[] = {
        std::nullopt, ReasonCode::kUnspecified, ReasonCode::kKeyCompromise, ReasonCode::kSuperseded,
        ReasonCode::kPrivilegeWithdrawn};
    const auto revoke = [&] {
      known.status = store::Status{
          store::State::kRevoked, now_ - Seconds(static_cast<int>(random_() % 9000)),
          kReasons[random_() % std::size(kReasons)], std::nullopt, known.certificate.not_after()};
      if (random_() % 3 == 0) {
        known.status->invalidity_date = now_ - kDay;
      }
    };
    store::Status good;
    good.expires = known.certificate.not_after();
    if (!known.status) {
      known.status = good;
    } else if (known.status->state == store::State::kRevoked) {
      known.status->revoked_at = *known.status->revoked_at - Seconds(60);  // moved back
    } else if (random_() % 2 == 0) {
      revoke();
    } else if (known.status->state == store::State::kGood) {
      known.status = store::Status{store::State::kHold, now_, ReasonCode::kCertificateHold,
                                   std::nullopt, good.expires};
    } else if (random_() % 4 == 0) {
      known.status.reset();  // a held certificate is forgotten
    } else {
      known.status = good;
    }
    write(known);
  }

  Said by_ocsp(const Known& known) {
    ocsp::Request request;
    request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, known.certificate,
                                                  standard_pki().intermediate.certificate),
                                {}});
    const Buffer body = to_buffer(answerer_->answer(ocsp::encode_request(request), now_).body());
    const auto response = ocsp::parse_response(body);
    EXPECT_TRUE(response && response->basic) << "no OCSP answer";
    const auto single = response->basic->responses.at(0);
    if (const auto* revoked = std::get_if<ocsp::Revoked>(&single.status)) {
      return {true, revoked->time, revoked->reason};
    }
    return {};
  }

  /// Nothing: the CRLs need not say, since the certificate expired.
  std::optional<Said> by_crls(const Known& known, const std::vector<Buffer>& crls) {
    const std::vector<Bytes> views(crls.begin(), crls.end());
    const std::vector<pki::Certificate> path = {standard_pki().intermediate.certificate,
                                                standard_pki().root.certificate};
    const auto verdict = client::check_crls(known.certificate, path, {views, {}}, now_);
    if (const auto* revoked = verdict.revoked()) {
      return Said{true, revoked->time, revoked->reason};
    }
    if (const auto* undetermined = verdict.undetermined()) {
      EXPECT_EQ(undetermined->code, pki::CrlErrc::kCertificateExpired) << undetermined->detail;
      return std::nullopt;
    }
    return Said{};
  }

  void expect_same(const Known& known, const Said& ocsp, const std::vector<Buffer>& crls,
                   std::string_view which) {
    const auto said = by_crls(known, crls);
    const std::string who = std::string(which) + " about " + known.certificate.serial().to_hex() +
                            " at " + format_iso8601(now_);
    if (known.certificate.not_after() >= now_) {
      ASSERT_TRUE(said) << who;
      EXPECT_EQ(*said, ocsp) << who << ": " << text(*said) << ", OCSP: " << text(ocsp);
      return;
    }
    if (said && said->revoked) {
      EXPECT_EQ(*said, ocsp) << who;
    } else if (ocsp.revoked) {
      EXPECT_TRUE(known.shown_after_expiry)
          << who << ": gone before a regular CRL showed it after expiry";
    }
  }

  // req: OCSP-CRL-038, OCSP-CRL-044, OCSP-CRL-013
  void compare(bool made_complete, bool made_delta) {
    const Buffer complete = testing::read_octets(file("complete", 0, ".crl"));
    std::vector<Buffer> parts;
    for (std::size_t i = 0; i < kPartitions; ++i) {
      parts.push_back(testing::read_octets(file("part", i, ".crl")));
      if (!made_complete) {
        parts.push_back(testing::read_octets(file("part", i, ".delta")));
      }
    }
    const Buffer delta =
        made_delta ? testing::read_octets(file("complete", 0, ".delta")) : Buffer();
    for (const Known& known : known_) {
      const Said ocsp = by_ocsp(known);
      expect_same(known, ocsp, parts, "partitions");
      if (made_complete) {
        expect_same(known, ocsp, {complete}, "complete");
      }
      if (made_delta) {
        expect_same(known, ocsp, {previous_, delta}, "base and delta");
      }
    }
  }

  void note_regular(bool regular) {
    for (Known& known : known_) {
      known.shown_after_expiry =
          known.shown_after_expiry || (regular && known.certificate.not_after() < now_);
    }
  }

  std::mt19937 random_;
  testing::TempDir directory_;
  std::unique_ptr<store::Store> store_;
  store::IssuerId id_{};
  std::vector<Known> known_;
  UnixSeconds now_ = kTestNow;
  std::unique_ptr<Publisher> complete_, parts_;
  responder::Counters counters_;
  std::optional<responder::Answerer> answerer_;
  Buffer previous_;
};

// req: OCSP-CRL-045
// req: OCSP-OPS-004
TEST(Agreement, OfOcspAndEveryKindOfCrlAfterRandomChanges) {
  const char* given = std::getenv("MUSTER_SEED");
  const std::vector<unsigned> seeds =
      given != nullptr ? std::vector{static_cast<unsigned>(std::strtoul(given, nullptr, 10))}
                       : std::vector{1u, 2u, 3u};
  for (const unsigned seed : seeds) {
    SCOPED_TRACE("MUSTER_SEED=" + std::to_string(seed));
    World(seed).run();
  }
}

}  // namespace
}  // namespace muster
