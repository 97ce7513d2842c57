#include <algorithm>
#include <array>
#include <set>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/check/target.h"
#include "muster/net/address.h"
#include "muster/pki/md5.h"
#include "muster/stapler/target.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxProbes = 32;
constexpr std::array<std::string_view, 3> kPlaceholders = {"name", "certificate", "md5"};

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

/// What stands in braces and is no placeholder, with them; nothing: all are.
std::optional<std::string> find_stray(std::string_view text) {
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      return std::string(text.substr(open));
    }
    const std::string_view word = text.substr(open + 1, close - open - 1);
    if (std::find(kPlaceholders.begin(), kPlaceholders.end(), word) == kPlaceholders.end()) {
      return std::string(text.substr(open, close + 1 - open));
    }
  }
  return std::nullopt;
}

struct TemplateKey {
  std::string_view key;
  const std::string& value;
};

std::optional<std::string> check_templates(const TargetOptions& target) {
  const TemplateKey keys[] = {{"file", target.file},
                              {"snippet", target.snippet},
                              {"key", target.key},
                              {"secret", target.k8s_secret}};
  for (const auto& [key, value] : keys) {
    if (const auto stray = find_stray(value)) {
      return std::string(key) + ": '" + printable(*stray) +
             "' stands for nothing; {name}, {certificate} and {md5} do";
    }
    if (value.find("{md5}") != std::string::npos && !pki::md5_hex("")) {
      return std::string(key) + ": OpenSSL has no MD5 here (FIPS?), and so no {md5}";
    }
  }
  return std::nullopt;
}

/// A key that only some kinds have.
struct OwnKey {
  std::string_view key;
  bool given;
  bool fits;
  bool needed;
  std::string_view why;  ///< what it is needed for
};

std::optional<std::string> check_keys(const TargetOptions& target, const TargetRow& row) {
  const TargetKind kind = target.kind;
  const bool is_exec = kind == TargetKind::kExec;
  const OwnKey keys[] = {
      {"file", !target.file.empty(), true, !is_exec, "where the staple is written for the server"},
      {"snippet", !target.snippet.empty(), kind == TargetKind::kNginx, kind == TargetKind::kNginx,
       "the file with the ssl_stapling lines that the server block includes: nginx does not start "
       "when its configuration names a staple that is not there"},
      {"key", !target.key.empty(), kind == TargetKind::kEnvoy, kind == TargetKind::kEnvoy,
       "the path of the private key that the secret names (muster does not read it)"},
      {"socket", !target.socket.empty(), kind == TargetKind::kHaproxy, false, ""},
      {"command", !target.command.empty(), is_exec, is_exec, "what is given the staple"},
      {"form", target.form.has_value(), is_exec || kind == TargetKind::kFile, false, ""},
      {"chain", target.chain, kind == TargetKind::kGnutls || kind == TargetKind::kFile, false, ""},
      {"reload", !target.reload.empty(), !is_exec, row.needs_reload,
       "this server reads its staple only when it is told to"},
  };
  for (const OwnKey& k : keys) {
    if (k.given && !k.fits) {
      return "'" + std::string(k.key) + "' means nothing to a target of type \"" +
             std::string(row.word) + "\" (take it out)";
    }
    if (k.needed && !k.given) {
      return "a target of type \"" + std::string(row.word) + "\" needs '" + std::string(k.key) +
             "': " + std::string(k.why);
    }
  }
  if (kind == TargetKind::kHaproxy && target.socket.empty() && target.reload.empty()) {
    return "a target of type \"haproxy\" needs 'socket' (stats socket ... level admin), or "
           "'reload' "
           "where there is none";
  }
  return std::nullopt;
}

std::optional<std::string> check_addresses(const TargetOptions& target) {
  if (target.probe.size() > kMaxProbes) {
    return "probe: at most " + std::to_string(kMaxProbes) + " addresses";
  }
  for (const std::string& address : target.probe) {
    const auto parsed = check::parse_target(address, {});
    if (!parsed) {
      return "probe: " + parsed.error();
    }
    if (!std::holds_alternative<check::HostTarget>(*parsed)) {
      return "probe: '" + printable(address) +
             "' is a file; wanted: host:port, smtp://host:port, unix:/path";
    }
  }
  if (!target.socket.empty()) {
    const auto socket = net::SocketAddress::parse(target.socket);
    if (!socket) {
      return "socket: " + net::to_string(socket.error());
    }
  }
  return std::nullopt;
}

