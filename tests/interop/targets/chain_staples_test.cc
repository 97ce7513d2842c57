#include <sys/stat.h>

#include "muster/base/assert.h"
#include "muster/base/file.h"
#include "targets_fixture.h"

// Staples of a whole chain (TLS 1.3), through a server that can send them.
namespace muster::interop {
namespace {

using namespace muster::testing;
using ::testing::HasSubstr;

void save(const std::string& path, const std::string& text) {
  MUSTER_ASSERT(write_file_atomically(path, as_bytes(text)));
}

/// Plays systemd, with one --ocsp-response for each file that is there.
std::vector<std::string> run_gnutls(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/run.sh",
       "while :; do\n  set --\n  for f in " + p.directory + "/web.ocsp " + p.directory +
           "/web.ca1.ocsp; do\n    if [ -s $f ]; then set -- \"$@\" "
           "--ocsp-response=$f; fi\n  done\n  " +
           program + " --quiet --disable-client-cert --port " + std::to_string(p.port) +
           " --x509certfile " + p.certificate + " --x509keyfile " + p.key +
           " \"$@\" </dev/null >/dev/null 2>&1 &\n  echo $! >" + p.directory +
           "/pid\n  wait $!\ndone\n");
  return {"/bin/sh", p.directory + "/run.sh"};
}
std::string chain_target(const ServerPlace& p) {
  save(p.directory + "/reload.sh", "kill $(cat " + p.directory + "/pid)\n");
  return "gnutls,chain=true,file=" + p.directory + "/{name}.ocsp,reload_every=0,reload=/bin/sh " +
         p.directory + "/reload.sh";
}
const ServerRow kGnutls{.name = "gnutls",
                        .program = "gnutls-serv",
                        .command = run_gnutls,
                        .target = chain_target,
                        .good_only = true};

/// A leaf below an intermediate, each with a responder of its own.
class ChainStaples : public TargetsFixture {
 protected:
  ChainStaples() {
    CertificateSpec spec = ca_spec("Watched CA");
    spec.at = now_;
    spec.ocsp_uris = {above_.url()};
    ca_ = std::make_unique<Identity>(issue(pki_.root, spec));
    responder_ = std::make_unique<FaultResponder>(*ca_, ca_->certificate);
    CertificateSpec leaf = leaf_spec("web.example");
    leaf.at = now_;
    leaf.ocsp_uris = {responder_->url()};
    web_ = std::make_unique<Identity>(issue(*ca_, leaf));
    place_.certificate = web_->write(dir_, "web", {ca_->certificate, pki_.root.certificate});
    ::chmod(place_.key.c_str(), 0644);
  }

  static std::string verdict(const std::optional<Buffer>& staple,
                             const pki::Certificate& certificate, const pki::Certificate& issuer) {
    return staple ? verdict_on(*staple, certificate, issuer) : "none";
  }
  /// What a strict client makes of the staples of leaf and intermediate: "good good".
  [[nodiscard]] std::string verdicts() const {
    probe::ProbeRequest request = request_to(probe::Protocol::kTls, place_.port);
    request.host = "web.example";
    const auto seen = probe::probe(request);
    if (!seen) {
      return "no handshake: " + seen.error().detail;
    }
    if (seen->staples.size() < 2) {
      return "no chain";
    }
    return verdict(seen->staples[0], web_->certificate, ca_->certificate) + ' ' +
           verdict(seen->staples[1], ca_->certificate, pki_.root.certificate);
  }

  FaultResponder above_{pki_.root, pki_.root.certificate};
  std::unique_ptr<Identity> ca_;
};

#define PREPARE_OR_SKIP()                                           \
  if (!prepare(kGnutls)) {                                          \
    GTEST_SKIP() << "gnutls-serv is not installed (./run clients)"; \
  }

// req: OCSP-STAP-013 OCSP-STAP-010
TEST_F(ChainStaples, AreServedForLeafAndIntermediateAndBothAreReadBack) {
  PREPARE_OR_SKIP();
  start_both();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(until([&] { return verdicts() == "good good"; })) << verdicts() << stapler_->output();
  // As long as the responders answer there is a newer staple every second, not looked for yet.
  responder_->set(Fault::kAbsent);
  above_.set(Fault::kAbsent);
  EXPECT_TRUE(until([&] {
    const ProcessResult told = status();
    const std::size_t first = told.out.find("  served");
    return told.exit_code == 0 && first != std::string::npos &&
           told.out.find("  served", first + 1) != std::string::npos;
  })) << status().describe();
  EXPECT_THAT(status().out, HasSubstr("web.ca1"));
  EXPECT_EQ(verdicts(), "good good");
}

// req: OCSP-STAP-013
TEST_F(ChainStaples, ARevokedIntermediateIsToldAndLeavesTheLeafsStapleInPlace) {
  PREPARE_OR_SKIP();
  start_both();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE(until([&] { return verdicts() == "good good"; })) << verdicts() << stapler_->output();
  above_.set(Fault::kRevoked);
  EXPECT_TRUE(until([&] { return verdicts() == "good none"; })) << verdicts() << stapler_->output();
  EXPECT_TRUE(until([&] {
    const ProcessResult told = status();
    return told.exit_code == 1 && told.out.find("staples nothing but 'good'") != std::string::npos;
  })) << status().describe();
}

}  // namespace
}  // namespace muster::interop
