#include "targets_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "muster/base/file.h"

namespace muster::interop {

using namespace muster::testing;

namespace {

void save(const std::string& path, const std::string& text) {
  ASSERT_TRUE(write_file_atomically(path, as_bytes(text)));
}

std::string read(const std::string& path) {
  const auto content = read_file(path, 1 << 20);
  return content ? std::string(as_text(*content)) : "";
}

// ---- the servers

std::vector<std::string> nginx_command(const ServerPlace& p, const std::string& program) {
  std::string temp;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temp += std::string(kind) + "_temp_path " + p.directory + "/" + kind + ";\n";
  }
  save(p.directory + "/nginx.conf",
       "daemon off;\nworker_processes 2;\npid " + p.directory + "/nginx.pid;\nerror_log " +
           p.directory + "/error.log info;\nevents {}\nhttp {\naccess_log off;\n" + temp +
           "server {\n  listen 127.0.0.1:" + std::to_string(p.port) +
           " ssl;\n  server_name web.example;\n  ssl_certificate " + p.certificate +
           ";\n  ssl_certificate_key " + p.key + ";\n  include " + p.directory +
           "/web.con[f];\n  location / { return 200 \"hello\"; }\n}\n}\n");
  return {program, "-c", p.directory + "/nginx.conf", "-e", p.directory + "/error.log"};
}
std::string nginx_target(const ServerPlace& p) {
  return "nginx,file=" + p.staple + ",snippet=" + p.snippet + ",reload_every=0,reload=nginx -c " +
         p.directory + "/nginx.conf -e " + p.directory + "/error.log -s reload";
}

std::vector<std::string> haproxy_command(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/haproxy.cfg",
       "global\n  stats socket " + p.directory +
           "/admin.sock mode 600 level admin\ndefaults\n  mode http\n  timeout connect 5s\n  "
           "timeout client 5s\n  timeout server 5s\nfrontend web\n  bind 127.0.0.1:" +
           std::to_string(p.port) + " ssl crt " + p.both + "\n  http-request return status 200\n");
  return {program, "-f", p.directory + "/haproxy.cfg", "-db"};
}
std::string haproxy_target(const ServerPlace& p) {
  return "haproxy,socket=" + p.directory + "/admin.sock";
}

std::vector<std::string> hitch_command(const ServerPlace& p, const std::string& program) {
  const bool root = ::geteuid() == 0;
  save(p.directory + "/hitch.conf", "frontend = \"[127.0.0.1]:" + std::to_string(p.port) +
                                        "\"\nbackend = \"[127.0.0.1]:9\"\n" +
                                        (root ? "user = \"nobody\"\ngroup = \"nogroup\"\n" : "") +
                                        "daemon = off\nworkers = 1\nlog-level = 1\nocsp-dir = \"" +
                                        p.directory + "\"\npem-file = \"" + p.both + "\"\n");
  return {program, "--config", p.directory + "/hitch.conf"};
}
std::string hitch_target(const ServerPlace& p) { return "hitch,file=" + p.directory + "/{md5}"; }

std::vector<std::string> exim_command(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/exim.conf",
       "pid_file_path = " + p.directory + "/pid\nlog_file_path = " + p.directory +
           "/%slog\nspool_directory = " + p.directory +
           "\nprimary_hostname = web.example\nkeep_environment =\nacl_smtp_rcpt = deny\n"
           "tls_advertise_hosts = *\ntls_certificate = " +
           p.certificate + "\ntls_privatekey = " + p.key + "\ntls_ocsp_file = ${if exists{" +
           p.staple + "}{" + p.staple + "}}\n");
  return {program, "-bdf",
          "-C",    p.directory + "/exim.conf",
          "-oX",   "127.0.0.1." + std::to_string(p.port)};
}
std::string exim_target(const ServerPlace& p) { return "exim,file=" + p.staple; }

/// By itself it looks at its file once in 64 s: for a staple when it has none, for a newer one when
/// the one it has ends within 256 s; and it goes on with one that has ended until it looks. A
/// reload (SIGUSR1, as Debian's unit has it) reads the file at once, on the same sockets.
std::vector<std::string> lighttpd_command(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/lighttpd.conf",
       "server.document-root = \"" + p.directory +
           "\"\nserver.bind = \"127.0.0.1\"\nserver.port = " + std::to_string(p.port) +
           "\nserver.modules += (\"mod_openssl\")\nssl.engine = \"enable\"\nssl.pemfile = \"" +
           p.certificate + "\"\nssl.privkey = \"" + p.key + "\"\nssl.stapling-file = \"" +
           p.staple + "\"\n");
  save(p.directory + "/run.sh", "echo $$ >" + p.directory + "/pid\nexec " + program + " -D -f " +
                                    p.directory + "/lighttpd.conf\n");
  return {"/bin/sh", p.directory + "/run.sh"};
}
std::string lighttpd_target(const ServerPlace& p) {
  save(p.directory + "/reload.sh", "kill -USR1 $(cat " + p.directory + "/pid)\n");
  return "lighttpd,file=" + p.staple + ",reload_every=0,reload=/bin/sh " + p.directory +
         "/reload.sh";
}

