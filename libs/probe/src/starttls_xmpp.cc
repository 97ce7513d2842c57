#include <algorithm>

#include "starttls_machines.h"
#include "xml_tags.h"

// XMPP (RFC 6120 sections 4 and 5): an XML document in each direction that begins before TLS and is
// thrown away when TLS begins.
namespace muster::probe {
namespace {

constexpr std::string_view kStreams = "http://etherx.jabber.org/streams";
constexpr std::string_view kTls = "urn:ietf:params:xml:ns:xmpp-tls";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

class Xmpp final : public StartTls {
 public:
  Xmpp(Protocol protocol, std::string domain) : StartTls(protocol), domain_(std::move(domain)) {}

  std::string begin() override {
    const std::string to = domain_.empty() ? "" : " to='" + escaped(domain_) + "'";
    return "<?xml version='1.0'?><stream:stream xmlns='jabber:" +
           std::string(protocol() == Protocol::kXmpp ? "client" : "server") + "' xmlns:stream='" +
           std::string(kStreams) + "'" + to + " version='1.0'>";
  }

  [[nodiscard]] std::string_view awaited() const override {
    switch (state_) {
      case State::kStream:
        return "the stream's beginning";
      case State::kFeatures:
        return "the stream's features";
      case State::kProceed:
        return "the answer to starttls";
    }
    return "?";
  }

 private:
  enum class State : std::uint8_t { kStream, kFeatures, kProceed };

  Result<Turn, ProbeError> next(std::string_view pending) override {
    if (pending.front() != '<') {
      return on_text(pending);
    }
    const auto tag = read_xml_tag(pending);
    if (!tag && tag.error() == XmlErrc::kIncomplete) {
      return pending.size() > kMaxStartTlsUnit ? Result<Turn, ProbeError>(too_large("a tag"))
                                               : Turn{};
    }
    if (!tag) {
      return not_protocol(pending);
    }
    if (tag->size > kMaxStartTlsUnit) {
      return too_large("a tag");
    }
    MUSTER_TRY(StartTlsStep step, on_tag(*tag, pending));
    return Turn{tag->size, std::move(step)};
  }

  /// Between the elements of a stream there is nothing but blanks.
  Result<Turn, ProbeError> on_text(std::string_view pending) {
    const std::string_view text = pending.substr(0, pending.find('<'));
    const bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (scope_.depth() < 2 && !blank) {
      return not_protocol(pending);
    }
    return Turn{text.size(), {}, false};
  }

  Result<StartTlsStep, ProbeError> on_tag(const XmlTag& tag, std::string_view pending) {
    switch (tag.kind) {
      case XmlTag::Kind::kDeclaration:
        if (declared_ || scope_.depth() != 0) {
          return not_protocol(pending);
        }
        declared_ = true;
        return StartTlsStep{};
      case XmlTag::Kind::kOpen:
      case XmlTag::Kind::kEmpty: {
        const auto name = scope_.open(tag);
        if (!name) {
          return not_protocol(pending);
        }
        MUSTER_CHECK(on_open(*name, tag, pending));
        return tag.kind == XmlTag::Kind::kEmpty ? on_close(std::nullopt, pending) : StartTlsStep{};
      }
      case XmlTag::Kind::kClose:
        return on_close(tag.name, pending);
    }
    return StartTlsStep{};
  }

  Result<Unit, ProbeError> on_open(const XmlName& name, const XmlTag& tag,
                                   std::string_view pending) {
    switch (scope_.depth()) {
      case 1: {
        if (name != XmlName{std::string(kStreams), "stream"}) {
          return not_protocol(pending);
        }
        const bool versioned = std::any_of(tag.attributes.begin(), tag.attributes.end(),
                                           [](const auto& a) { return a.first == "version"; });
        if (!versioned) {  // section 4.7.5: then it is 0.9, which has no features
          return fail(ProbeErrc::kNoStartTls, "the server speaks a version before XMPP 1.0");
        }
        state_ = State::kFeatures;
        return Unit{};
      }
      case 2:
        return on_element(name, pending);
      case 3:
        if (in_error_) {
          return fail(ProbeErrc::kNoStartTls,
                      "the server ends the stream: " + in_quotes(name.local));
        }
        offered_ = offered_ || name == XmlName{std::string(kTls), "starttls"};
        return Unit{};
      default:
        return Unit{};
    }
  }

  /// A child of the stream.
  Result<Unit, ProbeError> on_element(const XmlName& name, std::string_view pending) {
    if (name == XmlName{std::string(kStreams), "error"}) {
      in_error_ = true;
      return Unit{};
    }
    if (state_ == State::kFeatures && name == XmlName{std::string(kStreams), "features"}) {
      return Unit{};
    }
    if (state_ == State::kProceed && name.space == kTls && name.local == "failure") {
      return fail(ProbeErrc::kNoStartTls, "the server refuses starttls");
    }
    if (state_ == State::kProceed && name.space == kTls && name.local == "proceed") {
      return Unit{};
    }
    return not_protocol(pending);
  }

  Result<StartTlsStep, ProbeError> on_close(std::optional<std::string_view> qualified,
                                            std::string_view pending) {
    if (!scope_.close(qualified)) {
      return not_protocol(pending);
    }
    if (scope_.depth() == 0) {
      return fail(ProbeErrc::kNoStartTls, "the server ends the stream");
    }
    if (scope_.depth() > 1) {
      return StartTlsStep{};
    }
    if (in_error_) {
      return fail(ProbeErrc::kNoStartTls, "the server ends the stream by an error");
    }
    if (state_ == State::kProceed) {  // only <proceed/> is let in there
      return StartTlsStep{{}, true};
    }
    if (!offered_) {
      return fail(ProbeErrc::kNoStartTls, "the stream's features do not offer starttls");
    }
    state_ = State::kProceed;
    return StartTlsStep{"<starttls xmlns='" + std::string(kTls) + "'/>"};
  }

  const std::string domain_;
  State state_ = State::kStream;
  XmlScope scope_;
  bool declared_ = false;
  bool in_error_ = false;
  bool offered_ = false;
};

}  // namespace

std::unique_ptr<StartTls> make_xmpp(Protocol protocol, std::string domain) {
  return std::make_unique<Xmpp>(protocol, std::move(domain));
}

}  // namespace muster::probe
