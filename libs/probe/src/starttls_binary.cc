#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "muster/base/text.h"
#include "starttls_machines.h"

// LDAP, PostgreSQL and MySQL: messages that tell their length.
namespace muster::probe {
namespace {

// ---- LDAP -------------------------------------------------------------------------------------

constexpr std::string_view kStartTlsOid = "1.3.6.1.4.1.1466.20037";
constexpr std::string_view kDisconnectionOid = "1.3.6.1.4.1.1466.20036";

enum Tag : std::uint8_t {
  kInteger = 0x02,
  kOctetString = 0x04,
  kEnumerated = 0x0a,
  kSequence = 0x30,
  kExtendedResponse = 0x78,
  kResponseName = 0x8a,
};

struct Element {
  std::uint8_t tag = 0;
  std::string_view content;
  std::size_t size = 0;  ///< of all its octets, also when they are not all there yet
};
enum class BerErrc : std::uint8_t { kIncomplete, kMalformed };

/// One element of BER as LDAP restricts it: definite lengths (RFC 4511 section 5.1), which need not
/// be the shortest (Active Directory writes four octets always), so that the strict DER reader is
/// no help.
Result<Element, BerErrc> read_element(std::string_view from) {
  const auto octet = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(from[i]));
  };
  if (from.size() < 2) {
    return Err{BerErrc::kIncomplete};
  }
  std::size_t header = 2;
  std::size_t size = octet(1);
  if (size >= 0x80) {
    const std::size_t count = size & 0x7f;
    if (count == 0 || count > 4) {
      return Err{BerErrc::kMalformed};
    }
    header += count;
    if (from.size() < header) {
      return Err{BerErrc::kIncomplete};
    }
    size = 0;
    for (std::size_t i = 2; i < header; ++i) {
      size = size << 8 | octet(i);
    }
  }
  Element element{static_cast<std::uint8_t>(octet(0)), from.substr(header), header + size};
  element.content = element.content.substr(0, size);
  return element;
}

/// Takes the first element of `from` when it has that tag and is whole.
std::optional<std::string_view> take_element(std::string_view& from, Tag tag) {
  const auto element = read_element(from);
  if (!element || element->tag != tag || element->size > from.size()) {
    return std::nullopt;
  }
  from.remove_prefix(element->size);
  return element->content;
}

/// Small numbers are all that is wanted: message identifiers up to 1 and result codes.
std::optional<unsigned> small_number(std::optional<std::string_view> content) {
  if (!content || content->size() > 2 || content->empty() || ((*content)[0] & 0x80) != 0) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char c : *content) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

/// ExtendedResponse ::= [APPLICATION 24] SEQUENCE { COMPONENTS OF LDAPResult,
///      responseName [10] LDAPOID OPTIONAL, responseValue [11] OCTET STRING OPTIONAL }
struct ExtendedResponse {
  unsigned message_id = 0;
  unsigned result = 0;
  std::string_view message;
  std::string_view name;
};
/// Of the content of an LDAPMessage: messageID, protocolOp, controls [0] OPTIONAL.
std::optional<ExtendedResponse> parse_extended_response(std::string_view message) {
  ExtendedResponse response;
  const auto id = small_number(take_element(message, kInteger));
  auto body = take_element(message, kExtendedResponse);
  if (!id || !body) {
    return std::nullopt;
  }
  const auto result = small_number(take_element(*body, kEnumerated));
  const auto matched = take_element(*body, kOctetString);
  const auto text = take_element(*body, kOctetString);
  if (!result || !matched || !text) {
    return std::nullopt;
  }
  response.message_id = *id;
  response.result = *result;
  response.message = *text;
  while (!body->empty()) {
    const auto element = read_element(*body);
    if (!element || element->size > body->size()) {
      return std::nullopt;
    }
    if (element->tag == kResponseName) {
      response.name = element->content;
    }
    body->remove_prefix(element->size);
  }
  return response;
}

/// RFC 4511 appendix A: those that an answer to StartTLS may have.
std::string result_text(unsigned result) {
  constexpr std::array<std::pair<unsigned, std::string_view>, 10> kNames{
      {{1, "operationsError"},
       {2, "protocolError"},
       {8, "strongerAuthRequired"},
       {10, "referral"},
       {13, "confidentialityRequired"},
       {50, "insufficientAccessRights"},
       {51, "busy"},
       {52, "unavailable"},
       {53, "unwillingToPerform"},
       {80, "other"}}};
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return n.first == result; });
  const std::string number = std::to_string(result);
  return found == kNames.end() ? "result " + number
                               : std::string(found->second) + " (" + number + ")";
}

class Ldap final : public StartTls {
 public:
  Ldap() : StartTls(Protocol::kLdap) {}

  std::string begin() override {
    // LDAPMessage { messageID 1, extendedReq [APPLICATION 23] { requestName [0] } }
    std::string request("\x30\x1d\x02\x01\x01\x77\x18\x80\x16", 9);
    request += kStartTlsOid;
    return request;
  }
  [[nodiscard]] std::string_view awaited() const override {
    return "the answer to the StartTLS operation";
  }

 private:
  Result<Turn, ProbeError> next(std::string_view pending) override {
    if (pending[0] != kSequence) {
      return not_protocol(pending);
    }
    const auto message = read_element(pending);
    if (!message) {
      return message.error() == BerErrc::kIncomplete ? Result<Turn, ProbeError>(Turn{})
                                                     : not_protocol(pending);
    }
    if (message->size > kMaxStartTlsUnit) {
      return too_large("a message");
    }
    if (message->size > pending.size()) {
      return Turn{};
    }
    const auto response = parse_extended_response(message->content);
    if (!response) {
      return not_protocol(pending);
    }
    const std::string why = result_text(response->result) +
                            (response->message.empty() ? "" : ", " + in_quotes(response->message));
    if (response->message_id == 0 && response->name == kDisconnectionOid) {
      return fail(ProbeErrc::kNoStartTls, "the server ends the session: " + why);
    }
    if (response->message_id != 1 || (!response->name.empty() && response->name != kStartTlsOid)) {
      return fail(ProbeErrc::kNotProtocol, "the server answers what was not asked");
    }
    if (response->result != 0) {
      return fail(ProbeErrc::kNoStartTls, "the server refuses StartTLS: " + why);
    }
    return Turn{message->size, {{}, true}};
  }
};

