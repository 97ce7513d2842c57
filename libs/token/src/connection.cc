#include "connection.h"

#include <algorithm>
#include <cstring>

#include "return_value.h"

namespace muster::token {
namespace {

using pki::PkiErrc;
using pki::PkiError;
using pki::PkiResult;

constexpr CK_ULONG kMaxSlots = 1024;
constexpr CK_ULONG kMaxAttributeBytes = 64 * 1024;
constexpr CK_ULONG kMaxObjects = 2;  // more than one is an error already
constexpr std::size_t kMaxSignatureBytes = 4096;

std::string padded_text(const CK_UTF8CHAR* text, std::size_t size) {
  std::string_view view(reinterpret_cast<const char*>(text), size);
  while (!view.empty() && (view.back() == ' ' || view.back() == '\0')) {
    view.remove_suffix(1);
  }
  return std::string(view);
}

}  // namespace

PkiResult<std::shared_ptr<const Modules>> Token::modules(MonotonicTime deadline) {
  if (auto there = loaded()) {
    return there;
  }
  const Turn::Held turn = use_.start.take(deadline);
  if (turn == nullptr) {
    return Err{PkiError{
        PkiErrc::kUnavailable,
        "the PKCS#11 module (" +
            (uri_.module_path().empty() ? "one of those p11-kit is configured with"
                                        : uri_.module_path()) +
            ") has been starting for " + std::to_string(use_.start.held_for().count()) +
            " ms: C_Initialize has not come back. See that what it waits for (its daemon, network "
            "or device) is up; if the call never comes back, restart this process"}};
  }
  auto there = loaded();  // by whoever had the turn before
  if (there == nullptr) {
    MUSTER_TRY(there, Modules::load(uri_));
    const MutexLock lock(mutex_);
    modules_ = there;
  }
  return there;
}

std::shared_ptr<const Modules> Token::loaded() const {
  const MutexLock lock(mutex_);
  return modules_;
}

void Token::forget_modules() {
  std::shared_ptr<const Modules> old;  // shut down without the lock
  const MutexLock lock(mutex_);
  old.swap(modules_);
}

void Token::set_pin(pki::AskPassphrase ask) {
  const MutexLock lock(mutex_);
  ask_ = std::move(ask);
}

pki::AskPassphrase Token::pin() const {
  const MutexLock lock(mutex_);
  return ask_;
}

void Connection::drop() {
  if (module_ != nullptr) {
    begin("C_CloseSession");
    module_->C_CloseSession(
        session_);  // whether it worked does not matter: nobody uses it any more
  }
  module_ = nullptr;
  modules_.reset();
  handles_.clear();
}

/// Sets module_ and slot_ to the one token that the URI names.
PkiResult<Unit> Connection::find_token() {
  std::size_t found = 0;
  std::string seen;  // for whoever wonders why it was not found
  const auto tell = [&seen](const std::string& what) {
    if (seen.size() < 400) {
      seen += "; " + what;
    }
  };
  for (CK_FUNCTION_LIST* module : modules_->all()) {
    CK_ULONG count = 0;
    begin("C_GetSlotList");
    CK_RV rv = module->C_GetSlotList(CK_TRUE, nullptr, &count);
    std::vector<CK_SLOT_ID> slots(std::min(count, kMaxSlots));
    count = static_cast<CK_ULONG>(slots.size());
    if (rv == CKR_OK && count > 0) {
      rv = module->C_GetSlotList(CK_TRUE, slots.data(), &count);
    }
    if (rv != CKR_OK) {
      tell(call_failed("C_GetSlotList", rv).detail);
      continue;
    }
    slots.resize(std::min<std::size_t>(count, slots.size()));
    begin("C_GetTokenInfo");
    for (const CK_SLOT_ID slot : slots) {
      CK_TOKEN_INFO info{};
      rv = module->C_GetTokenInfo(slot, &info);
      if (rv != CKR_OK) {
        tell("slot " + std::to_string(slot) + ": " + call_failed("C_GetTokenInfo", rv).detail);
        continue;
      }
      if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
        continue;
      }
      if (token_->uri().matches(slot, info)) {
        ++found;
        module_ = module;
        slot_ = slot;
      } else {
        tell("there is " + padded_text(info.label, sizeof info.label));
      }
    }
  }
  if (found == 1) {
    return Unit{};
  }
  module_ = nullptr;
  if (found == 0) {
    return Err{PkiError{PkiErrc::kUnavailable, "no token that fits is present" + seen}};
  }
  return Err{PkiError{PkiErrc::kNotAKey,
                      std::to_string(found) + " tokens fit; add serial= or slot-id= to the URI"}};
}

