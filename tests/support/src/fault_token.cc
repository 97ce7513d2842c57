// A PKCS#11 module for tests: one slot, one token, faults on demand (fault_token.h).
#include "muster/testing/fault_token.h"

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "fault_token_keys.h"

namespace {

using muster::testing::KeyPtr;
using muster::testing::Octets;
using muster::testing::TokenObject;

struct Session {
  std::vector<CK_OBJECT_HANDLE> found;
  std::optional<CK_OBJECT_HANDLE> signing;
  CK_MECHANISM_TYPE mechanism = 0;
  bool needs_context_login = false;
};

class Token final : public muster::testing::FaultToken {
 public:
  void reset() override {
    const std::lock_guard lock(mutex_);
    objects_.clear();
    sessions_.clear();
    pin_ = "1234";
    logged_in_ = removed_ = needs_restart_ = corrupt_ = always_ = false;
    hangs_.fill(0);
    ++serial_;
    sign_errors_ = 0;
    open_error_ = info_error_ = CKR_OK;
    slots_ = 1;
    counts_ = {};
    changed_.notify_all();
  }
  [[nodiscard]] std::string serial() const override {
    const std::lock_guard lock(mutex_);
    return std::to_string(serial_);
  }
  void add_key(const std::string& label, std::uint8_t id, const std::string& pem,
               PublicHalf half) override {
    const KeyPtr key = muster::testing::load_key(pem);
    const CK_KEY_TYPE type = muster::testing::key_type(key.get());
    const std::lock_guard lock(mutex_);
    objects_.push_back({CKO_PRIVATE_KEY, type, label, {id}, key});
    if (half == PublicHalf::kThere) {
      objects_.push_back({CKO_PUBLIC_KEY, type, label, {id}, key});
    }
  }
  void set_pin(const std::string& pin) override {
    with([&] { pin_ = pin; });
  }
  void fail_sign(unsigned long rv, int count) override {
    with([&] {
      sign_error_ = rv;
      sign_errors_ = count;
    });
  }
  void fail_open(unsigned long rv) override {
    with([&] { open_error_ = rv; });
  }
  void fail_info(unsigned long rv) override {
    with([&] { info_error_ = rv; });
  }
  void set_slots(unsigned count) override {
    with([&] { slots_ = count; });
  }
  void kill_sessions() override {
    with([&] {
      sessions_.clear();
      logged_in_ = false;
    });
  }
  void log_out() override {
    with([&] { logged_in_ = false; });
  }
  void set_removed(bool removed) override {
    with([&] {
      removed_ = removed;
      sessions_.clear();
      logged_in_ = false;
    });
  }
  void need_restart() override {
    with([&] { needs_restart_ = true; });
  }
  void set_hanging(bool hanging) override {
    with([&] { hangs_[static_cast<std::size_t>(Call::kSign)] = hanging ? 1 : 0; });
  }
  void hang_in(Call call, unsigned nth) override {
    with([&] { hangs_[static_cast<std::size_t>(call)] = nth; });
  }
  void let_go() override {
    with([&] { hangs_.fill(0); });
  }
  void set_corrupt(bool corrupt) override {
    with([&] { corrupt_ = corrupt; });
  }
  void set_always_authenticate(bool always) override {
    with([&] { always_ = always; });
  }
  bool wait_for_hanging(unsigned count) override {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return now_hanging_ >= count; });
  }
  [[nodiscard]] Counts counts() const override {
    const std::lock_guard lock(mutex_);
    Counts counts = counts_;
    counts.sessions_open = static_cast<unsigned>(sessions_.size());
    return counts;
  }

  // The module.
  CK_RV initialise() {
    std::unique_lock lock(mutex_);
    hang(lock, Call::kInitialise);
    needs_restart_ = false;
    ++counts_.initialised;
    return CKR_OK;
  }
  CK_RV finalise() {
    std::unique_lock lock(mutex_);
    ++counts_.finalised;
    hang(lock, Call::kFinalise);
    sessions_.clear();
    logged_in_ = false;
    return CKR_OK;
  }
  CK_RV slots(CK_SLOT_ID* out, CK_ULONG* count) {
    const std::lock_guard lock(mutex_);
    if (needs_restart_) {
      return CKR_DEVICE_ERROR;
    }
    const CK_ULONG there = removed_ ? 0 : slots_;
    const bool fits = out == nullptr || *count >= there;
    *count = there;
    for (CK_ULONG i = 0; out != nullptr && fits && i < there; ++i) {
      out[i] = kSlot + i;
    }
    return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  }
  CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
    const std::lock_guard lock(mutex_);
    if (slot != kSlot || info_error_ != CKR_OK) {
      return slot != kSlot ? CKR_TOKEN_NOT_RECOGNIZED : info_error_;
    }
    if (removed_ || needs_restart_) {
      return removed_ ? CKR_TOKEN_NOT_PRESENT : CKR_DEVICE_ERROR;
    }
    std::memset(info, 0, sizeof *info);
    const auto pad = [](CK_UTF8CHAR* to, std::size_t size, const char* text) {
      std::memset(to, ' ', size);
      std::memcpy(to, text, std::strlen(text));
    };
    pad(info->label, sizeof info->label, "fault");
    pad(info->manufacturerID, sizeof info->manufacturerID, "muster");
    pad(info->model, sizeof info->model, "test");
    pad(info->serialNumber, sizeof info->serialNumber, std::to_string(serial_).c_str());
    info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
    return CKR_OK;
  }
  CK_RV open(CK_SESSION_HANDLE* out) {
    std::unique_lock lock(mutex_);
    hang(lock, Call::kOpen);
    if (removed_ || needs_restart_ || open_error_ != CKR_OK) {
      return removed_ ? CKR_TOKEN_NOT_PRESENT : needs_restart_ ? CKR_DEVICE_ERROR : open_error_;
    }
    *out = ++last_session_;
    sessions_[*out] = {};
    ++counts_.sessions_opened;
    return CKR_OK;
  }
  CK_RV close(CK_SESSION_HANDLE session) {
    std::unique_lock lock(mutex_);
    ++counts_.closes;
    hang(lock, Call::kClose);
    const bool there = sessions_.erase(session) == 1;
    logged_in_ = logged_in_ && !sessions_.empty();
    return there ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
  }
  CK_RV login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, const std::string& pin) {
    std::unique_lock lock(mutex_);
    hang(lock, Call::kLogin);
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    if (user == CKU_USER && logged_in_) {
      return CKR_USER_ALREADY_LOGGED_IN;
    }
    if (pin != pin_) {
      ++counts_.wrong_pins;
      return CKR_PIN_INCORRECT;
    }
    ++counts_.logins;
    if (user == CKU_CONTEXT_SPECIFIC) {
      session->needs_context_login = false;
    } else {
      logged_in_ = true;
    }
    return CKR_OK;
  }
  CK_RV find_init(CK_SESSION_HANDLE handle, const CK_ATTRIBUTE* search, CK_ULONG count) {
    const std::lock_guard lock(mutex_);
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    session->found.clear();
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      const TokenObject& object = objects_[i];
      if (object.object_class == CKO_PRIVATE_KEY && !logged_in_) {
        continue;
      }
      bool fits = true;
      for (CK_ULONG a = 0; a < count; ++a) {
        const auto value = attribute(object, search[a].type);
        fits = fits && value && value->size() == search[a].ulValueLen &&
               std::memcmp(value->data(), search[a].pValue, value->size()) == 0;
      }
      if (fits) {
        session->found.push_back(i + 1);
      }
    }
    return CKR_OK;
  }
  CK_RV find(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE* out, CK_ULONG most, CK_ULONG* count) {
    const std::lock_guard lock(mutex_);
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    *count = std::min<CK_ULONG>(most, session->found.size());
    std::copy_n(session->found.begin(), *count, out);
    session->found.erase(session->found.begin(),
                         session->found.begin() + static_cast<long>(*count));
    return CKR_OK;
  }
  CK_RV get(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE number, CK_ATTRIBUTE* wanted,
            CK_ULONG count) {
    const std::lock_guard lock(mutex_);
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    if (number == 0 || number > objects_.size()) {
      return CKR_OBJECT_HANDLE_INVALID;
    }
    for (CK_ULONG i = 0; i < count; ++i) {
      const auto value = attribute(objects_[number - 1], wanted[i].type);
      if (!value) {
        wanted[i].ulValueLen = static_cast<CK_ULONG>(-1);
        return CKR_ATTRIBUTE_TYPE_INVALID;
      }
      if (wanted[i].pValue != nullptr && wanted[i].ulValueLen >= value->size()) {
        std::memcpy(wanted[i].pValue, value->data(), value->size());
      }
      wanted[i].ulValueLen = value->size();
    }
    return CKR_OK;
  }
  CK_RV sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key) {
    const std::lock_guard lock(mutex_);
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    if (!logged_in_) {
      return CKR_USER_NOT_LOGGED_IN;
    }
    if (key == 0 || key > objects_.size()) {
      return CKR_KEY_HANDLE_INVALID;
    }
    session->signing = key;
    session->mechanism = mechanism;
    session->needs_context_login = always_;
    return CKR_OK;
  }
  CK_RV sign(CK_SESSION_HANDLE handle, const Octets& data, unsigned char* out, CK_ULONG* size) {
    std::unique_lock lock(mutex_);
    ++counts_.signs;
    ++now_signing_;
    counts_.most_at_once = std::max(counts_.most_at_once, now_signing_);
    hang(lock, Call::kSign);
    --now_signing_;
    Session* session = nullptr;
    if (const CK_RV rv = enter(handle, session); rv != CKR_OK) {
      return rv;
    }
    if (sign_errors_ != 0) {
      sign_errors_ -= sign_errors_ > 0 ? 1 : 0;
      return sign_error_;
    }
    if (!session->signing || session->needs_context_login) {
      return session->needs_context_login ? CKR_USER_NOT_LOGGED_IN : CKR_OPERATION_NOT_INITIALIZED;
    }
    const KeyPtr key = objects_[*session->signing - 1].key;
    const Octets made = muster::testing::sign_with(key.get(), session->mechanism, data);
    if (made.empty() || made.size() > *size) {
      return CKR_FUNCTION_FAILED;
    }
    std::copy(made.begin(), made.end(), out);
    *size = made.size();
    out[made.size() / 2] ^= static_cast<unsigned char>(corrupt_ ? 1 : 0);
    return CKR_OK;
  }

 private:
  template <class F>
  void with(F change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  void hang(std::unique_lock<std::mutex>& lock, Call call) {
    unsigned& nth = hangs_[static_cast<std::size_t>(call)];
    if (nth != 1) {
      nth -= nth > 1 ? 1 : 0;
      return;
    }
    ++now_hanging_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return nth != 1; });
    --now_hanging_;
  }
  CK_RV enter(CK_SESSION_HANDLE handle, Session*& session) {
    const auto at = sessions_.find(handle);
    if (removed_ || needs_restart_ || at == sessions_.end()) {
      return removed_         ? CKR_DEVICE_REMOVED
             : needs_restart_ ? CKR_DEVICE_ERROR
                              : CKR_SESSION_HANDLE_INVALID;
    }
    session = &at->second;
    return CKR_OK;
  }
  [[nodiscard]] std::optional<Octets> attribute(const TokenObject& object,
                                                CK_ATTRIBUTE_TYPE type) const {
    return type == CKA_ALWAYS_AUTHENTICATE ? Octets{static_cast<unsigned char>(always_ ? 1 : 0)}
                                           : muster::testing::attribute_of(object, type);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TokenObject> objects_;
  std::map<CK_SESSION_HANDLE, Session> sessions_;
  CK_SESSION_HANDLE last_session_ = 100;
  std::string pin_ = "1234";
  bool logged_in_ = false, removed_ = false, needs_restart_ = false, corrupt_ = false,
       always_ = false;
  std::array<unsigned, 6> hangs_{};  // by Call; 0: never, n: the n-th from now on
  unsigned serial_ = 0;
  static constexpr CK_SLOT_ID kSlot = 7;
  unsigned slots_ = 1;
  CK_RV sign_error_ = CKR_OK, open_error_ = CKR_OK, info_error_ = CKR_OK;
  int sign_errors_ = 0;
  unsigned now_hanging_ = 0, now_signing_ = 0;
  Counts counts_;
};

