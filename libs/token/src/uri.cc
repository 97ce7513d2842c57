#include "uri.h"

#include <cstdlib>

#include "muster/base/text.h"
#include "muster/token/bare_uri.h"

namespace muster::token {
namespace {

using pki::PkiErrc;
using pki::PkiError;

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::size_t kMaxUriBytes = 4096;

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

std::string format(P11KitUri* uri, P11KitUriType what) {
  char* text = nullptr;
  std::string out;
  if (p11_kit_uri_format(uri, what, &text) == P11_KIT_URI_OK) {
    out = text;
  }
  std::free(text);
  return out;
}

Err<PkiError> bad(const std::string& why) {
  return Err{PkiError{PkiErrc::kNotAKey, "PKCS#11 URI: " + why}};
}

/// "file:PATH" or an absolute path; nothing for anything else, "|program" among it.
std::optional<std::string> file_of(std::string_view pin_source) {
  if (pin_source.starts_with("file:///")) {
    return std::string(pin_source.substr(7));
  }
  if (pin_source.starts_with("file:") && !pin_source.starts_with("file://")) {
    pin_source.remove_prefix(5);
    return pin_source.empty() ? std::nullopt : std::optional(std::string(pin_source));
  }
  return pin_source.starts_with('/') ? std::optional(std::string(pin_source)) : std::nullopt;
}

}  // namespace

pki::PkiResult<KeyUri> KeyUri::parse(std::string_view text) {
  if (!is_key_uri(text) || text.size() > kMaxUriBytes ||
      text.find('\0') != std::string_view::npos) {
    return bad("it must begin with \"pkcs11:\" and have at most 4096 characters");
  }
  KeyUri out;
  out.uri_ = std::shared_ptr<P11KitUri>(p11_kit_uri_new(), Free());
  MUSTER_ASSERT(out.uri_ != nullptr);
  P11KitUri* uri = out.uri_.get();
  if (const int code = p11_kit_uri_parse(std::string(text).c_str(), P11_KIT_URI_FOR_ANY, uri);
      code != P11_KIT_URI_OK) {
    return bad(text_or_empty(p11_kit_uri_message(code)));
  }
  if (p11_kit_uri_get_pin_value(uri) != nullptr) {
    return bad("a PIN (pin-value) does not belong into a configuration; use pin-source=file:PATH");
  }
  if (p11_kit_uri_any_unrecognized(uri) != 0) {
    return bad(
        "an attribute before \"?\" is not one of RFC 7512 (token, manufacturer, serial, model, "
        "object, id, type, slot-id...)");
  }
  const std::string pin_source = text_or_empty(p11_kit_uri_get_pin_source(uri));
  if (!pin_source.empty()) {
    const auto file = file_of(pin_source);
    if (!file) {
      return bad("pin-source must be \"file:PATH\" or an absolute path");
    }
    out.pin_file_ = *file;
  }
  const CK_ATTRIBUTE* object_class = p11_kit_uri_get_attribute(uri, CKA_CLASS);
  if (object_class != nullptr && object_class->ulValueLen == sizeof(CK_OBJECT_CLASS) &&
      *static_cast<const CK_OBJECT_CLASS*>(object_class->pValue) != CKO_PRIVATE_KEY) {
    return bad("type must be private (or left out): a key is wanted that signs");
  }
  if (p11_kit_uri_get_attribute(uri, CKA_LABEL) == nullptr &&
      p11_kit_uri_get_attribute(uri, CKA_ID) == nullptr) {
    return bad("it does not say which key: add object=NAME or id=%01");
  }
  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(uri);
  const bool names_token = token->label[0] != '\0' || token->serialNumber[0] != '\0';
  if (!names_token && p11_kit_uri_get_slot_id(uri) == static_cast<CK_SLOT_ID>(-1)) {
    return bad("it does not say which token: add token=LABEL, serial=NUMBER or slot-id=NUMBER");
  }
  out.module_path_ = text_or_empty(p11_kit_uri_get_module_path(uri));
  out.module_name_ = text_or_empty(p11_kit_uri_get_module_name(uri));
  if (!out.module_path_.empty() && out.module_path_.front() != '/') {
    return bad("module-path must be absolute");
  }
  out.text_ = std::string(text.substr(0, text.find('?')));
  out.token_text_ =
      out.module_path_ + "|" + out.module_name_ + "|" +
      format(uri, static_cast<P11KitUriType>(P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_SLOT));
  return out;
}

bool KeyUri::matches(CK_SLOT_ID slot, const CK_TOKEN_INFO& token) const {
  const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri_.get());
  CK_TOKEN_INFO copy = token;
  return (wanted == static_cast<CK_SLOT_ID>(-1) || wanted == slot) &&
         p11_kit_uri_match_token_info(uri_.get(), &copy) == 1;
}

std::vector<CK_ATTRIBUTE> KeyUri::search_for(const CK_OBJECT_CLASS& object_class) const {
  // The interface of PKCS#11 knows no const; a search does not write to its template.
  std::vector<CK_ATTRIBUTE> all = {
      {CKA_CLASS, const_cast<CK_OBJECT_CLASS*>(&object_class), sizeof object_class}};
  for (const CK_ATTRIBUTE_TYPE type : {CKA_LABEL, CKA_ID}) {
    if (const CK_ATTRIBUTE* given = p11_kit_uri_get_attribute(uri_.get(), type)) {
      all.push_back(*given);
    }
  }
  return all;
}

bool is_key_uri(std::string_view text) { return text.starts_with(kScheme); }

pki::PkiResult<Unit> check_key_uri(std::string_view uri) {
  MUSTER_CHECK(KeyUri::parse(uri));
  return Unit{};
}

pki::PkiResult<Unit> check_bare_key_uri(std::string_view text) {
  MUSTER_TRY(const KeyUri uri, KeyUri::parse(text));
  // Judged as p11-kit understood it, so that no spelling gets by.
  if (!uri.module_path().empty() || !uri.module_name().empty()) {
    return bad(
        "module-path and module-name are not taken from here, for a module is code that runs in "
        "this process; make the module "
        "known to p11-kit (a .module file; p11-kit list-modules shows them) and leave them out");
  }
  if (!uri.pin_file().empty()) {
    return bad(
        "pin-source is not taken from here; give the PIN by key_pass in the configuration and "
        "leave it out");
  }
  return Unit{};
}

}  // namespace muster::token
