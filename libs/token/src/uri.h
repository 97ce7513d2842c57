#pragma once

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include <memory>

#include "muster/token/token_key.h"

namespace muster::token {

/// A PKCS#11 URI that names one private key; p11-kit reads it. Immutable; any thread.
class KeyUri {
 public:
  static pki::PkiResult<KeyUri> parse(std::string_view text);

  /// "pkcs11:token=demo;object=ocsp": without the query, so without anything about the PIN.
  [[nodiscard]] const std::string& text() const { return text_; }
  /// What tells tokens apart: module and token parts.
  [[nodiscard]] const std::string& token_text() const { return token_text_; }
  [[nodiscard]] const std::string& module_path() const {
    return module_path_;
  }  ///< empty: not given
  [[nodiscard]] const std::string& module_name() const {
    return module_name_;
  }                                                                        ///< empty: not given
  [[nodiscard]] const std::string& pin_file() const { return pin_file_; }  ///< empty: not given
  [[nodiscard]] bool matches(CK_SLOT_ID slot, const CK_TOKEN_INFO& token) const;
  /// CKA_LABEL and CKA_ID as far as given, as a search template of objects of one class.
  [[nodiscard]] std::vector<CK_ATTRIBUTE> search_for(const CK_OBJECT_CLASS& object_class) const;

 private:
  struct Free {
    void operator()(P11KitUri* uri) const noexcept { p11_kit_uri_free(uri); }
  };
  std::shared_ptr<P11KitUri> uri_;
  std::string text_, token_text_, module_path_, module_name_, pin_file_;
};

}  // namespace muster::token
