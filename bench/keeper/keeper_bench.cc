// Many certificates in one keeper: memory for each, a step of the plan, a start with a full shelf,
// and what a responder that hangs costs the others. Figures for docs/reports/stapler.md.
//
//   muster_bench_keeper [COUNT] [DIRECTORY]      (100000 certificates, below /tmp)
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "muster/keeper/keeper.h"
#include "muster/keeper/shelf_file.h"
#include "muster/testing/response_builder.h"

namespace muster::keeper {
namespace {

using Timer = std::chrono::steady_clock;

double seconds_since(Timer::time_point begin) {
  return std::chrono::duration<double>(Timer::now() - begin).count();
}

/// Octets of memory this process has for itself.
double resident() {
  std::ifstream in("/proc/self/smaps_rollup");
  std::string word;
  double kilobytes = 0;
  while (in >> word) {
    if (word == "Private_Dirty:" || word == "Private_Clean:") {
      double n = 0;
      in >> n;
      kilobytes += n;
    }
  }
  return kilobytes * 1024;
}

class StillClock final : public Clock {
 public:
  [[nodiscard]] UnixSeconds now() const override {
    return testing::kTestNow + std::chrono::floor<Seconds>(elapsed);
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return MonotonicTime(std::chrono::hours(24)) + elapsed;
  }
  Milliseconds elapsed{0};
};

/// Never answers.
class SilentAsker final : public Asker {
 public:
  void ask(const Question&, const client::VerifyPolicy&, UnixSeconds,
           std::function<void(Answer)>) override {
    ++asked;
  }
  void cancel(std::uint64_t) override {}
  std::size_t asked = 0;
};

Buffer sign_answer(const testing::TestPki& pki, const pki::Certificate& certificate) {
  testing::EntrySpec entry = testing::entry_for(certificate, pki.intermediate.certificate);
  entry.this_update = testing::kTestNow - Seconds(3600);
  entry.next_update = testing::kTestNow + Seconds(7 * 86400);
  testing::ResponseSpec spec;
  spec.entries.push_back(std::move(entry));
  return testing::build_response(pki.ocsp_signer, spec);
}

/// The inventory as a stapler has it, its answers on disk.
struct Made {
  std::vector<Buffer> certificates;
  std::size_t octets = 0;  ///< of all certificates and answers
};

Made make(std::size_t count, const std::string& directory) {
  Made out;
  const testing::TestPki& pki = testing::standard_pki();
  const testing::TestKey& key = testing::cached_key(testing::KeyKind::kP256, 3);
  for (std::size_t i = 0; i < count; ++i) {
    testing::CertificateSpec spec = testing::leaf_spec("host-" + std::to_string(i) + ".example");
    spec.use_key = key;
    spec.ocsp_uris = {"http://ocsp-" + std::to_string(i % 50) + ".example/"};
    const testing::Identity leaf = testing::issue(pki.intermediate, spec);
    const Buffer answer = sign_answer(pki, leaf.certificate);
    const Fingerprint id = leaf.certificate.fingerprint();
    const Buffer file = encode_shelf_file(id, testing::kTestNow, spec.ocsp_uris[0], answer);
    std::ofstream(directory + '/' + shelf_file_name(id), std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()),
               static_cast<std::streamsize>(file.size()));
    out.octets += leaf.certificate.der().size() + answer.size();
    out.certificates.push_back(to_buffer(leaf.certificate.der()));
  }
  return out;
}

std::vector<Watched> read(std::vector<Buffer> certificates) {
  std::vector<Watched> out;
  const pki::Certificate& issuer = testing::standard_pki().intermediate.certificate;
  for (Buffer& der : certificates) {
    auto certificate = pki::Certificate::parse(der);
    out.push_back({{"host-" + std::to_string(out.size()), certificate->compact(), issuer}, {}});
    Buffer().swap(der);
  }
  return out;
}

void measure_start(std::size_t count, const std::string& directory) {
  Made made = make(count, directory);
  std::printf("| made %zu certificates and answers: DER of both | %.0f octets each |\n", count,
              static_cast<double>(made.octets) / static_cast<double>(count));
  const double certificates_before = resident();
  double der_before = 0;
  for (const Buffer& der : made.certificates) {
    der_before += static_cast<double>(der.capacity());
  }
  StillClock clock;
  SilentAsker asker;
  net::Loop loop;
  auto begin = Timer::now();
  std::vector<Watched> inventory = read(std::move(made.certificates));
  const double parsing = seconds_since(begin);
  begin = Timer::now();
  auto shelf = Shelf::open(directory, ShelfMode::kOwner, {}, null_logger());
  Keeper keeper(loop, asker, clock, null_logger(), **shelf, {}, 1);
  keeper.set_inventory(std::move(inventory));
  keeper.start();
  const double loading = seconds_since(begin);
  std::size_t covered = 0;
  for (const CertificateStatus& status : keeper.status()) {
    covered += is_covered(status.state) ? 1U : 0U;
  }
  const double grown = resident() - certificates_before + der_before;
  const auto n = static_cast<double>(count);
  std::printf("| start: certificates parsed | %.2f s |\n", parsing);
  std::printf("| start: shelf read, %zu answers verified and offered | %.2f s |\n", covered,
              loading);
  std::printf("| resident for a certificate, all in all | %.0f octets |\n", grown / n);
  std::printf("| resident for a certificate, besides the DER | %.0f octets |\n",
              (grown - static_cast<double>(made.octets)) / n);
}

// ---- the plan alone, in simulated time

Fingerprint id_of(std::size_t n) {
  Fingerprint f{};
  for (std::size_t i = 0; i < 8; ++i) {
    f[i] = static_cast<std::uint8_t>((n * 0x9e3779b97f4a7c15U) >> (8 * i));
  }
  return f;
}

struct Delays {
  double worst = 0, mean = 0, step = 0, worst_step = 0;
  std::size_t refreshes = 0;
};

/// A day of refreshes over 50 hosts that answer after 200 ms. `hangs`: one host never does.
Delays run_plan(std::size_t count, bool hangs) {
  constexpr std::size_t kHosts = 50;
  Plan plan(PlanPolicy{}, 1);
  Instant now{testing::kTestNow, MonotonicTime(std::chrono::hours(24))};
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < count; ++i) {
    const Seconds age(static_cast<std::int64_t>(random() % (2 * 86400)));
    plan.add(id_of(i),
             {{"http://ocsp-" + std::to_string(i % kHosts) + ".example/"},
              now.wall - Seconds(86400 * 30),
              now.wall + Seconds(86400 * 300)},
             StapleFacts{StapleStatus::kGood, now.wall - age, now.wall - age + Seconds(7 * 86400)},
             now);
  }
  struct Reply {
    MonotonicTime at;
    std::uint64_t ticket;
  };
  std::vector<Reply> replies;  // all take as long, so they come in the order of the questions
  std::size_t next_reply = 0;
  Delays out;
  double spent = 0;
  std::size_t steps = 0;
  const MonotonicTime end = now.steady + std::chrono::hours(24);
  while (now.steady < end) {
    MonotonicTime next = end;
    if (const auto event = plan.next_event()) {
      next = std::min(next, *event);
    }
    if (next_reply < replies.size()) {
      next = std::min(next, replies[next_reply].at);
    }
    next = std::max(next, now.steady);
    const auto before = std::chrono::floor<Seconds>(now.steady.time_since_epoch());
    now.steady = next;
    now.wall += std::chrono::floor<Seconds>(now.steady.time_since_epoch()) - before;
    const auto begin = Timer::now();
    std::size_t orders = 0;
    if (next_reply < replies.size() && replies[next_reply].at <= now.steady) {
      plan.finish(replies[next_reply].ticket,
                  Outcome{OutcomeKind::kTaken,
                          StapleFacts{StapleStatus::kGood, now.wall, now.wall + Seconds(7 * 86400)},
                          {},
                          {}},
                  now);
      ++next_reply;
    }
    plan.given_up(now);
    for (const Order& order : plan.start_due(now)) {
      ++orders;
      const bool hanging = order.url == "http://ocsp-0.example/";
      if (!hanging) {
        ++out.refreshes;
        const double late = std::chrono::duration<double>(now.steady - order.due).count();
        out.worst = std::max(out.worst, late);
        out.mean += late;
      }
      if (!hanging || !hangs) {
        replies.push_back({now.steady + Milliseconds(200), order.ticket});
      }
    }
    const double took = seconds_since(begin);
    spent += took;
    ++steps;
    out.worst_step = std::max(out.worst_step, took);
  }
  out.mean /= static_cast<double>(out.refreshes);
  out.step = spent / static_cast<double>(steps);
  return out;
}

void measure_plan(std::size_t count) {
  for (const bool hangs : {false, true}) {
    const Delays d = run_plan(count, hangs);
    std::printf(
        "| a day of %zu refreshes, %s | waited %.3f s at most, %.4f s on average; a step %.1f us, "
        "the longest %.0f us |\n",
        d.refreshes, hangs ? "one of 50 responders hangs (the others' refreshes)" : "50 responders",
        d.worst, d.mean, d.step * 1e6, d.worst_step * 1e6);
  }
}

}  // namespace
}  // namespace muster::keeper

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  std::string directory = (argc > 2 ? std::string(argv[2]) : "/tmp") + "/muster-keeper.XXXXXX";
  if (count == 0 || ::mkdtemp(directory.data()) == nullptr) {
    std::fprintf(stderr, "usage: %s [COUNT] [DIRECTORY]\n", argv[0]);
    return 64;
  }
  std::printf("| what | figure |\n| --- | --- |\n");
  muster::keeper::measure_plan(count);
  muster::keeper::measure_start(count, directory);
  auto& files = muster::system_files();
  for (const std::string& name : files.list(directory)) {
    files.remove(directory + '/' + name);
  }
  ::rmdir(directory.c_str());
  return 0;
}