PkiResult<Unit> Connection::login(CK_USER_TYPE user, const pki::AskPassphrase& pin) {
  begin("C_Login");
  return gate_->login(*module_, session_, user, token_->uri(), pin ? pin : token_->pin(),
                      deadline_);
}

PkiResult<Unit> Connection::connect(const pki::AskPassphrase& pin) {
  if (module_ != nullptr) {
    return Unit{};
  }
  begin("C_Initialize");
  MUSTER_TRY(modules_, token_->modules(deadline_));
  MUSTER_CHECK(find_token());
  CK_TOKEN_INFO info{};
  CK_RV rv = module_->C_GetTokenInfo(slot_, &info);
  if (rv == CKR_OK) {
    begin("C_OpenSession");
    rv = module_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session_);
  }
  if (rv != CKR_OK) {
    module_ = nullptr;
    return Err{call_failed("C_OpenSession", rv)};
  }
  gate_ = &PinGate::of(slot_, info);
  if ((info.flags & CKF_LOGIN_REQUIRED) != 0) {
    if (auto in = login(CKU_USER, pin); !in) {
      drop();
      return in;
    }
  }
  return Unit{};
}

PkiResult<std::vector<CK_OBJECT_HANDLE>> Connection::find_objects(
    std::vector<CK_ATTRIBUTE> search) {
  begin("C_FindObjects");
  CK_RV rv =
      module_->C_FindObjectsInit(session_, search.data(), static_cast<CK_ULONG>(search.size()));
  if (rv != CKR_OK) {
    return Err{call_failed("C_FindObjectsInit", rv)};
  }
  std::vector<CK_OBJECT_HANDLE> found(kMaxObjects);
  CK_ULONG count = 0;
  rv = module_->C_FindObjects(session_, found.data(), kMaxObjects, &count);
  module_->C_FindObjectsFinal(session_);
  if (rv != CKR_OK) {
    return Err{call_failed("C_FindObjects", rv)};
  }
  found.resize(std::min(count, kMaxObjects));
  return found;
}

PkiResult<CK_OBJECT_HANDLE> Connection::find_key(const KeyUri& uri) {
  if (const auto known = handles_.find(uri.text()); known != handles_.end()) {
    return known->second;
  }
  const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
  MUSTER_TRY(const auto found, find_objects(uri.search_for(private_key)));
  if (found.size() != 1) {
    return Err{PkiError{PkiErrc::kNotAKey,
                        found.empty()
                            ? "the token has no private key of that object and id (pkcs11-tool "
                              "--login --list-objects shows them)"
                            : "the token has several private keys that fit; give object and id"}};
  }
  handles_[uri.text()] = found[0];
  return found[0];
}

PkiResult<Buffer> Connection::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE wanted{type, nullptr, 0};
  begin("C_GetAttributeValue");
  CK_RV rv = module_->C_GetAttributeValue(session_, object, &wanted, 1);
  if (rv != CKR_OK) {
    return Err{call_failed("C_GetAttributeValue", rv)};
  }
  Buffer out(std::min(wanted.ulValueLen, kMaxAttributeBytes));
  wanted.pValue = out.data();
  wanted.ulValueLen = static_cast<CK_ULONG>(out.size());
  rv = module_->C_GetAttributeValue(session_, object, &wanted, 1);
  if (rv != CKR_OK) {
    return Err{call_failed("C_GetAttributeValue", rv)};
  }
  out.resize(std::min<std::size_t>(wanted.ulValueLen, out.size()));
  return out;
}

