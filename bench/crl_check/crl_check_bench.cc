// muster_bench_crl_check make DIRECTORY ENTRIES     writes ca.pem, ca.crl, leaf.pem, revoked.pem
// muster_bench_crl_check measure DIRECTORY [ROUNDS] a large CRL verified and queried, beside a bare
//                                                   DER walk over the same octets, in turns
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "muster/client/crl_check.h"
#include "muster/crl/encode.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/temp_dir.h"

namespace {

using namespace muster;
using Steady = std::chrono::steady_clock;
using std::chrono::hours;

double milliseconds_since(Steady::time_point begin) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}
/// Of what is neither a file nor shared, now and at most (in MiB).
double own_memory_mib() {
  long kib = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      (void)std::sscanf(line, "RssAnon: %ld", &kib);
    }
    std::fclose(file);
  }
  return static_cast<double>(kib) / 1024;
}
double most_memory_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int make(const std::string& directory, std::size_t entries) {
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
      entries * 40);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < entries; ++i) {
    std::array<std::uint8_t, 16> serial{};
    const std::uint64_t halves[2] = {random(), random()};
    std::memcpy(serial.data(), halves, sizeof halves);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 1);
    const bool is_ours = i == entries / 2;
    encoder.add({is_ours ? revoked.certificate.serial().octets() : Bytes(serial), now - hours(24),
                 std::nullopt, std::nullopt});
  }
  crl::CrlFacts facts;
  facts.authority_key_id = *ca.certificate.facts().subject_key_id;
  facts.number = crl::Number(1);
  const Bytes tbs = encoder.finish_tbs(*crl::make_extensions(facts));
  Buffer signature;
  MUSTER_ASSERT(signer.sign(tbs, signature));
  MUSTER_ASSERT(write_file_atomically(directory + "/ca.crl", encoder.finish(signature)));
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

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int measure(const std::string& directory, int rounds) {
  const auto load = [&](const char* name) {
    return pki::load_certificates(directory + "/" + name)->front();
  };
  const pki::Certificate ca = load("ca.pem"), leaf = load("leaf.pem"),
                         revoked = load("revoked.pem");
  const UnixSeconds now = SystemClock().now();
  const std::vector<pki::Certificate> path = {ca};
  const double before = own_memory_mib();
  double most_own = before;
  std::vector<double> ours, bare;
  std::size_t elements = 0, octets = 0;
  for (int round = 0; round < rounds + 1; ++round) {  // interleaved; the first warms
    auto begin = Steady::now();
    {
      const auto file = MappedFile::open(directory + "/ca.crl");
      octets = file->octets().size();
      elements = walk(der::Reader(file->octets()));
    }
    const double walked = milliseconds_since(begin);
    begin = Steady::now();
    {
      const auto document = client::load_crl(directory + "/ca.crl");
      MUSTER_ASSERT(document);
      const std::vector<std::shared_ptr<const client::CrlDocument>> documents = {*document};
      const client::CrlEvidence evidence{{}, {}, documents};
      MUSTER_ASSERT(client::check_crls(leaf, path, evidence, now).is_good());
      MUSTER_ASSERT(client::check_crls(revoked, path, evidence, now).revoked() != nullptr);
      most_own = std::max(most_own, own_memory_mib());
    }
    const double checked = milliseconds_since(begin);
    if (round > 0) {
      bare.push_back(walked);
      ours.push_back(checked);
    }
  }
  const double a = median(ours), b = median(bare);
  std::printf(
      "muster: %.1f MiB, %zu elements: verified and two queries %.1f ms, a bare DER walk "
      "%.1f ms: %.2f times (at most 3)\n",
      static_cast<double>(octets) / (1 << 20), elements, a, b, a / b);
  std::printf(
      "muster: own memory %.1f MiB more beside the mapped file (at most 64); with the file "
      "%.0f MiB\n",
      most_own - before, most_memory_mib());
  // What many targets of one run pay: the same document again and again, soon by an index.
  const auto document = *client::load_crl(directory + "/ca.crl");
  const std::vector<std::shared_ptr<const client::CrlDocument>> documents = {document};
  const client::CrlEvidence evidence{{}, {}, documents};
  constexpr int kTargets = 1000;
  const auto begin = Steady::now();
  for (int i = 0; i < kTargets; ++i) {
    MUSTER_ASSERT(client::check_crls(leaf, path, evidence, now).is_good());
  }
  std::printf("muster: %d targets that share it: %.1f ms for all; own memory %.1f MiB more\n",
              kTargets, milliseconds_since(begin), own_memory_mib() - before);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  if (what == "make" && argc > 3) {
    return make(argv[2], std::strtoull(argv[3], nullptr, 10));
  }
  if (what == "measure") {
    return measure(argv[2], argc > 3 ? std::atoi(argv[3]) : 9);
  }
  std::fputs("usage: muster_bench_crl_check make DIRECTORY ENTRIES | measure DIRECTORY [ROUNDS]\n",
             stderr);
  return 64;
}
