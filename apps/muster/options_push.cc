#include "options_push.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>

#include "muster/base/text.h"

namespace muster::app {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

/// One reading of the configuration at a time: the functions without _r are enough.
std::optional<std::uint32_t> find_user(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional<std::uint32_t>(entry->pw_uid);
}
std::optional<std::uint32_t> find_group(const std::string& name) {
  const group* entry = ::getgrnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional<std::uint32_t>(entry->gr_gid);
}

config::ConfigError wrong(const PushClientSettings& of, const char* key, const std::string& text,
                          const std::string& what) {
  return {"[[responder.push.client]] '" + printable(of.client.name) + "' " + key + ": '" +
          printable(text) + "' " + what};
}

/// Names or numbers.
template <class Find>
config::ConfigResult<std::vector<std::uint32_t>> read_ids(const PushClientSettings& of,
                                                          const char* key,
                                                          const std::vector<std::string>& words,
                                                          Find find) {
  std::vector<std::uint32_t> ids;
  for (const std::string& word : words) {
    const auto number = parse_number(word);
    const auto id = number ? number : find(word);
    if (!id) {
      return Err{wrong(of, key, word, "does not exist on this machine")};
    }
    ids.push_back(*id);
  }
  return ids;
}

config::ConfigResult<push::Client> client_of(const PushClientSettings& settings) {
  push::Client client = settings.client;
  MUSTER_TRY(client.uids, read_ids(settings, "users", settings.users, find_user));
  MUSTER_TRY(client.gids, read_ids(settings, "groups", settings.groups, find_group));
  client.may.clear();
  for (const std::string& word : settings.may) {
    const auto kind = push::parse_operation_kind(word);
    if (!kind) {
      return Err{wrong(settings, "may", word, "is none of issue, revoke, hold, unhold, forget")};
    }
    client.may.insert(*kind);
  }
  return client;
}

void bind_client(config::Section& section, PushClientSettings& settings) {
  push::Client& client = settings.client;
  section.text("name", &client.name, "Name in logs and answers.");
  section.texts("users", &settings.users,
                "Users (names or numbers) whose processes may push over the unix socket.");
  section.texts("groups", &settings.groups,
                "Groups, likewise: a process's own group counts, not its supplementary ones.");
  section.texts(
      "certificates", &client.certificates,
      "Client certificates (mutual TLS): \"dns:ca.example\", \"uri:spiffe://...\", \"email:...\", "
      "\"ip:...\" of the subjectAltName, \"subject:CN=...\", or \"sha256:<fingerprint>\".");
  section.texts("issuers", &client.issuers,
                "Labels of the issuers it feeds. They have no other source.");
  section.texts("may", &settings.may,
                "What it may do: \"issue\", \"revoke\", \"hold\", \"unhold\", \"forget\".");
}

}  // namespace

void bind(config::Section& section, PushSettings& s) {
  node::PushOptions& o = s.push;
  section.texts("listen", &o.listen,
                "Addresses of the push API: \"unix:/path\" (peer credentials), TCP (mutual TLS "
                "always). Empty: none.");
  section.text("mark", &o.mark,
               "File that remembers how far the store was when a push was acknowledged, so that a "
               "store restored from an older backup is noticed. Keep it out of that backup. Empty: "
               "beside the store, its name with .mark behind it.");
  bind_tls(section, o.tls);
  section.size("max_request", &s.max_request, 1024, 1 << 20,
               "Longest operation, and longest line of a bulk request.");
  section.integer("batch_lines", &s.batch_lines, 1, 100'000,
                  "Lines of a bulk request in one transaction.");
  section.integer("max_atomic_lines", &s.max_atomic_lines, 1, 10'000'000,
                  "Lines of an all-or-nothing bulk request.");
  section.size("max_atomic", &s.max_atomic, 1024, std::uint64_t{1} << 32,
               "Octets of an all-or-nothing bulk request, which is kept in memory.");
  section.duration("keep_revoked", &o.api.keep_revoked, Seconds(0), Seconds(100LL * 365 * 86400),
                   "How long a revocation is kept behind its certificate's expiry before it may be "
                   "forgotten: it must still be on one regular CRL, and CRLs about CAs come once a "
                   "year.");
  bind_limits(section, o.limits, s.connections);
  section.tables<PushClientSettings>("client", &s.clients, bind_client, "Who may push.");
}

config::ConfigResult<node::PushOptions> push_of(const PushSettings& settings) {
  node::PushOptions push = settings.push;
  for (const PushClientSettings& one : settings.clients) {
    MUSTER_TRY(push::Client client, client_of(one));
    push.clients.push_back(std::move(client));
  }
  take_over(settings.connections, push.limits);
  push.api.max_body_bytes = settings.max_request.bytes;
  push.api.batch_lines = static_cast<std::size_t>(settings.batch_lines);
  push.api.max_atomic_lines = static_cast<std::size_t>(settings.max_atomic_lines);
  push.api.max_atomic_bytes = settings.max_atomic.bytes;
  return push;
}

}  // namespace muster::app