PkiResult<Buffer> Connection::public_key(const KeyUri& uri, CK_OBJECT_HANDLE key,
                                         KeyFamily family) {
  if (family == KeyFamily::kRsa) {
    auto modulus = attribute(key, CKA_MODULUS);
    auto exponent = attribute(key, CKA_PUBLIC_EXPONENT);
    if (modulus && exponent && !modulus->empty() && !exponent->empty()) {
      return rsa_public_key(*modulus, *exponent);
    }
  }
  const CK_OBJECT_CLASS public_key = CKO_PUBLIC_KEY;
  MUSTER_TRY(const auto keys, find_objects(uri.search_for(public_key)));
  if (keys.size() == 1) {
    switch (family) {
      case KeyFamily::kRsa: {
        MUSTER_TRY(const Buffer modulus, attribute(keys[0], CKA_MODULUS));
        MUSTER_TRY(const Buffer exponent, attribute(keys[0], CKA_PUBLIC_EXPONENT));
        return rsa_public_key(modulus, exponent);
      }
      case KeyFamily::kEc: {
        MUSTER_TRY(const Buffer params, attribute(keys[0], CKA_EC_PARAMS));
        MUSTER_TRY(const Buffer point, attribute(keys[0], CKA_EC_POINT));
        return ec_public_key(params, point);
      }
      case KeyFamily::kEdwards: {
        MUSTER_TRY(const Buffer point, attribute(keys[0], CKA_EC_POINT));
        if (auto info = edwards_public_key(point)) {
          return *std::move(info);
        }
        return Err{PkiError{PkiErrc::kNotAKey,
                            "an Edwards key of a curve that is neither Ed25519 nor Ed448"}};
      }
    }
  }
  const CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
  MUSTER_TRY(const auto certificates, find_objects(uri.search_for(certificate)));
  if (certificates.size() == 1) {
    MUSTER_TRY(const Buffer value, attribute(certificates[0], CKA_VALUE));
    MUSTER_TRY(const auto parsed, pki::Certificate::parse(value));
    return to_buffer(parsed.public_key_info());
  }
  return Err{PkiError{PkiErrc::kNotAKey,
                      "the token holds the private key, but neither its public key nor its "
                      "certificate under the same object and id; "
                      "one of them is needed to know what the key signs as"}};
}

PkiResult<KeyFacts> Connection::read_key(const KeyUri& uri, const pki::AskPassphrase& pin) {
  MUSTER_CHECK(connect(pin));
  MUSTER_TRY(const CK_OBJECT_HANDLE key, find_key(uri));
  MUSTER_TRY(const Buffer type_octets, attribute(key, CKA_KEY_TYPE));
  CK_KEY_TYPE type = 0;
  std::memcpy(&type, type_octets.data(), std::min(sizeof type, type_octets.size()));
  KeyFacts facts;
  switch (type) {
    case CKK_RSA:
      facts.family = KeyFamily::kRsa;
      break;
    case CKK_EC:
      facts.family = KeyFamily::kEc;
      break;
    case CKK_EC_EDWARDS:
      facts.family = KeyFamily::kEdwards;
      break;
    default:
      return Err{PkiError{PkiErrc::kUnsupportedAlgorithm,
                          "the token's key is neither RSA nor EC nor Edwards"}};
  }
  if (const auto always = attribute(key, CKA_ALWAYS_AUTHENTICATE); always && always->size() == 1) {
    facts.always_authenticate = always->front() != 0;
  }
  for (const CK_MECHANISM_TYPE mechanism : {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_EDDSA}) {
    CK_MECHANISM_INFO info{};
    begin("C_GetMechanismInfo");
    if (module_->C_GetMechanismInfo(slot_, mechanism, &info) == CKR_OK &&
        (info.flags & CKF_SIGN) != 0) {
      facts.mechanisms.push_back(mechanism);
    }
  }
  MUSTER_TRY(facts.public_key_info, public_key(uri, key, facts.family));
  return facts;
}

PkiResult<Buffer> Connection::sign(const KeyUri& uri, const pki::AskPassphrase& pin,
                                   const KeyFacts& facts, const MechanismPlan& plan, Bytes input) {
  MUSTER_CHECK(connect(pin));
  MUSTER_TRY(const CK_OBJECT_HANDLE key, find_key(uri));
  CK_RSA_PKCS_PSS_PARAMS pss = plan.pss;
  CK_MECHANISM mechanism{plan.type, nullptr, 0};
  if (plan.type == CKM_RSA_PKCS_PSS) {
    mechanism.pParameter = &pss;
    mechanism.ulParameterLen = sizeof pss;
  }
  begin("C_SignInit");
  CK_RV rv = module_->C_SignInit(session_, &mechanism, key);
  if (rv != CKR_OK) {
    return Err{call_failed("C_SignInit", rv)};
  }
  if (facts.always_authenticate) {
    MUSTER_CHECK(login(CKU_CONTEXT_SPECIFIC, pin));
  }
  Buffer data = to_buffer(input);  // C_Sign takes no const
  Buffer out(kMaxSignatureBytes);
  auto size = static_cast<CK_ULONG>(out.size());
  begin("C_Sign");
  rv =
      module_->C_Sign(session_, data.data(), static_cast<CK_ULONG>(data.size()), out.data(), &size);
  if (rv != CKR_OK) {
    return Err{call_failed("C_Sign", rv)};
  }
  out.resize(std::min<std::size_t>(size, out.size()));
  return out;
}

}  // namespace muster::token
