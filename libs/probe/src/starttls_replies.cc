#include "muster/base/text.h"
#include "starttls_lines.h"
#include "starttls_machines.h"

// SMTP and FTP: replies of three digits and text, over several lines when a '-' follows the digits.
namespace muster::probe {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// SMTP repeats the code in each line (RFC 5321 section 4.2.1); FTP need not in those between the
/// first and the last (RFC 959 section 4.2).
enum class MiddleLines : std::uint8_t { kHaveCode, kAreFree };

class ReplyStartTls : public LineStartTls {
 protected:
  ReplyStartTls(Protocol protocol, MiddleLines middle)
      : LineStartTls(protocol, Literals::kNo), middle_(middle) {}

  /// The text of each line behind the code.
  virtual void on_text(std::string_view /*text*/) {}
  /// A reply is complete. `line` is its last.
  virtual Result<StartTlsStep, ProbeError> on_reply(int code, std::string_view line) = 0;

  [[nodiscard]] Err<ProbeError> refused(std::string_view what, std::string_view line) const {
    return fail(ProbeErrc::kNoStartTls, std::string(what) + ": " + in_quotes(line));
  }

 private:
  Result<StartTlsStep, ProbeError> on_line(std::string_view line) final {
    // Codes are 200 to 599, in FTP also 1xx: "wait".
    const bool has_code = line.size() >= 3 && line[0] >= '1' && line[0] <= '5' &&
                          is_digit(line[1]) && is_digit(line[2]) &&
                          (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    const bool continues = code_ != 0;
    if (continues && middle_ == MiddleLines::kAreFree &&
        (!has_code || code_of(line) != code_ || (line.size() > 3 && line[3] == '-'))) {
      return StartTlsStep{};
    }
    if (!has_code || (continues && code_of(line) != code_)) {
      return not_protocol(line);
    }
    on_text(line.size() > 4 ? line.substr(4) : std::string_view());
    if (line.size() > 3 && line[3] == '-') {
      code_ = code_of(line);
      return StartTlsStep{};
    }
    code_ = 0;
    return on_reply(code_of(line), line);
  }

  static int code_of(std::string_view line) {
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  }

  const MiddleLines middle_;
  int code_ = 0;  ///< of the reply whose lines are coming; 0 between replies
};

class Smtp final : public ReplyStartTls {
 public:
  Smtp(Protocol protocol, std::string client_name)
      : ReplyStartTls(protocol, MiddleLines::kHaveCode), client_name_(std::move(client_name)) {}

  [[nodiscard]] std::string_view awaited() const override {
    switch (state_) {
      case State::kGreeting:
        return "the greeting";
      case State::kEhlo:
        return "the answer to EHLO";
      case State::kStartTls:
        return "the answer to STARTTLS";
    }
    return "?";
  }

 private:
  enum class State : std::uint8_t { kGreeting, kEhlo, kStartTls };

  void on_text(std::string_view text) override {
    if (state_ == State::kEhlo && iequals(take_word(text), "STARTTLS")) {
      offered_ = true;
    }
  }

  Result<StartTlsStep, ProbeError> on_reply(int code, std::string_view line) override {
    switch (state_) {
      case State::kGreeting:
        if (code != 220) {
          return refused("the server refuses service", line);
        }
        state_ = State::kEhlo;
        return StartTlsStep{"EHLO " + client_name_ + "\r\n"};
      case State::kEhlo:
        if (code != 250) {
          return refused("the server refuses EHLO, without which there is no STARTTLS", line);
        }
        if (!offered_) {
          return fail(ProbeErrc::kNoStartTls, "the answer to EHLO does not offer STARTTLS");
        }
        state_ = State::kStartTls;
        return StartTlsStep{"STARTTLS\r\n"};
      case State::kStartTls:
        if (code != 220) {
          return refused("the server refuses STARTTLS", line);
        }
        return StartTlsStep{{}, true};
    }
    return StartTlsStep{};
  }

  const std::string client_name_;
  State state_ = State::kGreeting;
  bool offered_ = false;
};

class Ftp final : public ReplyStartTls {
 public:
  Ftp() : ReplyStartTls(Protocol::kFtp, MiddleLines::kAreFree) {}

  [[nodiscard]] std::string_view awaited() const override {
    return greeted_ ? "the answer to AUTH TLS" : "the greeting";
  }

 private:
  Result<StartTlsStep, ProbeError> on_reply(int code, std::string_view line) override {
    if (greeted_) {
      if (code != 234) {  // RFC 4217 section 4.1
        return refused("the server refuses AUTH TLS", line);
      }
      return StartTlsStep{{}, true};
    }
    if (code == 120) {  // "service ready in nnn minutes": the 220 follows, or our patience ends
      return StartTlsStep{};
    }
    if (code != 220) {
      return refused("the server refuses service", line);
    }
    greeted_ = true;
    return StartTlsStep{"AUTH TLS\r\n"};
  }

  bool greeted_ = false;
};

}  // namespace

std::unique_ptr<StartTls> make_smtp(Protocol protocol, std::string client_name) {
  return std::make_unique<Smtp>(protocol, std::move(client_name));
}
std::unique_ptr<StartTls> make_ftp() { return std::make_unique<Ftp>(); }

}  // namespace muster::probe
