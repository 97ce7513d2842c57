#include <dlfcn.h>
#include <gtest/gtest.h>

#include "muster/testing/fault_token.h"

namespace muster::testing {

FaultToken& fault_token(const std::string& path) {
  // Never closed: the module keeps its state while p11-kit loads and unloads it.
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    ADD_FAILURE() << ::dlerror();
    std::abort();
  }
  using Get = FaultToken* (*)();
  return *reinterpret_cast<Get>(::dlsym(module, "muster_fault_token"))();
}

}  // namespace muster::testing
