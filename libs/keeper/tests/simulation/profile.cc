#include "profile.h"

#include <cstring>
#include <unordered_map>

#include "muster/testing/pki_builder.h"

namespace muster::keeper::simulation {
namespace {

/// A fingerprint is a hash already.
struct FirstOctets {
  std::size_t operator()(const Fingerprint& id) const {
    std::size_t out = 0;
    std::memcpy(&out, id.data(), sizeof out);
    return out;
  }
};

struct Pool {
  std::vector<Subject> subjects;
  std::unordered_map<Fingerprint, std::size_t, FirstOctets> index;
};

/// The same key in every process, and a kind whose signatures are, too: a seed has to make the same
/// world anywhere.
testing::TestKey fixed_key(std::uint8_t number) {
  // PrivateKeyInfo of RFC 8410 section 7: version 0, id-Ed25519, 32 octets of key.
  Buffer der = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
  der.insert(der.end(), 32, number);
  auto key = pki::PrivateKey::parse(der);
  MUSTER_ASSERT(key);
  return {*std::move(key), testing::to_pem("PRIVATE KEY", der)};
}

Buffer fixed_serial(std::size_t number) {
  return to_buffer(testing::make_serial(0x4d00'0000 + number).octets());
}

Pool make_pool() {
  Pool out;
  const testing::TestKey key = fixed_key(7);
  for (std::size_t a = 0; a < kAuthorities; ++a) {
    testing::CertificateSpec ca = testing::ca_spec("CA " + std::to_string(a));
    ca.at = kStart;
    ca.use_key = fixed_key(static_cast<std::uint8_t>(8 + a));
    ca.serial = fixed_serial(a);
    const testing::Identity issuer = testing::make_self_signed(ca);
    for (std::size_t i = 0; i < kPerAuthority; ++i) {
      const std::size_t number = a * kPerAuthority + i;
      const std::string name = "certificate-" + std::to_string(number);
      testing::CertificateSpec spec = testing::leaf_spec(name);
      spec.use_key = key;
      spec.serial = fixed_serial(kAuthorities + number);
      spec.not_before = kStart - Seconds(86400 * 40);
      // Some end within the year.
      const int days = i % 10 == 9 ? 40 + 7 * static_cast<int>(i + a) : 900;
      spec.not_after = kStart + Seconds(86400 * days);
      const testing::Identity leaf = testing::issue(issuer, spec);
      out.index.emplace(leaf.certificate.fingerprint(), number);
      out.subjects.push_back({name, leaf.certificate, issuer.certificate});
    }
  }
  return out;
}

/// One for each thread: threads that count references to the same certificates wait for each other.
const Pool& the_pool() {
  thread_local const Pool made = make_pool();
  return made;
}

}  // namespace

const Subject& pool(std::size_t index) { return the_pool().subjects[index]; }

std::size_t index_of(const Fingerprint& id) {
  const Pool& made = the_pool();
  const auto found = made.index.find(id);
  return found == made.index.end() ? kPool : found->second;
}

Profile profile_for(std::uint64_t seed) {
  constexpr std::int64_t kHour = 3600, kDay = 86400;
  Random random(seed * 2 + 1);
  const auto one_in = [&random](double n) { return random.next() * n < 1; };
  Profile p;
  p.seed = seed;
  p.hosts = 4 + static_cast<std::size_t>(random.next() * 6);
  p.egresses = one_in(4) ? 2 : 1;
  p.withhold = one_in(4);
  p.restarts = one_in(1.3);
  p.disk_faults = one_in(2);
  p.clock_jumps = one_in(3);
  p.rotation = one_in(2);
  switch (seed % 16) {
    case 3:  // hectic: answers that live minutes or hours
      p.duration = Seconds(4 * kDay);
      p.certificates = 24;
      p.shortest = Seconds(600);
      p.longest = Seconds(12 * kHour);
      p.trouble = 0.4;
      break;
    case 1:  // stormy: something is always broken
      p.duration = Seconds(30 * kDay);
      p.certificates = 40;
      p.shortest = Seconds(12 * kHour);
      p.longest = Seconds(10 * kDay);
      p.trouble = 0.5;
      break;
    case 2:  // a process that takes a turn each second
      p.duration = Seconds(kDay);
      p.certificates = 8;
      p.shortest = Seconds(kHour);
      p.longest = Seconds(12 * kHour);
      p.trouble = 0.3;
      p.heartbeat = true;
      break;
    default:  // years
      p.duration = Seconds(365 * kDay);
      p.certificates = 120;
      p.shortest = Seconds(4 * kDay);
      p.longest = Seconds(40 * kDay);
      p.trouble = 0.03;
      break;
  }
  return p;
}

double years_of(const Profile& profile) {
  return static_cast<double>(profile.certificates) * static_cast<double>(profile.duration.count()) /
         (365.0 * 86400);
}

void Report::add(const Report& other) {
  certificate_years += other.certificate_years;
  requests += other.requests;
  taken += other.taken;
  revocations += other.revocations;
  gaps += other.gaps;
  restarts += other.restarts;
  crashes += other.crashes;
  jumps += other.jumps;
  rotations += other.rotations;
  windows += other.windows;
  trace = trace * 0x9e3779b97f4a7c15U + other.trace;
}

}  // namespace muster::keeper::simulation