std::optional<std::string> check_one(TargetOptions& target) {
  const TargetRow& row = row_of(target.kind);
  if (!is_plain_name(target.name)) {
    return "name: letters, digits, '.', '-' and '_', at most " + std::to_string(kMaxName);
  }
  if (target.file.empty()) {
    target.file = row.file;
  }
  if (target.reload.empty() && !row.reload.empty()) {
    for (const std::string_view word : split(row.reload, ' ')) {
      target.reload.emplace_back(word);
    }
  }
  if (!target.socket.empty() && target.socket.front() == '/') {
    target.socket.insert(0, "unix:");
  }
  if (auto wrong = check_keys(target, row)) {
    return wrong;
  }
  if (auto wrong = check_templates(target)) {
    return wrong;
  }
  if (target.kind == TargetKind::kKubernetes && !is_k8s_name(target.k8s_namespace)) {
    return "namespace: '" + printable(target.k8s_namespace) + "' is no name of Kubernetes";
  }
  return check_addresses(target);
}

}  // namespace

std::optional<std::string> check_targets(std::vector<TargetOptions>& targets) {
  std::set<std::string> names;
  for (TargetOptions& target : targets) {
    const std::string word(row_of(target.kind).word);
    if (target.name.empty()) {
      target.name = word;
      for (int i = 2; names.contains(target.name); ++i) {
        target.name = word + '-' + std::to_string(i);
      }
    }
    if (auto wrong = check_one(target)) {
      return "target '" + printable(target.name) + "': " + *wrong;
    }
    if (!names.insert(target.name).second) {
      return "two targets are called '" + target.name + "': give one another 'name'";
    }
  }
  return std::nullopt;
}

bool is_k8s_name(std::string_view text) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), inner) &&
         text.front() != '-' && text.front() != '.' && text.back() != '-' && text.back() != '.';
}

bool is_for(const TargetOptions& target, std::string_view certificate_name) {
  // '*' for anything: what is left of the text after the pieces between, in their order.
  const auto fits = [certificate_name](std::string_view pattern) {
    const auto pieces = split(pattern, '*');
    std::string_view rest = certificate_name;
    if (pieces.size() == 1) {
      return rest == pattern;
    }
    if (!rest.starts_with(pieces.front())) {
      return false;
    }
    rest.remove_prefix(pieces.front().size());
    for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
      const std::size_t at = rest.find(pieces[i]);
      if (at == std::string_view::npos) {
        return false;
      }
      rest.remove_prefix(at + pieces[i].size());
    }
    return rest.ends_with(pieces.back());
  };
  return target.certificates.empty() ||
         std::any_of(target.certificates.begin(), target.certificates.end(), fits);
}

std::vector<TargetSubject> target_subjects(const Inventory& inventory) {
  std::vector<TargetSubject> out;
  out.reserve(inventory.entries.size());
  for (const InventoryEntry& entry : inventory.entries) {
    out.push_back({entry.watched.subject, entry.path,
                   entry.is_intermediate ? entry.below : std::vector<std::size_t>()});
  }
  return out;
}

const TargetSubject* find_served(const TargetOptions& target, std::span<const TargetSubject> all,
                                 const TargetSubject& subject) {
  if (subject.below.empty()) {
    return is_for(target, subject.subject.name) ? &subject : nullptr;
  }
  if (!target.chain) {
    return nullptr;
  }
  for (const std::size_t at : subject.below) {
    MUSTER_ASSERT(at < all.size());
    if (all[at].below.empty() && is_for(target, all[at].subject.name)) {
      return &all[at];
    }
  }
  return nullptr;
}

std::string expand_template(std::string_view text, const TargetSubject& subject) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) {
      break;
    }
    const std::size_t close = text.find('}', open);
    const std::string_view word = text.substr(open + 1, close - open - 1);
    out += word == "name" ? subject.subject.name
           : word == "certificate"
               ? subject.path
               : pki::md5_hex(subject.path).value_or("");  // check_targets() tried
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string server_name_of(const pki::Certificate& certificate) {
  constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};  // 2.5.29.17
  const auto value = certificate.extension(kSubjectAltName);
  if (!value) {
    return "";
  }
  // SubjectAltName ::= SEQUENCE OF GeneralName; dNSName is [2] IMPLICIT IA5String.
  der::Reader outer(*value);
  auto inside = outer.enter(der::Tag::kSequence, "subjectAltName");
  der::Reader names = inside ? *inside : der::Reader(Bytes());
  while (!names.at_end()) {
    const auto name = names.read_any("GeneralName");
    if (!name) {
      return "";
    }
    if (name->tag == der::context_primitive(2)) {
      const std::string text(as_text(name->content));
      return text.starts_with("*.") ? "www" + text.substr(1) : text;
    }
  }
  return "";
}

}  // namespace muster::stapler
