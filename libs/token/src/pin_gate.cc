#include "pin_gate.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "return_value.h"

namespace muster::token {
namespace {

using pki::PkiErrc;
using pki::PkiError;
using pki::PkiResult;

constexpr std::size_t kMaxRefusedPins = 16;  // remembered for each token

/// A PIN that does not outlive its use.
struct Secret {
  std::string text;
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { ::explicit_bzero(text.data(), text.size()); }
};

/// Reads the PIN from where the URI says, or else from where the configuration says.
PkiResult<Unit> read_pin(const KeyUri& uri, const pki::AskPassphrase& ask, Secret& pin) {
  if (uri.pin_file().empty()) {
    auto answer = ask ? ask() : std::nullopt;
    if (!answer) {
      return Err{PkiError{PkiErrc::kWrongPassphrase,
                          "the token wants a PIN and none was given; give it by key_pass, or by "
                          "pin-source=file:PATH in the URI of the configuration"}};
    }
    pin.text = *std::move(answer);
    return Unit{};
  }
  auto content = read_file(uri.pin_file(), 4096);
  if (!content) {
    return Err{PkiError{PkiErrc::kWrongPassphrase, "the PIN: " + to_string(content.error())}};
  }
  const std::string_view all = as_text(*content);
  pin.text = all.substr(0, all.find_first_of("\r\n"));
  ::explicit_bzero(content->data(), content->size());
  return Unit{};
}

/// One for each token this process ever logged in to.
struct Gates {
  Mutex mutex;
  std::map<std::string, std::unique_ptr<PinGate>> all MUSTER_GUARDED_BY(mutex);
};

}  // namespace

PinGate& PinGate::of(CK_SLOT_ID slot, const CK_TOKEN_INFO& token) {
  static Gates& gates =
      *new Gates();  // never destroyed: threads that hang in a module may outlive main()
  std::string name;
  const auto add = [&](const auto& field) {
    name.append(reinterpret_cast<const char*>(field), sizeof field);
  };
  add(token.manufacturerID);
  add(token.model);
  add(token.serialNumber);
  add(token.label);
  const auto is_padding = [](CK_UTF8CHAR c) { return c == ' ' || c == '\0'; };
  if (std::all_of(std::begin(token.serialNumber), std::end(token.serialNumber), is_padding)) {
    name += std::to_string(slot);
  }
  const MutexLock lock(gates.mutex);
  auto& gate = gates.all[name];
  if (gate == nullptr) {
    gate = std::make_unique<PinGate>();
  }
  return *gate;
}

PkiResult<Unit> PinGate::login(CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session,
                               CK_USER_TYPE user, const KeyUri& uri, const pki::AskPassphrase& ask,
                               MonotonicTime deadline) {
  const Turn::Held turn = turn_.take(deadline);
  if (turn == nullptr) {
    return Err{PkiError{
        PkiErrc::kUnavailable,
        "another login to this token (C_Login) has not come back for " +
            std::to_string(turn_.held_for().count()) +
            " ms, and they go one at a time: a PIN may be wrong. See that the token, its network "
            "and its daemon are up; if the call never comes back, restart this process"}};
  }
  Secret pin;
  MUSTER_CHECK(read_pin(uri, ask, pin));
  Buffer fingerprint = pki::digest(HashAlgorithm::kSha256, as_bytes(pin.text));
  if (std::find(refused_.begin(), refused_.end(), fingerprint) != refused_.end()) {
    return Err{PkiError{PkiErrc::kWrongPassphrase,
                        "the token refused this PIN before; it is not tried again, for tokens lock "
                        "themselves. Correct it where "
                        "pin-source (or key_pass) points"}};
  }
  const CK_RV rv = module.C_Login(session, user, reinterpret_cast<CK_UTF8CHAR*>(pin.text.data()),
                                  static_cast<CK_ULONG>(pin.text.size()));
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
    return Unit{};
  }
  if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE) {
    if (refused_.size() == kMaxRefusedPins) {
      refused_.erase(refused_.begin());
    }
    refused_.push_back(std::move(fingerprint));
  }
  return Err{call_failed("C_Login", rv)};
}

}  // namespace muster::token
