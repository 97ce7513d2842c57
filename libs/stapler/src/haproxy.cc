#include "haproxy.h"

#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kBase64Line = 76;

std::string payload(Bytes der) {
  const std::string text = http::base64_encode(der);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += kBase64Line) {
    out += text.substr(at, kBase64Line) + '\n';
  }
  return out + '\n';
}

/// One line of what it said.
std::string said(const std::string& answer) {
  std::string out = printable(trim(answer));
  constexpr std::size_t kEnough = 300;
  if (out.size() > kEnough) {
    out.resize(kEnough);
    out += "...";
  }
  return "HAProxy said: " + out;
}

struct Phrase {
  std::string_view in_answer;
  std::string_view means;
};
/// Words of HAProxy 1.8 to 3.x for what keeps a response out, and what to do about it.
constexpr Phrase kRefusals[] = {
    {"Permission denied", "the socket's level is too low (stats socket ... level admin)"},
    {"doesn't support OCSP stapling", "this HAProxy was built without OCSP stapling"},
    {"Unknown command", "this HAProxy does not know the command: too old, or built without OCSP"},
    {"expects response", "this HAProxy takes no payload here: older than 1.9"},
    {"base64", "the response was cut: it is larger than tune.bufsize of HAProxy allows"},
    {"multiple single responses", "it takes responses about one certificate only"},
    {"certificate status", "it does not staple a certificate of this status"},
    {"missing nextupdate", "it takes no response without nextUpdate"},
    {"no longer valid", "the response ends within 300 s, or the clocks differ"},
    {"Can't replace a certificate which is not referenced",
     "HAProxy does not use this certificate file, or calls it by another path: name it in "
     "[[stapler.certificate]] as in `crt`, or leave it out of this target's certificates"},
    {"ongoing transaction", "somebody's transaction on another certificate is open"},
    {"Only one transaction", "somebody's transaction on another certificate is open"},
};

HaproxyAnswer refused(const std::string& answer) {
  for (const auto& [in_answer, means] : kRefusals) {
    if (answer.find(in_answer) != std::string::npos) {
      return {HaproxySays::kRefused, std::string(means) + "; " + said(answer)};
    }
  }
  return {HaproxySays::kRefused, said(answer)};
}

HaproxyAnswer done_if(const std::string& answer, std::string_view words) {
  return answer.find(words) != std::string::npos ? HaproxyAnswer{HaproxySays::kDone}
                                                 : refused(answer);
}

}  // namespace

std::string push_request(Bytes der) { return "set ssl ocsp-response <<\n" + payload(der); }

std::string stage_request(const std::string& file, Bytes der) {
  return "set ssl cert " + file + ".ocsp <<\n" + payload(der);
}
std::string commit_request(const std::string& file) { return "commit ssl cert " + file + '\n'; }
std::string abort_request(const std::string& file) { return "abort ssl cert " + file + '\n'; }
std::string list_request() { return "show ssl cert\n"; }

HaproxyAnswer read_push_answer(const std::string& answer) {
  if (answer.find("OCSP Response updated!") != std::string::npos) {
    return {HaproxySays::kDone};
  }
  if (answer.find("does not match any certificate") != std::string::npos) {
    return {HaproxySays::kNoEntry, said(answer)};
  }
  return refused(answer);
}

HaproxyAnswer read_stage_answer(const std::string& answer) {
  return done_if(answer, "Transaction created");
}

HaproxyAnswer read_commit_answer(const std::string& answer) { return done_if(answer, "Success!"); }

std::string open_transaction(const std::string& list_answer) {
  for (const std::string_view line : split(list_answer, '\n')) {
    if (line.starts_with('*')) {
      return std::string(line.substr(1));
    }
  }
  return "";
}

}  // namespace muster::stapler
