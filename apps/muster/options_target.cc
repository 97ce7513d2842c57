#include "options_target.h"

#include <algorithm>
#include <map>

#include "muster/base/text.h"

namespace muster::app {
namespace {

constexpr Seconds kDay{86400};

std::vector<std::string_view> kind_words() {
  std::vector<std::string_view> words;
  for (const stapler::TargetRow& row : stapler::target_rows()) {
    words.push_back(row.word);
  }
  return words;
}

/// "..." of TOML.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

/// How a key's values stand in the flag.
enum class Values : std::uint8_t { kOne, kTruth, kRepeated, kWords };
Values values_of(std::string_view key) {
  if (key == "certificates" || key == "probe") {
    return Values::kRepeated;
  }
  if (key == "chain") {
    return Values::kTruth;
  }
  return key == "reload" || key == "command" ? Values::kWords : Values::kOne;
}

struct FlagBinding {
  std::vector<stapler::TargetOptions> targets;
};

}  // namespace

void bind_target(config::Section& section, stapler::TargetOptions& target) {
  section.choice(
      "type", kind_words(), 0,
      [&target](std::size_t i) { target.kind = stapler::target_rows()[i].kind; },
      "What kind of server it is; docs/howto has a page for each.");
  section.text("name", &target.name, "Name in logs and status. Empty: the type.");
  section.texts("certificates", &target.certificates,
                "Names of the certificates it serves; '*' stands for anything. Empty: all.");
  section.text("file", &target.file,
               "Where the staple is written: {name} is the certificate's name, {certificate} the "
               "path of its file, {md5} the MD5 of that path. Has a default for haproxy "
               "({certificate}.ocsp) and hitch (/var/lib/hitch/{md5}).");
  section.text("snippet", &target.snippet,
               "nginx: file with the ssl_stapling lines, for the server block to include; it says "
               "\"off\" while there is no valid staple. The same words in braces.");
  section.text("key", &target.key, "envoy: path of the private key that the secret names.");
  section.text("socket", &target.socket,
               "haproxy: its runtime socket (stats socket ... level admin), a path or host:port.");
  section.texts("command", &target.command,
                "exec: program and arguments, run without a shell for each new staple, which it "
                "finds on its standard input and in MUSTER_STAPLE (docs/howto/staples-exec.md).");
  section.choice(
      "form", {"der", "pem", "secret", "sds"}, 0,
      [&target](std::size_t i) { target.form = static_cast<stapler::Form>(i); },
      "file, exec: what is given: DER, PEM, a Kubernetes Secret or an Envoy resource.");
  section.flag("chain", &target.chain,
               "gnutls, file: the staples of the intermediates are written too, each into a file "
               "of its own, for servers that staple for whole chains (docs/operating/chains.md).");
  section.text("namespace", &target.k8s_namespace, "kubernetes: of the Secret.");
  section.text("secret", &target.k8s_secret, "kubernetes: name of the Secret, which exists.");
  section.texts("reload", &target.reload,
                "Program and arguments, run without a shell, that make the server read its files "
                "again. nginx: [\"nginx\", \"-s\", \"reload\"] when empty.");
  section.duration("reload_every", &target.reload_every, Seconds(0), kDay,
                   "Least time between two runs of it, for many certificates in one; what cannot "
                   "wait does not.");
  section.duration("timeout", &target.timeout, Seconds(1), Seconds(600),
                   "For an answer of the socket, a command, a reload.");
  section.texts("probe", &target.probe,
                "Addresses that are looked at with a handshake of their own after each delivery "
                "and at intervals: \"127.0.0.1:443\", \"smtp://mail.example:25\", "
                "\"unix:/run/x\".");
  section.text("server_name", &target.server_name,
               "Name asked for in these handshakes. Empty: the certificate's first DNS name.");
  section.duration("probe_every", &target.probe_every, Seconds(1), kDay,
                   "How often they are looked at when all is well.");
}

Result<stapler::TargetOptions, std::string> parse_target_flag(const std::string& text) {
  const auto parts = split(text, ',');
  const std::vector<std::string_view> kinds = kind_words();
  if (std::find(kinds.begin(), kinds.end(), parts.front()) == kinds.end()) {
    const std::string_view guess = closest_match(parts.front(), kinds);
    std::string all;
    for (const std::string_view kind : kinds) {
      all += (all.empty() ? "" : ", ") + std::string(kind);
    }
    return Err{"--target '" + printable(text) + "': no type '" + printable(parts.front()) + "' (" +
               (guess.empty() ? "it begins with one of " + all
                              : "did you mean '" + std::string(guess) + "'?") +
               ")"};
  }
  std::string toml = "[[target]]\ntype = " + in_quotes(parts.front()) + '\n';
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const std::string key(parts[i].substr(0, equals));
    const bool is_key = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_';
    });
    if (equals == std::string_view::npos || !is_key) {
      return Err{"--target '" + printable(text) + "': '" + printable(parts[i]) +
                 "' is not KEY=VALUE"};
    }
    const std::string_view value = parts[i].substr(equals + 1);
    switch (values_of(key)) {
      case Values::kOne:
        toml += key + " = " + in_quotes(value) + '\n';
        break;
      case Values::kTruth: {
        const bool is_one = value == "true" || value == "false";
        toml += key + " = " + (is_one ? std::string(value) : in_quotes(value)) + '\n';
        break;
      }
      case Values::kRepeated:
        lists[key].emplace_back(value);
        break;
      case Values::kWords:
        for (const std::string_view word : split(value, ' ')) {
          lists[key].emplace_back(word);
        }
    }
  }
  for (const auto& [key, values] : lists) {
    toml += key + " = [";
    for (const std::string& value : values) {
      toml += in_quotes(value) + ", ";
    }
    toml += "]\n";
  }
  FlagBinding found;
  config::Section root;
  root.tables<stapler::TargetOptions>("target", &found.targets, bind_target, "");
  if (const auto parsed = config::parse(toml, "--target", root); !parsed) {
    return Err{parsed.error().message};
  }
  return std::move(found.targets.front());
}

}  // namespace muster::app
