// Many certificates in one keeper: memory for each, a step of the plan, a start with a full shelf,
// and what a responder that hangs costs the others. bench/keeper/run.py makes
// docs/reports/stapler.md of it. Each mode prints one line of JSON:
//
// - make DIRECTORY COUNT: certificates with chains, and their answers on a shelf;
// - start DIRECTORY: one keeper takes all of them up;
// - plan COUNT: a day of the plan alone, with and without a host that hangs.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string_view>

#include "muster/base/mapped_file.h"
#include "muster/keeper/keeper.h"
#include "muster/keeper/shelf_file.h"
#include "muster/pki/keys.h"
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
    return began_ + std::chrono::floor<Seconds>(elapsed);
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return MonotonicTime(std::chrono::hours(24)) + elapsed;
  }
  Milliseconds elapsed{0};

 private:
  const UnixSeconds began_ = SystemClock().now();
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

/// Each length-prefixed; the first is the issuer.
constexpr const char* kCertificates = "/certificates";

void write_to(const std::string& path, Bytes content) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
}

Buffer sign_answer(const testing::TestPki& pki, const pki::Certificate& certificate,
                   UnixSeconds now) {
  testing::EntrySpec entry = testing::entry_for(certificate, pki.intermediate.certificate);
  entry.this_update = now - Seconds(3600);
  entry.next_update = now + Seconds(7 * 86400);
  testing::ResponseSpec spec;
  spec.entries.push_back(std::move(entry));
  return testing::build_response(pki.ocsp_signer, spec);
}

/// The inventory as a stapler has it, in a process of its own: what it needs in memory is nobody's.
int make(const std::string& directory, std::size_t count) {
  const UnixSeconds now = SystemClock().now();
  const testing::TestPki pki = testing::make_pki(now);
  const testing::TestKey& key = testing::cached_key(testing::KeyKind::kP256, 3);
  for (const char* name : {"/chains", "/shelf"}) {
    if (::mkdir((directory + name).c_str(), 0755) != 0) {
      std::perror(name);
      return 1;
    }
  }
  Buffer all;
  const auto append = [&all](Bytes der) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      all.push_back(static_cast<std::uint8_t>(der.size() >> shift));
    }
    all.insert(all.end(), der.begin(), der.end());
  };
  append(pki.intermediate.certificate.der());
  std::size_t octets = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "host-" + std::to_string(i);
    testing::CertificateSpec spec = testing::leaf_spec(name + ".example");
    spec.at = now;
    spec.use_key = key;
    spec.ocsp_uris = {"http://ocsp-" + std::to_string(i % 50) + ".example/"};
    const testing::Identity leaf = testing::issue(pki.intermediate, spec);
    const Buffer answer = sign_answer(pki, leaf.certificate, now);
    const Fingerprint id = leaf.certificate.fingerprint();
    write_to(directory + "/shelf/" + shelf_file_name(id),
             encode_shelf_file(id, now - Seconds(3600), spec.ocsp_uris[0], answer));
    write_to(directory + "/chains/" + name + ".pem",
             as_bytes(testing::to_pem({leaf.certificate, pki.intermediate.certificate})));
    append(leaf.certificate.der());
    octets += leaf.certificate.der().size() + answer.size();
  }
  write_to(directory + kCertificates, all);
  std::printf("{\"certificates\": %zu, \"octets\": %zu}\n", count, octets);
  return 0;
}

int start(const std::string& directory) {
  const double before = resident();
  StillClock clock;
  SilentAsker asker;
  net::Loop loop;
  auto begin = Timer::now();
  std::vector<Watched> inventory;
  {
    const auto all = MappedFile::open(directory + kCertificates);
    if (!all) {
      std::fprintf(stderr, "%s\n", to_string(all.error()).c_str());
      return 1;
    }
    std::optional<pki::Certificate> issuer;
    for (Bytes rest = all->octets(); rest.size() > 4;) {
      const std::size_t size = static_cast<std::size_t>(rest[0]) << 24 |
                               static_cast<std::size_t>(rest[1]) << 16 |
                               static_cast<std::size_t>(rest[2]) << 8 | rest[3];
      auto certificate = pki::Certificate::parse(rest.subspan(4, size));
      rest = rest.subspan(4 + size);
      if (!issuer) {
        issuer = *std::move(certificate);
      } else {
        const std::string name = "host-" + std::to_string(inventory.size());
        inventory.push_back({{name, certificate->compact(), *issuer}, {}});
      }
    }
  }
  const std::size_t count = inventory.size();
  const double parsing = seconds_since(begin);
  begin = Timer::now();
  for (const Watched& watched : inventory) {
    if (!pki::verify_issued_by(watched.subject.certificate, watched.subject.issuer)) {
      std::fprintf(stderr, "%s: not signed by its issuer\n", watched.subject.name.c_str());
      return 1;
    }
  }
  const double issuing = seconds_since(begin);
  begin = Timer::now();
  auto shelf = Shelf::open(directory + "/shelf", ShelfMode::kOwner, {}, null_logger());
  Keeper keeper(loop, asker, clock, null_logger(), **shelf, {}, 1);
  keeper.set_inventory(std::move(inventory));
  keeper.start();
  const double loading = seconds_since(begin);
  const double grown = resident() - before;
  std::size_t covered = 0;
  for (const CertificateStatus& status : keeper.status()) {
    covered += is_covered(status.state) ? 1U : 0U;
  }
  std::printf(
      "{\"certificates\": %zu, \"covered\": %zu, \"parse s\": %.3f, \"issuers s\": %.3f, "
      "\"load s\": %.3f, \"resident octets\": %.0f}\n",
      count, covered, parsing, issuing, loading, grown);
  return 0;
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

int plan(std::size_t count) {
  for (const bool hangs : {false, true}) {
    const Delays d = run_plan(count, hangs);
    std::printf(
        "%s\"%s\": {\"refreshes\": %zu, \"longest wait s\": %.3f, \"mean wait s\": %.6f, "
        "\"step us\": %.3f, \"longest step us\": %.0f}%s",
        hangs ? "" : "{", hangs ? "one of 50 hangs" : "50 responders", d.refreshes, d.worst, d.mean,
        d.step * 1e6, d.worst_step * 1e6, hangs ? "}\n" : ", ");
  }
  return 0;
}

}  // namespace
}  // namespace muster::keeper

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[1] : "";
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  if (mode == "make" && argc == 4) {
    return muster::keeper::make(argv[2], number(3));
  }
  if (mode == "start" && argc == 3) {
    return muster::keeper::start(argv[2]);
  }
  if (mode == "plan" && argc == 3) {
    return muster::keeper::plan(number(2));
  }
  std::fprintf(stderr, "usage: %s make DIRECTORY COUNT | start DIRECTORY | plan COUNT\n", argv[0]);
  return 64;
}