/// Reads its staple when it starts, so a shell starts it again whenever it ends.
std::vector<std::string> gnutls_command(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/run.sh",
       "while :; do\n  staple=\n  [ -s " + p.staple + " ] && staple=--ocsp-response=" + p.staple +
           "\n  " + program + " --quiet --disable-client-cert --port " + std::to_string(p.port) +
           " --x509certfile " + p.certificate + " --x509keyfile " + p.key +
           " $staple </dev/null >/dev/null 2>&1 &\n  echo $! >" + p.directory +
           "/pid\n  wait $!\ndone\n");
  return {"/bin/sh", p.directory + "/run.sh"};
}
std::string gnutls_target(const ServerPlace& p) {
  save(p.directory + "/reload.sh", "kill $(cat " + p.directory + "/pid)\n");
  return "gnutls,file=" + p.staple + ",reload_every=0,reload=/bin/sh " + p.directory + "/reload.sh";
}

/// Newer staples by its console; it refuses to start with a file that is not there, and keeps what
/// it has when the file goes, so that it is started anew for the first and for none.
std::vector<std::string> dnsdist_command(const ServerPlace& p, const std::string& program) {
  const std::string config = p.directory + "/dnsdist.conf";
  save(config,
       "setSecurityPollSuffix(\"\")\nsetKey(\"MXNeLFWHUe4363BBKrY06cAsH8NWNb+Se2eXU5+Bb74=\")\n"
       "controlSocket(\"127.0.0.1:" +
           std::to_string(p.other_port) + "\")\nsetLocal(\"127.0.0.1:0\")\nlocal f = io.open(\"" +
           p.staple + "\")\nlocal options = {}\nif f then f:close() options.ocspResponses = {\"" +
           p.staple + "\"} end\naddTLSLocal(\"127.0.0.1:" + std::to_string(p.port) + "\", \"" +
           p.certificate + "\", \"" + p.key + "\", options)\n");
  save(p.directory + "/run.sh", "while :; do\n  " + program + " --supervised --disable-syslog -C " +
                                    config + " </dev/null &\n  echo $! >" + p.directory +
                                    "/pid\n  wait $!\ndone\n");
  return {"/bin/sh", p.directory + "/run.sh"};
}
std::string dnsdist_target(const ServerPlace& p) {
  save(p.directory + "/reload.sh", "case $MUSTER_EVENTS in\n*first* | *none*) kill $(cat " +
                                       p.directory + "/pid) ;;\n*) dnsdist -C " + p.directory +
                                       "/dnsdist.conf -e 'reloadAllCertificates()' ;;\nesac\n");
  return "dnsdist,file=" + p.staple + ",reload_every=0,reload=/bin/sh " + p.directory +
         "/reload.sh";
}

std::vector<std::string> openssl_command(const ServerPlace& p, const std::string& program) {
  save(p.directory + "/run.sh",
       "while :; do\n  staple=\n  [ -s " + p.staple + " ] && staple=\"-status_file " + p.staple +
           "\"\n  " + program + " s_server -quiet -accept 127.0.0.1:" + std::to_string(p.port) +
           " -cert_chain " + p.certificate + " -cert " + p.certificate + " -key " + p.key +
           " $staple </dev/null >/dev/null 2>&1 &\n  echo $! >" + p.directory +
           "/pid\n  wait $!\ndone\n");
  return {"/bin/sh", p.directory + "/run.sh"};
}
std::string exec_target(const ServerPlace& p) {
  save(p.directory + "/push.sh", "if [ \"$MUSTER_EVENT\" = none ]; then rm -f " + p.staple +
                                     "; else cat >" + p.staple + ".new && mv " + p.staple +
                                     ".new " + p.staple + "; fi\nkill $(cat " + p.directory +
                                     "/pid)\n");
  return "exec,command=/bin/sh " + p.directory + "/push.sh";
}

const std::string& both(const ServerPlace& p) { return p.both; }

}  // namespace

