// make DIRECTORY ENTRIES [reasons]: writes ca.pem, ca.der, ca.crl, leaf.pem (not on it) and
// revoked.pem (in its middle). measure DIRECTORY ROUNDS: that CRL verified and asked twice, beside
// a bare DER walk over the same octets, in turns; one JSON object, milliseconds.
#include "muster/client/crl_check.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>

#include "muster/base/mapped_file.h"
#include "muster/crl/encode.h"
#include "muster/testing/pki_builder.h"

namespace {

using namespace muster;
using Steady = std::chrono::steady_clock;
using std::chrono::hours;

/// Of what is neither a file nor shared.
double own_memory_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) {
      return std::strtod(line.c_str() + std::strlen("RssAnon:"), nullptr) / 1024;
    }
  }
  return 0;
}

enum class Reasons : std::uint8_t { kNone, kAll };

int make(const std::string& directory, std::size_t entries, Reasons reasons) {
  const UnixSeconds now = SystemClock().now();
  testing::CertificateSpec ca_spec = testing::ca_spec("CRL bench CA");
  ca_spec.at = now;
  const testing::Identity ca = testing::make_self_signed(ca_spec);
  testing::CertificateSpec leaf_spec = testing::leaf_spec("leaf.example");
  leaf_spec.at = now;
  const testing::Identity leaf = testing::issue(ca, leaf_spec);
  const testing::Identity revoked = testing::issue(ca, leaf_spec);
  auto signer = *pki::Signer::make(ca.key);
  crl::CrlEncoder encoder(
      {ca.certificate.subject(), signer.algorithm(), now - hours(1), now + hours(24 * 7)},
      entries * 64);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < entries; ++i) {
    std::array<std::uint8_t, 16> serial{};
    const std::uint64_t halves[2] = {random(), random()};
    std::memcpy(serial.data(), halves, sizeof halves);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 1);
    const bool is_ours = i == entries / 2;
    encoder.add({is_ours ? revoked.certificate.serial().octets() : Bytes(serial), now - hours(24),
                 reasons == Reasons::kAll ? std::optional(ReasonCode::kSuperseded) : std::nullopt,
                 std::nullopt});
  }
  crl::CrlFacts facts;
  facts.authority_key_id = *ca.certificate.facts().subject_key_id;
  facts.number = crl::Number(1);
  const Bytes tbs = encoder.finish_tbs(*crl::make_extensions(facts));
  Buffer signature;
  MUSTER_ASSERT(signer.sign(tbs, signature));
  MUSTER_ASSERT(write_file_atomically(directory + "/ca.crl", encoder.finish(signature)));
  MUSTER_ASSERT(write_file_atomically(directory + "/ca.der", ca.certificate.der()));
  for (const auto& [name, identity] :
       {std::pair("ca", &ca), {"leaf", &leaf}, {"revoked", &revoked}}) {
    MUSTER_ASSERT(write_file_atomically(directory + "/" + name + ".pem",
                                        as_bytes(identity->certificate_pem())));
  }
  return 0;
}

/// Every element, down to the last, with the reader that the parser uses.
std::size_t walk(der::Reader in) {
  std::size_t elements = 0;
  while (!in.at_end()) {
    const auto element = in.read_any("element");
    MUSTER_ASSERT(element);
    ++elements;
    if ((static_cast<std::uint8_t>(element->tag) & 0x20U) != 0) {
      elements += walk(der::Reader(element->content));
    }
  }
  return elements;
}

struct Bench {
  explicit Bench(const std::string& where) : directory(where) {}

  [[nodiscard]] pki::Certificate load(const char* name) const {
    return pki::load_certificates(directory + "/" + name)->front();
  }
  [[nodiscard]] MappedFile map() const { return *MappedFile::open(directory + "/ca.crl"); }

