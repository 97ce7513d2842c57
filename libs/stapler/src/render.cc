#include "muster/stapler/render.h"

#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

Buffer text_buffer(const std::string& text) { return to_buffer(as_bytes(text)); }

std::string dump(const Json& document) {
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string pem(Bytes der) {
  constexpr std::size_t kLine = 64;
  const std::string text = http::base64_encode(der);
  std::string out = "-----BEGIN OCSP RESPONSE-----\n";
  for (std::size_t at = 0; at < text.size(); at += kLine) {
    out += text.substr(at, kLine) + '\n';
  }
  return out + "-----END OCSP RESPONSE-----\n";
}

/// Only our own field: `kubectl apply --server-side` merges it with certificate and key, which stay
/// with whoever manages them, and takes it away when it is no longer there.
std::string secret(const TargetOptions& target, const TargetSubject& subject, const Bytes* der) {
  Json data = Json::object();
  if (der != nullptr) {
    data["tls.ocsp-staple"] = http::base64_encode(*der);
  }
  return dump({{"apiVersion", "v1"},
               {"kind", "Secret"},
               {"type", "kubernetes.io/tls"},
               {"metadata",
                {{"name", expand_template(target.k8s_secret, subject)},
                 {"namespace", target.k8s_namespace}}},
               {"data", std::move(data)}});
}

std::string sds(const TargetOptions& target, const TargetSubject& subject, const Bytes* der) {
  Json certificate = {
      {"certificate_chain", {{"filename", subject.path}}},
      {"private_key", {{"filename", expand_template(target.key, subject)}}},
  };
  if (der != nullptr) {
    certificate["ocsp_staple"] = {{"inline_bytes", http::base64_encode(*der)}};
  }
  const Json resource = {
      {"@type", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"},
      {"name", subject.subject.name},
      {"tls_certificate", std::move(certificate)}};
  return dump({{"resources", Json::array({resource})}});
}

}  // namespace

std::optional<Buffer> render(const TargetOptions& target, const TargetSubject& subject,
                             const keeper::StaplePointer& staple) {
  const TargetRow& row = row_of(target.kind);
  if (!staple && row.empty == Empty::kRemove) {
    return std::nullopt;
  }
  if (!staple && row.empty == Empty::kEmptied) {
    return Buffer{};
  }
  const Bytes octets = staple ? staple->der() : Bytes();
  const Bytes* const der = staple ? &octets : nullptr;
  switch (target.form.value_or(row.form)) {
    case Form::kDer:
      return to_buffer(octets);
    case Form::kPem:
      return text_buffer(pem(octets));
    case Form::kSecret:
      return text_buffer(secret(target, subject, der));
    case Form::kSds:
      return text_buffer(sds(target, subject, der));
  }
  return std::nullopt;
}

std::string render_nginx_snippet(const TargetSubject& subject, const std::string& file,
                                 bool has_staple) {
  // A name is the name of a file, and may hold a line of configuration.
  const std::string head = "# Written by muster for the certificate '" +
                           printable(subject.subject.name) + "'; include it in its server block.\n";
  return has_staple ? head + "ssl_stapling on;\nssl_stapling_file \"" + file + "\";\n"
                    : head + "# There is no valid staple at present.\nssl_stapling off;\n";
}

}  // namespace muster::stapler
