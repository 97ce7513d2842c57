// Load for responders, closed loop or at a constant rate, told as one line of JSON. docs/reports
// says how it counts; --help what it can be asked.
#include <arpa/inet.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "generator.h"

namespace {

using namespace muster;

volatile std::sig_atomic_t stop = 0;
void on_signal(int) { stop = 1; }

struct Flags {
  std::string address, pattern, method = "get", order = "random", expect = "ocsp", record, beside;
  bench::LoadOptions load;
  bench::RequestPlan plan;
};

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "muster_bench_load: %s\n", text.c_str());
  std::exit(64);
}

sockaddr_in parse_address(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const std::size_t colon = text.rfind(':');
  const unsigned long port =
      colon == std::string::npos ? 0 : std::strtoul(text.c_str() + colon + 1, nullptr, 10);
  if (port == 0 || port > 65535 ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    fail("'" + text + "' is no address such as 127.0.0.1:8888");
  }
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

Buffer read_pattern(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Buffer octets{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (octets.empty()) {
    fail(path + ": cannot be read, or is empty");
  }
  return octets;
}

void write_sized(std::FILE* file, const void* data, std::size_t size) {
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(size));
  std::fwrite(&length, sizeof length, 1, file);
  std::fwrite(data, 1, size, file);
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

nlohmann::ordered_json to_json(const bench::LoadResult& result) {
  const auto told = [](const bench::Histogram& latency) {
    const auto microseconds = [&](double share) {
      return static_cast<double>(latency.quantile(share)) / 1e3;
    };
    return nlohmann::ordered_json{{"p50", microseconds(0.5)},
                                  {"p90", microseconds(0.9)},
                                  {"p99", microseconds(0.99)},
                                  {"p999", microseconds(0.999)},
                                  {"max", static_cast<double>(latency.max()) / 1e3}};
  };
  return {{"asked", result.asked},
          {"answered", result.answered},
          {"seconds", result.seconds},
          {"rate", result.seconds > 0 ? static_cast<double>(result.answered) / result.seconds : 0},
          {"connects", result.connects},
          {"body_octets", result.body_octets},
          {"own_cpu_seconds", own_cpu_seconds()},
          {"errors",
           {{"shed", result.shed},
            {"http", result.http_errors},
            {"ocsp", result.ocsp_errors},
            {"broken", result.broken},
            {"refused", result.refused},
            {"late", result.late},
            {"left_out", result.left_out}}},
          {"latency_us", told(result.latency)},
          {"shed_latency_us", told(result.shed_latency)},
          {"own_delay_us", told(result.own_delay)},
          {"beside", result.beside},
          {"beside_latency_us", told(result.beside_latency)}};
}

void declare(CLI::App& app, Flags& flags) {
  app.add_option("--address", flags.address, "of the responder, 127.0.0.1:8888")->required();
  app.add_option("--pattern", flags.pattern,
                 "file with an OCSPRequest about certificate 0; a nonce of 32 octets 'n' in it "
                 "becomes another one in each request")
      ->required();
  app.add_option("--method", flags.method)->check(CLI::IsMember({"get", "post"}));
  app.add_option("--serials", flags.plan.serials, "certificates there are")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  app.add_option("--hot", flags.plan.hot,
                 "those asked about, evenly spread over all (default: all)");
  app.add_option("--order", flags.order)->check(CLI::IsMember({"random", "sequential"}));
  app.add_option("--beside", flags.beside,
                 "file with another OCSPRequest, asked about beside and told apart");
  app.add_option("--one-in", flags.plan.one_in, "how often: by every so manieth request")
      ->check(CLI::Range(2U, 1'000'000U));
  app.add_option("--connections", flags.load.connections)->check(CLI::Range(1U, 50'000U));
  app.add_option("--pipeline", flags.load.pipeline, "requests sent at once; closed loop only")
      ->check(CLI::Range(1U, 1'000U));
  app.add_flag("--close", flags.load.close, "each request on a connection of its own");
  app.add_option("--rate", flags.load.rate,
                 "requests a second, at a constant rate whatever the answers do; 0: closed loop")
      ->check(CLI::Range(0.0, 1e8));
  app.add_flag("--calm", flags.load.calm,
               "with --rate: sleeps between requests, which are up to a millisecond late; for long "
               "runs beside other work");
  app.add_option("--seconds", flags.load.seconds)->check(CLI::Range(0.01, 86'400.0));
  app.add_option("--requests", flags.load.requests, "ends sooner, after so many");
  app.add_option("--rest", flags.load.rest,
                 "seconds until a client that was told 503 comes back, as Retry-After says; 0: at "
                 "once");
  app.add_option("--patience", flags.load.patience, "seconds waited for what is under way");
  app.add_option("--expect", flags.expect, "ocsp: a successful OCSPResponse; http: any body")
      ->check(CLI::IsMember({"ocsp", "http"}));
  app.add_option("--record", flags.record,
                 "file for each request and its answer: 4 octets of length (most significant "
                 "first) and the octets, twice");
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app{"Load for OCSP responders. SIGTERM ends it early, with its figures."};
  declare(app, flags);
  CLI11_PARSE(app, argc, argv);
  flags.load.address = parse_address(flags.address);
  flags.load.expect_ocsp = flags.expect == "ocsp";
  flags.plan.pattern = read_pattern(flags.pattern);
  if (flags.beside.empty() != (flags.plan.one_in == 0)) {
    fail("--beside and --one-in go together");
  }
  if (!flags.beside.empty()) {
    flags.plan.beside = read_pattern(flags.beside);
  }
  flags.plan.method = flags.method == "get" ? bench::Method::kGet : bench::Method::kPost;
  flags.plan.order = flags.order == "random" ? bench::Order::kRandom : bench::Order::kSequential;
  flags.plan.close = flags.load.close;
  if (flags.load.pipeline > 1 && (flags.load.close || flags.load.rate > 0)) {
    fail("--pipeline goes with neither --close nor --rate");
  }
  auto requests = bench::Requests::make(flags.plan);
  if (!requests) {
    fail(flags.pattern + ": asks about another certificate than number 0");
  }
  std::FILE* record = nullptr;
  if (!flags.record.empty()) {
    record = std::fopen(flags.record.c_str(), "wb");
    if (record == nullptr) {
      fail(flags.record + ": cannot be written");
    }
    flags.load.seen = [&](const bench::Question& question, std::string_view body) {
      const Bytes der = requests->der(question);
      write_sized(record, der.data(), der.size());
      write_sized(record, body.data(), body.size());
    };
  }
  // Thousands of connections are more than a shell's usual soft limit.
  if (rlimit files{}; ::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  const bench::LoadResult result = bench::run_load(flags.load, *requests, stop);
  if (record != nullptr && std::fclose(record) != 0) {
    fail(flags.record + ": cannot be written");
  }
  std::puts(to_json(result).dump().c_str());
  return 0;
}
