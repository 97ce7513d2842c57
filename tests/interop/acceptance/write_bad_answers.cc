// Writes a PKI valid now and every answer about its leaf: muster_write_bad_answers DIRECTORY
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "muster/testing/bad_answers.h"

namespace muster::testing {
namespace {

bool write(const std::string& path, std::string_view octets) {
  std::ofstream out(path, std::ios::binary);
  out.write(octets.data(), static_cast<std::streamsize>(octets.size()));
  return bool(out.flush());
}
bool write(const std::string& path, const Buffer& octets) {
  return write(path, std::string_view(reinterpret_cast<const char*>(octets.data()), octets.size()));
}

Buffer with_status(const BadAnswerWorld& world, ocsp::CertStatus status) {
  return world.signed_by(world.pki.ocsp_signer,
                         {world.entry(world.pki.leaf, world.pki.intermediate, status)});
}

bool write_all(const std::string& directory) {
  const UnixSeconds now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  const TestPki pki = make_pki(now);
  // SHA-1, for most programs know no other CertID.
  const BadAnswerWorld world{pki, now, HashAlgorithm::kSha1};
  const ocsp::Revoked revoked{now - std::chrono::hours(2), ReasonCode::kKeyCompromise};
  std::vector<BadAnswer> answers = bad_answers();
  // What is right, beside what is wrong: the table means nothing for a program that refuses these.
  answers.insert(
      answers.begin(),
      {{"Good", "good", 0, [](const BadAnswerWorld& w) { return w.good(); }},
       {"Revoked", "revoked", 1, [=](const BadAnswerWorld& w) { return with_status(w, revoked); }},
       {"Unknown", "unknown", 2,
        [](const BadAnswerWorld& w) { return with_status(w, ocsp::Unknown{}); }}});
  const std::string at = directory + "/";
  bool done =
      write(at + "root.pem", to_pem({pki.root.certificate})) &&
      write(at + "intermediate.pem", to_pem({pki.intermediate.certificate})) &&
      write(at + "authorities.pem", to_pem({pki.intermediate.certificate, pki.root.certificate})) &&
      write(at + "leaf.pem", to_pem({pki.leaf.certificate})) &&
      write(at + "chain.pem", to_pem({pki.leaf.certificate, pki.intermediate.certificate})) &&
      write(at + "leaf.key", pki.leaf.key_pem);
  nlohmann::json list = nlohmann::json::array();
  for (const BadAnswer& answer : answers) {
    done = done && write(at + answer.name + ".der", answer.make(world));
    list.push_back(
        {{"name", answer.name}, {"code", answer.code}, {"live_exit_code", answer.live_exit_code}});
  }
  return done && write(at + "answers.json", list.dump(1));
}

}  // namespace
}  // namespace muster::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: muster_write_bad_answers DIRECTORY\n", stderr);
    return 64;
  }
  if (!muster::testing::write_all(argv[1])) {
    std::perror(argv[1]);
    return 73;
  }
  return 0;
}