// ---- PostgreSQL -------------------------------------------------------------------------------

class Postgres final : public StartTls {
 public:
  Postgres() : StartTls(Protocol::kPostgres) {}

  std::string begin() override {
    return std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8);  // SSLRequest: its length, 80877103
  }
  [[nodiscard]] std::string_view awaited() const override { return "the answer to SSLRequest"; }

 private:
  Result<Turn, ProbeError> next(std::string_view pending) override {
    switch (pending[0]) {
      case 'S':
        return Turn{1, {{}, true}};
      case 'N':
        return fail(ProbeErrc::kNoStartTls,
                    "the server does not offer TLS here (ssl = off, or a unix socket)");
      case 'E':  // its text would be shown to people without any proof of who wrote it
        return fail(ProbeErrc::kNoStartTls, "the server answers SSLRequest with an error");
      default:
        return not_protocol(pending);
    }
  }
};

// ---- MySQL ------------------------------------------------------------------------------------

class Mysql final : public StartTls {
 public:
  Mysql() : StartTls(Protocol::kMysql) {}

  [[nodiscard]] std::string_view awaited() const override { return "the greeting"; }

 private:
  static constexpr std::size_t kHeader = 4;  ///< three octets of length, one of sequence
  static constexpr std::uint32_t kClientProtocol41 = 0x00000200;
  static constexpr std::uint32_t kClientSsl = 0x00000800;
  static constexpr std::uint32_t kClientSecureConnection = 0x00008000;
  static constexpr std::uint32_t kClientPluginAuth = 0x00080000;

  static std::uint32_t little_endian(std::string_view octets) {
    std::uint32_t value = 0;
    for (std::size_t i = octets.size(); i-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(octets[i]);
    }
    return value;
  }

  Result<Turn, ProbeError> next(std::string_view pending) override {
    // What is no greeting is told before its length, which then means nothing, is believed: packet
    // 0 of protocol 10, or an error.
    const auto differs = [&](std::size_t at, std::string_view any_of) {
      return pending.size() > at && any_of.find(pending[at]) == std::string_view::npos;
    };
    if (differs(2, std::string_view("\0", 1)) || differs(3, std::string_view("\0", 1)) ||
        differs(kHeader, "\x0a\xff")) {
      return not_protocol(pending);
    }
    if (pending.size() < kHeader) {
      return Turn{};
    }
    const std::size_t size = kHeader + little_endian(pending.substr(0, 3));
    if (size > kMaxStartTlsUnit) {
      return too_large("a packet");
    }
    if (pending.size() < size) {
      return Turn{};
    }
    const std::string_view payload = pending.substr(kHeader, size - kHeader);
    if (payload.starts_with('\xff')) {
      return refused(payload);
    }
    // Protocol::HandshakeV10: version, server version and NUL, thread id (4), scramble (8), filler
    // (1), lower half of the capabilities (2)
    const std::size_t name_end = payload.find('\0');
    const std::size_t capabilities_at = name_end + 1 + 4 + 8 + 1;
    if (name_end == std::string_view::npos || payload.size() < capabilities_at + 2) {
      return not_protocol(pending);
    }
    if ((little_endian(payload.substr(capabilities_at, 2)) & kClientSsl) == 0) {
      return fail(ProbeErrc::kNoStartTls, "the greeting does not offer TLS (CLIENT_SSL)");
    }
    return Turn{size, {ssl_request(), true}};  // no answer: TLS begins behind the request
  }

  [[nodiscard]] Err<ProbeError> refused(std::string_view payload) const {
    // ERR_Packet: 0xff, code (2), and from protocol 4.1 on '#' with five octets of state
    std::string_view text = payload.substr(std::min<std::size_t>(3, payload.size()));
    if (text.starts_with('#')) {
      text.remove_prefix(std::min<std::size_t>(6, text.size()));
    }
    return fail(ProbeErrc::kNoStartTls, "the server refuses service: error " +
                                            std::to_string(little_endian(payload.substr(1, 2))) +
                                            ", " + in_quotes(text));
  }

  /// Protocol::SSLRequest: capabilities (4), greatest packet (4), character set, 23 zero octets.
  static std::string ssl_request() {
    constexpr std::uint32_t kCapabilities =
        kClientProtocol41 | kClientSsl | kClientSecureConnection | kClientPluginAuth;
    constexpr std::uint32_t kGreatestPacket = 1u << 24;
    constexpr char kUtf8Mb4 = 45;
    std::string packet("\x20\0\0\x01", kHeader);
    for (const std::uint32_t number : {kCapabilities, kGreatestPacket}) {
      for (unsigned shift = 0; shift < 32; shift += 8) {
        packet += static_cast<char>(number >> shift & 0xff);
      }
    }
    packet += kUtf8Mb4;
    packet.append(23, '\0');
    return packet;
  }
};

}  // namespace

std::unique_ptr<StartTls> make_ldap() { return std::make_unique<Ldap>(); }
std::unique_ptr<StartTls> make_postgres() { return std::make_unique<Postgres>(); }
std::unique_ptr<StartTls> make_mysql() { return std::make_unique<Mysql>(); }

}  // namespace muster::probe
