#pragma once

#include <memory>
#include <string>

#include "muster/testing/temp_dir.h"

namespace muster::testing {

/// A SoftHSM2 with a token of its own in a temporary directory: label "demo", PIN "1234".
/// SOFTHSM2_CONF of this process points to it from the first one made until the process ends;
/// several tokens may be made in one process.
class SoftHsm {
 public:
  /// Null when SoftHSM2 is not installed.
  static std::unique_ptr<SoftHsm> make(const std::string& label = "demo");
  ~SoftHsm();
  /// Puts a private key and its public half there. `id`: two hexadecimal digits.
  void import(const std::string& pem, const std::string& label, const std::string& id);
  /// URI of an object: module, token and PIN file included.
  [[nodiscard]] std::string uri(const std::string& object) const;
  [[nodiscard]] const std::string& module() const { return module_; }
  [[nodiscard]] const std::string& pin_file() const { return pin_file_; }

 private:
  SoftHsm(std::string module, std::string label)
      : module_(std::move(module)), label_(std::move(label)) {}
  std::string module_, label_, pin_file_;
  TempDir dir_;
};

}  // namespace muster::testing