  void walk_bare() {
    const MappedFile file = map();
    octets = file.octets().size();
    elements = walk(der::Reader(file.octets()));
  }
  void hash_alone() const {
    const MappedFile file = map();
    (void)pki::digest(HashAlgorithm::kSha256, file.octets());
  }
  void parse_alone() const {
    const MappedFile file = map();
    MUSTER_ASSERT(crl::parse_crl(file.octets()));
  }
  /// Strictly parsed, verified, scope and times judged, one looked up that is not on it and one
  /// that is.
  void check() {
    const auto crls = client::load_crls(directory + "/ca.crl");
    MUSTER_ASSERT(crls);
    ask(crls->front().document, leaf, false);
    ask(crls->front().document, revoked, true);
    own_mib = std::max(own_mib, own_memory_mib());
  }
  void ask(const std::shared_ptr<const client::CrlDocument>& document,
           const pki::Certificate& about, bool is_revoked) const {
    const std::vector<std::shared_ptr<const client::CrlDocument>> documents = {document};
    const client::CrlEvidence evidence{{}, {}, documents};
    const client::CrlVerdict verdict = client::check_crls(about, path, evidence, now);
    MUSTER_ASSERT(is_revoked ? verdict.revoked() != nullptr : verdict.is_good());
  }

  const std::string directory;
  const pki::Certificate ca = load("ca.pem"), leaf = load("leaf.pem"),
                         revoked = load("revoked.pem");
  const std::vector<pki::Certificate> path = {ca};
  const UnixSeconds now = SystemClock().now();
  std::size_t octets = 0, elements = 0;
  double own_mib = 0;
};

int measure(const std::string& directory, int rounds) {
  Bench bench(directory);
  const double before = own_memory_mib();
  struct Contender {
    const char* name;
    std::function<void()> run;
    std::vector<double> milliseconds{};
  } contenders[] = {{"bare walk", [&] { bench.walk_bare(); }},
                    {"muster", [&] { bench.check(); }},
                    {"SHA-256 alone", [&] { bench.hash_alone(); }},
                    {"parsed alone", [&] { bench.parse_alone(); }}};
  for (int round = -1; round < rounds; ++round) {  // in turns; the first warms
    for (Contender& contender : contenders) {
      const Steady::time_point begin = Steady::now();
      contender.run();
      const std::chrono::duration<double, std::milli> took = Steady::now() - begin;
      if (round >= 0) {
        contender.milliseconds.push_back(took.count());
      }
    }
  }
  const double own = bench.own_mib - before;
  // What many targets of one run pay: the same document again and again, soon by an index.
  constexpr int kTargets = 1000;
  const auto document = client::load_crls(directory + "/ca.crl")->front().document;
  const Steady::time_point begin = Steady::now();
  for (int i = 0; i < kTargets; ++i) {
    bench.ask(document, bench.leaf, false);
  }
  const std::chrono::duration<double, std::milli> shared = Steady::now() - begin;
  std::printf(
      "{\"octets\": %zu, \"elements\": %zu, \"own MiB\": %.1f, \"targets\": %d, \"targets ms\": "
      "%.1f, \"targets own MiB\": %.1f, \"ms\": ",
      bench.octets, bench.elements, own, kTargets, shared.count(), own_memory_mib() - before);
  const char* separator = "{";
  for (const Contender& contender : contenders) {
    std::printf("%s\"%s\": ", separator, contender.name);
    separator = "[";
    for (const double value : contender.milliseconds) {
      std::printf("%s%.2f", separator, value);
      separator = ", ";
    }
    std::printf("]");
  }
  std::puts("}}");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 3 ? argv[1] : "";
  if (what == "make" && (argc == 4 || (argc == 5 && std::string(argv[4]) == "reasons"))) {
    return make(argv[2], std::strtoull(argv[3], nullptr, 10),
                argc == 5 ? Reasons::kAll : Reasons::kNone);
  }
  if (what == "measure" && argc == 4 && std::atoi(argv[3]) > 0) {
    return measure(argv[2], std::atoi(argv[3]));
  }
  std::fputs(
      "usage: muster_bench_crl_check make DIRECTORY ENTRIES [reasons] | measure DIRECTORY ROUNDS\n",
      stderr);
  return 64;
}