std::string muster_binary() {
  const char* path = std::getenv("MUSTER_BINARY");
  return path != nullptr ? path : "muster";
}

std::vector<ServerRow> server_rows() {
  return {
      {.name = "nginx",
       .program = "nginx",
       .command = nginx_command,
       .target = nginx_target,
       .reloads = true},
      {.name = "haproxy",
       .program = "haproxy",
       .command = haproxy_command,
       .target = haproxy_target,
       .margin = Seconds(300),
       .inventory = both},
      {.name = "hitch",
       .program = "hitch",
       .command = hitch_command,
       .target = hitch_target,
       // After SIGHUP hitch has no staple until its file is touched: the read-back has it
       // handed over again.
       .good_only = true,
       .inventory = both},
      {.name = "exim",
       .program = "exim4",
       .needs_root = true,
       .protocol = probe::Protocol::kSmtp,
       .command = exim_command,
       .target = exim_target,
       .good_only = true},
      {.name = "lighttpd",
       .program = "lighttpd",
       .command = lighttpd_command,
       .target = lighttpd_target},
      {.name = "gnutls",
       .program = "gnutls-serv",
       .command = gnutls_command,
       .target = gnutls_target,
       .good_only = true},
      {.name = "dnsdist",
       .program = "dnsdist",
       .command = dnsdist_command,
       .target = dnsdist_target,
       .good_only = true},
      {.name = "exec", .program = "openssl", .command = openssl_command, .target = exec_target},
  };
}

TargetsFixture::TargetsFixture() { set_validity(Seconds(3600)); }

void TargetsFixture::set_validity(Seconds validity) {
  responder_ =
      std::make_unique<FaultResponder>(pki_.ocsp_signer, pki_.intermediate.certificate, validity);
  CertificateSpec spec = leaf_spec("web.example");
  spec.at = now_;
  spec.ocsp_uris = {responder_->url()};
  web_ = std::make_unique<Identity>(issue(pki_.intermediate, spec));
  place_.certificate = web_->write(dir_, "web", {pki_.intermediate.certificate});
  place_.key = dir_.file("web.key");
  ::chmod(place_.key.c_str(), 0644);
  place_.both = write("web.both.pem", read(place_.certificate) + web_->key_pem);
}

bool TargetsFixture::prepare(const ServerRow& row) {
  row_ = &row;
  const auto found = find_program(row.program);
  if (!found || (row.needs_root && !is_root())) {
    return false;
  }
  program_ = *found;
  place_.directory = open_directory("server");
  place_.staple = place_.directory + "/web.ocsp";
  place_.snippet = place_.directory + "/web.conf";
  return true;
}

void TargetsFixture::start_server() {
  start(1, [this](const Ports& ports) {
    place_.port = ports.front();
    place_.other_port = unused_port();
    return row_->command(place_, program_);
  });
}

void TargetsFixture::start_both() {
  start_server();
  ASSERT_FALSE(HasFatalFailure());
  start_stapler();
}

void TargetsFixture::stop_server(int signal) { daemon_->stop(signal); }

void TargetsFixture::start_again() {
  daemon_ = std::make_unique<Daemon>(row_->command(place_, program_));
}

std::vector<std::string> TargetsFixture::stapler_command() const {
  const std::string scheme = row_->protocol == probe::Protocol::kTls
                                 ? ""
                                 : std::string(probe::to_string(row_->protocol)) + "://";
  return {muster_binary(),
          "stapler",
          "--shelf",
          dir_.file("shelf"),
          "--cert",
          row_->inventory(place_),
          "--refresh",
          "1s",
          "--target",
          row_->target(place_) + ",probe=" + scheme + "127.0.0.1:" + std::to_string(place_.port) +
              ",probe_every=1s"};
}

void TargetsFixture::start_stapler() {
  stapler_ = std::make_unique<Daemon>(stapler_command());
  ASSERT_TRUE(stapler_->wait_for("ready: ", Milliseconds(30'000))) << stapler_->output();
}

std::string TargetsFixture::handshake() {
  probe::ProbeRequest request = request_to(row_->protocol, place_.port);
  request.host = "web.example";
  const auto result = probe::probe(request);
  if (!result) {
    return "no handshake: " + result.error().detail;
  }
  seen_ = result->staple;
  return seen_ ? verdict_on(*seen_, web_->certificate, pki_.intermediate.certificate) : "none";
}

ProcessResult TargetsFixture::status() const {
  return run_process({muster_binary(), "stapler", "status", "--shelf", dir_.file("shelf")});
}

}  // namespace muster::interop
