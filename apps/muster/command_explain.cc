#include <cstdio>
#include <filesystem>

#include "muster/base/text.h"
#include "muster/net/control_fetch.h"
#include "muster/node/explain.h"
#include "responder_flags.h"
#include "show_input.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxInputBytes = 1 << 20;
constexpr std::size_t kMaxShown = 200;  // of an argument that is no request

/// Many a word is base64 of something.
bool begins_like_a_request(Bytes der) {
  constexpr std::uint8_t kSequence = 0x30;
  return !der.empty() && der.front() == kSequence;
}

struct ExplainFlags {
  ResponderFlags responder;
  net::ControlAccess admin;
  std::string request, client;
  bool json = false, load = false;
};

/// DER of the one request that a file, standard input ("-") or the argument itself holds.
Outcome<Buffer> read_request(const std::string& argument) {
  Buffer input = to_buffer(as_bytes(argument));
  std::error_code ignored;
  const bool is_file = argument == "-" || std::filesystem::exists(argument, ignored);
  if (is_file) {
    auto content = read_file(argument, kMaxInputBytes);
    if (!content) {
      return fail(kExitInput, to_string(content.error()));
    }
    input = *std::move(content);
  }
  auto decoded = decode_shown_input(std::move(input));
  if (!decoded && is_file) {
    return fail(kExitInput, printable(argument) + ": " + decoded.error());
  }
  if (!decoded || (!is_file && !begins_like_a_request(decoded->front().der))) {
    return fail(kExitInput,
                "'" + printable(argument.substr(0, kMaxShown)) +
                    "' is no file, and no OCSP request in base64, hexadecimal, PEM or the URL of a "
                    "GET");
  }
  if (decoded->size() != 1 ||
      decoded->front().label.value_or(ShownType::kRequest) != ShownType::kRequest) {
    return fail(kExitInput, "one OCSP request is expected");
  }
  return std::move(decoded->front().der);
}

/// JSON from a running responder.
Outcome<std::string> ask_running(const net::ControlAccess& admin, Buffer request,
                                 const responder::Client& client) {
  net::FetchRequest fetch;
  fetch.post_body = std::move(request);
  fetch.content_type = std::string(ocsp::kRequestMediaType);
  const auto got =
      net::fetch_from(admin, "/explain?client=" + client.address.text(), std::move(fetch));
  if (!got) {
    return fail(kExitInput, "--admin " + admin.address + ": " + got.error().detail);
  }
  return std::string(as_text(got->body));
}

/// JSON from the configured store, or from the sources.
Outcome<std::string> explain_here(const ExplainFlags& flags, Bytes request,
                                  const responder::Client& client) {
  MUSTER_TRY(const Options options, read_options(flags.responder));
  MUSTER_TRY(const OfflineInput input, offline_input(options, flags.load));
  const SystemClock clock;
  const auto logger = make_logger({.level = LogLevel::kWarning, .format = options.log.format});
  const auto explained =
      node::explain_offline(input.node, input.from, request, client, clock, *logger);
  if (!explained) {
    return fail(exit_code_for(explained.error().code), explained.error().detail);
  }
  return node::to_json(*explained);
}

/// Who is to be answered.
Outcome<responder::Client> client_of(const ExplainFlags& flags) {
  if (flags.client.empty() || flags.client == IpAddress().text()) {
    return responder::Client{};
  }
  const auto address = IpAddress::parse(flags.client);
  if (!address) {
    return fail(kExitUsage, "--client " + printable(flags.client) +
                                ": an address such as 192.0.2.7 or 2001:db8::7, or unix");
  }
  return responder::Client{*address};
}

Outcome<Unit> explain(const ExplainFlags& flags) {
  MUSTER_TRY(const responder::Client client, client_of(flags));
  MUSTER_TRY(Buffer request, read_request(flags.request));
  MUSTER_TRY(const std::string json, flags.admin.address.empty()
                                         ? explain_here(flags, request, client)
                                         : ask_running(flags.admin, std::move(request), client));
  const auto text = flags.json ? std::optional(json) : node::explanation_text(json);
  if (!text) {
    return fail(kExitInput, "that is no muster responder: " + printable(json.substr(0, 200)));
  }
  std::fputs(text->c_str(), stdout);
  return Unit{};
}

}  // namespace

int run_explain(int argc, char** argv) {
  CLI::App app("Tells what a responder would answer to an OCSP request, and why.",
               "muster responder explain");
  ExplainFlags flags;
  app.add_option("REQUEST", flags.request,
                 "file (DER, PEM), '-', base64, hexadecimal, or the URL or path of a GET")
      ->required();
  app.add_flag("--json", flags.json, "for programs");
  app.add_option("--client", flags.client,
                 "address of who asks, for rules about clients (default: unix)");
  declare_access_flags(app, "admin",
                       "ask a running responder at its admin address: 8889, 127.0.0.1:8889, "
                       "unix:/path, or a URL",
                       flags.admin);
  app.add_flag("--load", flags.load, "read the sources anew instead of looking into the store");
  declare_issuer_flags(app, flags.responder);
  app.footer(
      "Without --admin the configuration is judged here: records come from the configured store "
      "(read-only), or from\n"
      "the sources, loaded aside, when there is none. Nothing is signed or counted.\n"
      "Exit codes: 0 explained, 64 usage, 66 unreadable or unfit input, 70 internal.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = explain(flags); !done) {
    std::fprintf(stderr, "muster responder explain: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
