#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "turn.h"
#include "uri.h"

namespace muster::token {

/// What everybody shares who uses one module: by its path, or all that p11-kit is configured with.
/// Threads: any.
struct ModuleUse {
  Turn start;  ///< C_Initialize is not entered by a second thread while it hangs
  /// Threads that hang although their pool was let go.
  std::atomic<unsigned> lost{0};
  /// Lives as long as the process.
  static ModuleUse& of(const KeyUri& uri);
};

/// PKCS#11 modules, loaded and initialised through p11-kit: it counts users of a module in this
/// process, so that nobody shuts down what another part still uses. Threads: immutable, any.
class Modules {
 public:
  /// Those a URI asks for. Errors: kUnreadable (does not load or initialise; p11-kit's words).
  static pki::PkiResult<std::shared_ptr<const Modules>> load(const KeyUri& uri);
  ~Modules();
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;

  [[nodiscard]] const std::vector<CK_FUNCTION_LIST*>& all() const { return modules_; }

 private:
  Modules() = default;
  std::vector<CK_FUNCTION_LIST*> modules_;  // initialised
  CK_FUNCTION_LIST** list_ = nullptr;       // as p11-kit gave it; null for a single module
};

}  // namespace muster::token