Token& token() {
  static Token& the = *new Token();
  return the;
}

/// What a function returns that nobody should need.
template <class F>
struct Unsupported;
template <class... A>
struct Unsupported<CK_RV (*)(A...)> {
  static CK_RV call(A... /*unused*/) { return CKR_FUNCTION_NOT_SUPPORTED; }
};

CK_RV get_function_list(CK_FUNCTION_LIST** list);

CK_FUNCTION_LIST make_list() {
  CK_FUNCTION_LIST f{};
  f.version = {2, 40};
#define NOT_SUPPORTED(name) f.name = &Unsupported<decltype(f.name)>::call
  NOT_SUPPORTED(C_InitToken), NOT_SUPPORTED(C_InitPIN), NOT_SUPPORTED(C_SetPIN),
      NOT_SUPPORTED(C_GetOperationState);
  NOT_SUPPORTED(C_SetOperationState), NOT_SUPPORTED(C_CreateObject), NOT_SUPPORTED(C_CopyObject),
      NOT_SUPPORTED(C_DestroyObject);
  NOT_SUPPORTED(C_GetObjectSize), NOT_SUPPORTED(C_SetAttributeValue), NOT_SUPPORTED(C_EncryptInit),
      NOT_SUPPORTED(C_Encrypt);
  NOT_SUPPORTED(C_EncryptUpdate), NOT_SUPPORTED(C_EncryptFinal), NOT_SUPPORTED(C_DecryptInit),
      NOT_SUPPORTED(C_Decrypt);
  NOT_SUPPORTED(C_DecryptUpdate), NOT_SUPPORTED(C_DecryptFinal), NOT_SUPPORTED(C_DigestInit),
      NOT_SUPPORTED(C_Digest);
  NOT_SUPPORTED(C_DigestUpdate), NOT_SUPPORTED(C_DigestKey), NOT_SUPPORTED(C_DigestFinal),
      NOT_SUPPORTED(C_SignUpdate);
  NOT_SUPPORTED(C_SignFinal), NOT_SUPPORTED(C_SignRecoverInit), NOT_SUPPORTED(C_SignRecover),
      NOT_SUPPORTED(C_VerifyInit);
  NOT_SUPPORTED(C_Verify), NOT_SUPPORTED(C_VerifyUpdate), NOT_SUPPORTED(C_VerifyFinal),
      NOT_SUPPORTED(C_VerifyRecoverInit);
  NOT_SUPPORTED(C_VerifyRecover), NOT_SUPPORTED(C_DigestEncryptUpdate),
      NOT_SUPPORTED(C_DecryptDigestUpdate);
  NOT_SUPPORTED(C_SignEncryptUpdate), NOT_SUPPORTED(C_DecryptVerifyUpdate),
      NOT_SUPPORTED(C_GenerateKey);
  NOT_SUPPORTED(C_GenerateKeyPair), NOT_SUPPORTED(C_WrapKey), NOT_SUPPORTED(C_UnwrapKey),
      NOT_SUPPORTED(C_DeriveKey);
  NOT_SUPPORTED(C_SeedRandom), NOT_SUPPORTED(C_GenerateRandom), NOT_SUPPORTED(C_GetFunctionStatus),
      NOT_SUPPORTED(C_CancelFunction);
  NOT_SUPPORTED(C_WaitForSlotEvent), NOT_SUPPORTED(C_GetMechanismList),
      NOT_SUPPORTED(C_GetSessionInfo), NOT_SUPPORTED(C_Logout);
#undef NOT_SUPPORTED
  f.C_Initialize = [](void*) { return token().initialise(); };
  f.C_Finalize = [](void*) { return token().finalise(); };
  f.C_GetInfo = [](CK_INFO* info) {
    std::memset(info, 0, sizeof *info);
    info->cryptokiVersion = {2, 40};
    return static_cast<CK_RV>(CKR_OK);
  };
  f.C_GetFunctionList = get_function_list;
  f.C_GetSlotList = [](CK_BBOOL, CK_SLOT_ID* out, CK_ULONG* count) {
    return token().slots(out, count);
  };
  f.C_GetSlotInfo = [](CK_SLOT_ID, CK_SLOT_INFO* info) {
    std::memset(info, 0, sizeof *info);
    info->flags = CKF_TOKEN_PRESENT;
    return static_cast<CK_RV>(CKR_OK);
  };
  f.C_GetTokenInfo = [](CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
    return token().token_info(slot, info);
  };
  f.C_GetMechanismInfo = [](CK_SLOT_ID, CK_MECHANISM_TYPE, CK_MECHANISM_INFO* info) {
    *info = {0, 0, CKF_SIGN};
    return static_cast<CK_RV>(CKR_OK);
  };
  f.C_OpenSession = [](CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY, CK_SESSION_HANDLE* out) {
    return token().open(out);
  };
  f.C_CloseSession = [](CK_SESSION_HANDLE session) { return token().close(session); };
  f.C_CloseAllSessions = [](CK_SLOT_ID) { return token().finalise(); };
  f.C_Login = [](CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
    return token().login(session, user, std::string(reinterpret_cast<char*>(pin), size));
  };
  f.C_FindObjectsInit = [](CK_SESSION_HANDLE session, CK_ATTRIBUTE* search, CK_ULONG count) {
    return token().find_init(session, search, count);
  };
  f.C_FindObjects = [](CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* out, CK_ULONG most,
                       CK_ULONG* count) { return token().find(session, out, most, count); };
  f.C_FindObjectsFinal = [](CK_SESSION_HANDLE) { return static_cast<CK_RV>(CKR_OK); };
  f.C_GetAttributeValue = [](CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                             CK_ATTRIBUTE* wanted, CK_ULONG count) {
    return token().get(session, object, wanted, count);
  };
  f.C_SignInit = [](CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return token().sign_init(session, mechanism->mechanism, key);
  };
  f.C_Sign = [](CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* out,
                CK_ULONG* out_size) {
    return token().sign(session, Octets(data, data + size), out, out_size);
  };
  return f;
}

CK_RV get_function_list(CK_FUNCTION_LIST** list) {
  static CK_FUNCTION_LIST the = make_list();
  *list = &the;
  return CKR_OK;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) muster::testing::FaultToken* muster_fault_token();
muster::testing::FaultToken* muster_fault_token() { return &token(); }
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  return get_function_list(list);
}
}
