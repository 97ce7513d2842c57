#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "muster/keeper/plan.h"
#include "muster/keeper/shelf.h"
#include "muster/stapler/hook.h"
#include "muster/stapler/inventory.h"

// What a target is: a TLS server that is handed staples and asked whether it serves them (decision
// 050). Servers that differ only in values are rows.
namespace muster::stapler {

enum class TargetKind : std::uint8_t {
  kFile,  ///< any program that reads a file
  kNginx,
  kHaproxy,
  kHitch,
  kLighttpd,
  kExim,
  kDnsdist,
  kGnutls,
  kEnvoy,
  kKubernetes,
  kExec,
};

/// What is written, or given to a command.
enum class Form : std::uint8_t {
  kDer,
  kPem,     ///< "OCSP RESPONSE", as GnuTLS and Exim read it
  kSecret,  ///< Kubernetes Secret with `tls.ocsp-staple`, JSON
  kSds,     ///< Envoy's secret discovery resource, JSON
};
/// "der", "pem", "secret", "sds".
std::span<const std::string_view> form_words();

/// How a file says that there is no staple.
enum class Empty : std::uint8_t {
  kRemove,    ///< it is not there
  kEmptied,   ///< it is there, without an octet
  kDocument,  ///< a document without the staple
};

/// How one kind of server is handed staples. All that differs in values stands here.
struct TargetRow {
  TargetKind kind;
  std::string_view word;         ///< in the configuration: "nginx"
  std::string_view server;       ///< in sentences: "nginx"
  std::string_view file = "";    ///< template when none is given; empty: it must be given
  std::string_view reload = "";  ///< command when none is given; words between blanks
  /// The server reads its files only when it is told to (or started).
  bool needs_reload = false;
  Form form = Form::kDer;
  Empty empty = Empty::kRemove;
  /// Larger staples it cannot take. (What no server was found to limit, this limits.)
  std::size_t most_bytes = 64 * 1024;
  Seconds least_life{0};       ///< staples that end sooner it refuses, and drops
  bool good_only = false;      ///< it staples nothing but "good"
  bool single_only = false;    ///< it refuses responses with several entries or no nextUpdate
  bool sha1_only = false;      ///< it finds its certificate by a SHA-1 CertID only
  bool drops_expired = false;  ///< it stops by itself: at nextUpdate, or when it looks next
  Seconds settle{10};          ///< how long after a delivery the port may not show it yet
  Seconds keeps{0};            ///< how long it may go on with the one before while that is valid
};
std::span<const TargetRow> target_rows();
const TargetRow& row_of(TargetKind kind);
/// By its word; null: there is no such kind.
const TargetRow* find_row(std::string_view word);

/// One [[stapler.target]] as the operator wrote it.
struct TargetOptions {
  std::string name{};  ///< in logs and status; empty: made from the kind
  TargetKind kind = TargetKind::kFile;
  std::vector<std::string> certificates{};  ///< names, '*' stands for anything; empty: all
  std::string file{};                       ///< see expand_template()
  std::string snippet{};                    ///< nginx: the same for the piece of configuration
  std::string key{};                        ///< envoy: the same for the private key's path
  std::string socket{};                     ///< haproxy: runtime socket, path or host:port
  std::vector<std::string> command{};       ///< exec
  std::optional<Form> form{};               ///< file, exec: what it is given
  std::string k8s_namespace = "default";    ///< kubernetes
  std::string k8s_secret = "{name}";        ///< kubernetes: name of the Secret, a template
  std::vector<std::string> reload{};        ///< program and arguments; empty: the row's
  Seconds reload_every{60};                 ///< least time between two runs of it
  Seconds timeout{10};                      ///< for a socket's answer, a command, a reload
  std::vector<std::string> probe{};         ///< addresses that are read back; empty: none
  std::string server_name{};                ///< for SNI; empty: the certificate's first DNS name
  bool chain = false;                       ///< gnutls, file: also for intermediates
  Seconds probe_every{900};

  friend bool operator==(const TargetOptions&, const TargetOptions&) = default;
};

/// A certificate as a target sees it.
struct TargetSubject {
  keeper::Subject subject;
  std::string path;  ///< file of the inventory it was read from
  /// Of an intermediate: positions among all subjects of the certificates that it stands above.
  /// Empty: a server has it as its own.
  std::vector<std::size_t> below{};
  /// Of an intermediate at a target: the server's own certificate, behind which it is sent.
  std::optional<pki::Certificate> served_with{};

  /// What a handshake is made for and begins with.
  [[nodiscard]] const pki::Certificate& own_certificate() const {
    return served_with ? *served_with : subject.certificate;
  }
};
/// All of an inventory, in its order.
std::vector<TargetSubject> target_subjects(const Inventory& inventory);

/// What is wrong with these options, in one sentence that says what to do; nothing: they fit.
/// Names that are empty are filled in; two targets of one name are wrong.
std::optional<std::string> check_targets(std::vector<TargetOptions>& targets);
/// `plan` with what these targets demand of it: the end of a window of which their servers make no
/// use does not count.
keeper::PlanPolicy plan_for(keeper::PlanPolicy plan, const std::vector<TargetOptions>& targets);
/// And for the shelf: what a server lets go of by a reload, or by what a command of the operator's
/// does, is off offer a little before its end.
keeper::ShelfPolicy shelf_for(keeper::ShelfPolicy policy, const std::vector<TargetOptions>& targets,
                              const HookOptions& hook);

/// Whether the target serves a certificate of this name.
bool is_for(const TargetOptions& target, std::string_view certificate_name);

/// Which of `all` the target's server presents as its own where it staples for `subject`, one of
/// them too: itself; for an intermediate, where the target takes whole chains, the first that it
/// stands above and that the target is for. Null: `subject` is not handed over.
const TargetSubject* find_served(const TargetOptions& target, std::span<const TargetSubject> all,
                                 const TargetSubject& subject);

/// `{name}` becomes the certificate's name, `{certificate}` the path of its file, `{md5}` the MD5
/// of that path in hexadecimal (what hitch calls its files). check_targets() saw to it that there
/// is nothing else in braces.
std::string expand_template(std::string_view text, const TargetSubject& subject);

/// Whether Kubernetes takes it for the name of a Secret (a subdomain of RFC 1123).
bool is_k8s_name(std::string_view text);

/// The first DNS name of a certificate, a wildcard's '*' made a label; empty: it has none.
std::string server_name_of(const pki::Certificate& certificate);

/// Why this server would not take or serve the staple, in words; nothing: it would.
std::optional<std::string> find_obstacle(const TargetRow& row, const keeper::Staple& staple,
                                         UnixSeconds now);

}  // namespace muster::stapler
