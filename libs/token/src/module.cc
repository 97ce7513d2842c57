#include "module.h"

#include <p11-kit/p11-kit.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace muster::token {
namespace {

using pki::PkiErrc;
using pki::PkiError;

std::string why(CK_RV rv) {
  const char* message = p11_kit_message();
  return message != nullptr ? message : p11_kit_strerror(rv);
}

struct Uses {
  Mutex mutex;
  std::map<std::string, std::unique_ptr<ModuleUse>> all MUSTER_GUARDED_BY(mutex);
};

}  // namespace

ModuleUse& ModuleUse::of(const KeyUri& uri) {
  static Uses& uses =
      *new Uses();  // never destroyed: threads that hang in a module may outlive main()
  const MutexLock lock(uses.mutex);
  auto& use = uses.all[uri.module_path()];
  if (use == nullptr) {
    use = std::make_unique<ModuleUse>();
  }
  return *use;
}

pki::PkiResult<std::shared_ptr<const Modules>> Modules::load(const KeyUri& uri) {
  static std::once_flag once;
  std::call_once(once, [] { p11_kit_be_quiet(); });  // libraries do not print
  const std::shared_ptr<Modules> out(new Modules());
  if (!uri.module_path().empty()) {
    CK_FUNCTION_LIST* module = p11_kit_module_load(uri.module_path().c_str(), 0);
    if (module == nullptr) {
      return Err{PkiError{PkiErrc::kUnreadable,
                          "PKCS#11 module " + uri.module_path() + ": " + why(CKR_GENERAL_ERROR)}};
    }
    if (const CK_RV rv = p11_kit_module_initialize(module); rv != CKR_OK) {
      const std::string reason = why(rv);
      p11_kit_module_release(module);
      return Err{PkiError{PkiErrc::kUnreadable,
                          "PKCS#11 module " + uri.module_path() + " does not start: " + reason}};
    }
    out->modules_.push_back(module);
    return std::shared_ptr<const Modules>(out);
  }
  out->list_ = p11_kit_modules_load(nullptr, 0);
  if (out->list_ == nullptr) {
    return Err{PkiError{PkiErrc::kUnreadable,
                        "p11-kit's configured PKCS#11 modules: " + why(CKR_GENERAL_ERROR)}};
  }
  p11_kit_modules_initialize(out->list_, nullptr);  // takes those that fail out of the list
  for (CK_FUNCTION_LIST** at = out->list_; *at != nullptr; ++at) {
    char* name = p11_kit_module_get_name(*at);
    if (uri.module_name().empty() || (name != nullptr && uri.module_name() == name)) {
      out->modules_.push_back(*at);
    }
    std::free(name);
  }
  if (out->modules_.empty()) {
    return Err{PkiError{PkiErrc::kUnreadable,
                        uri.module_name().empty()
                            ? "p11-kit is configured with no PKCS#11 module that starts; name one "
                              "with module-path=/PATH behind \"?\""
                            : "p11-kit has no working module \"" + uri.module_name() +
                                  "\" (p11-kit list-modules shows them)"}};
  }
  return std::shared_ptr<const Modules>(out);
}

Modules::~Modules() {
  if (list_ != nullptr) {
    p11_kit_modules_finalize(list_);
    p11_kit_modules_release(list_);
    return;
  }
  for (CK_FUNCTION_LIST* module : modules_) {
    p11_kit_module_finalize(module);
    p11_kit_module_release(module);
  }
}

}  // namespace muster::token
