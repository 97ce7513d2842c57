#include "muster/base/text.h"
#include "starttls_lines.h"
#include "starttls_machines.h"

// IMAP, POP3 and ManageSieve: lines of words.
namespace muster::probe {
namespace {

class Imap final : public LineStartTls {
 public:
  Imap() : LineStartTls(Protocol::kImap, Literals::kYes) {}

  [[nodiscard]] std::string_view awaited() const override {
    switch (state_) {
      case State::kGreeting:
        return "the greeting";
      case State::kCapability:
        return "the answer to CAPABILITY";
      case State::kStartTls:
        return "the answer to STARTTLS";
    }
    return "?";
  }

 private:
  enum class State : std::uint8_t { kGreeting, kCapability, kStartTls };

  Result<StartTlsStep, ProbeError> on_line(std::string_view line) override {
    std::string_view rest = line;
    const std::string_view tag = take_word(rest);
    const std::string_view word = take_word(rest);
    if (tag == "*" && !word.empty()) {
      return on_untagged(word, rest, line);
    }
    const std::string_view due = state_ == State::kCapability ? "a1" : "a2";
    if (state_ == State::kGreeting || tag != due) {
      return not_protocol(line);
    }
    const bool ok = iequals(word, "OK");
    if (!ok && !iequals(word, "NO") && !iequals(word, "BAD")) {
      return not_protocol(line);
    }
    if (!ok) {
      return fail(ProbeErrc::kNoStartTls,
                  std::string("the server refuses ") +
                      (state_ == State::kStartTls ? "STARTTLS: " : "CAPABILITY: ") +
                      in_quotes(line));
    }
    if (state_ == State::kStartTls) {
      return StartTlsStep{{}, true};
    }
    if (!offered_) {
      return fail(ProbeErrc::kNoStartTls, "the answer to CAPABILITY does not offer STARTTLS");
    }
    state_ = State::kStartTls;
    return StartTlsStep{"a2 STARTTLS\r\n"};
  }

  Result<StartTlsStep, ProbeError> on_untagged(std::string_view word, std::string_view rest,
                                               std::string_view line) {
    if (iequals(word, "BYE")) {
      return fail(ProbeErrc::kNoStartTls, "the server refuses service: " + in_quotes(line));
    }
    if (state_ == State::kGreeting) {
      if (iequals(word, "PREAUTH")) {  // RFC 9051 section 11.1: no way to TLS from there
        return fail(ProbeErrc::kNoStartTls,
                    "the server says that we are logged in already, and then there is no "
                    "STARTTLS: " +
                        in_quotes(line));
      }
      if (!iequals(word, "OK")) {
        return not_protocol(line);
      }
      state_ = State::kCapability;
      return StartTlsStep{"a1 CAPABILITY\r\n"};
    }
    if (state_ == State::kCapability && iequals(word, "CAPABILITY")) {
      while (!rest.empty()) {
        offered_ = iequals(take_word(rest), "STARTTLS") || offered_;
      }
    }
    return StartTlsStep{};  // servers may tell things at any time
  }

  [[nodiscard]] bool may_say_unasked(std::string_view rest) const override {
    return rest.starts_with("*");
  }

  State state_ = State::kGreeting;
  bool offered_ = false;
};

class Pop3 final : public LineStartTls {
 public:
  Pop3() : LineStartTls(Protocol::kPop3, Literals::kNo) {}

  [[nodiscard]] std::string_view awaited() const override {
    switch (state_) {
      case State::kGreeting:
        return "the greeting";
      case State::kCapa:
      case State::kList:
        return "the answer to CAPA";
      case State::kStls:
        return "the answer to STLS";
    }
    return "?";
  }

 private:
  enum class State : std::uint8_t { kGreeting, kCapa, kList, kStls };

  Result<StartTlsStep, ProbeError> on_line(std::string_view line) override {
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (state_ == State::kList) {
      return on_capability(word);
    }
    const bool ok = word == "+OK";
    if (!ok && word != "-ERR") {
      return not_protocol(line);
    }
    switch (state_) {
      case State::kGreeting:
        if (!ok) {
          return fail(ProbeErrc::kNoStartTls, "the server refuses service: " + in_quotes(line));
        }
        state_ = State::kCapa;
        return StartTlsStep{"CAPA\r\n"};
      case State::kCapa:
        if (ok) {
          state_ = State::kList;
          return StartTlsStep{};
        }
        state_ = State::kStls;  // a server without CAPA may have STLS all the same
        return StartTlsStep{"STLS\r\n"};
      case State::kList:
      case State::kStls:
        break;
    }
    if (!ok) {
      return fail(ProbeErrc::kNoStartTls, "the server refuses STLS: " + in_quotes(line));
    }
    return StartTlsStep{{}, true};
  }

  Result<StartTlsStep, ProbeError> on_capability(std::string_view word) {
    offered_ = iequals(word, "STLS") || offered_;
    if (word != ".") {
      return StartTlsStep{};
    }
    if (!offered_) {
      return fail(ProbeErrc::kNoStartTls, "the answer to CAPA does not offer STLS");
    }
    state_ = State::kStls;
    return StartTlsStep{"STLS\r\n"};
  }

  State state_ = State::kGreeting;
  bool offered_ = false;
};

/// The string at the beginning of a ManageSieve line: "quoted", or a literal.
std::string_view first_string(std::string_view line) {
  if (line.starts_with('"')) {
    line.remove_prefix(1);
    return line.substr(0, line.find('"'));
  }
  if (line.starts_with('{') && line.find('\n') != std::string_view::npos) {
    const std::size_t end = line.find('\n');
    const auto size = announced_literal(line.substr(0, line.find_last_not_of('\r', end - 1) + 1));
    return size ? line.substr(end + 1, *size) : std::string_view();
  }
  return {};
}

class Sieve final : public LineStartTls {
 public:
  Sieve() : LineStartTls(Protocol::kSieve, Literals::kYes) {}

  [[nodiscard]] std::string_view awaited() const override {
    return asked_ ? "the answer to STARTTLS" : "the greeting";
  }

 private:
  Result<StartTlsStep, ProbeError> on_line(std::string_view line) override {
    if (!asked_ && (line.starts_with('"') || line.starts_with('{'))) {
      offered_ = iequals(first_string(line), "STARTTLS") || offered_;
      return StartTlsStep{};
    }
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    const bool ok = iequals(word, "OK");
    if (!ok && !iequals(word, "NO") && !iequals(word, "BYE")) {
      return not_protocol(line);
    }
    if (!ok) {
      return fail(ProbeErrc::kNoStartTls, std::string("the server refuses ") +
                                              (asked_ ? "STARTTLS: " : "service: ") +
                                              in_quotes(line));
    }
    if (asked_) {
      return StartTlsStep{{}, true};
    }
    if (!offered_) {
      return fail(ProbeErrc::kNoStartTls, "the greeting does not offer STARTTLS");
    }
    asked_ = true;
    return StartTlsStep{"STARTTLS\r\n"};
  }

  bool asked_ = false;
  bool offered_ = false;
};

}  // namespace

std::unique_ptr<StartTls> make_imap() { return std::make_unique<Imap>(); }
std::unique_ptr<StartTls> make_pop3() { return std::make_unique<Pop3>(); }
std::unique_ptr<StartTls> make_sieve() { return std::make_unique<Sieve>(); }

}  // namespace muster::probe
