#include <algorithm>

#include "muster/der/heads.h"
#include "muster/ocsp/encode_into.h"

// Owners from views, and owners to canonical DER.
namespace muster::ocsp {

using der::context_constructed;
using der::context_primitive;
using der::Tag;
using der::Writer;

namespace {

std::vector<der::Extension> own(const der::ExtensionsView& views) {
  std::vector<der::Extension> extensions;
  extensions.reserve(views.size());
  for (const der::ExtensionView& view : views) {
    extensions.push_back({to_buffer(view.oid), view.critical, to_buffer(view.value)});
  }
  return extensions;
}

SignaturePart own_signature(const der::AlgorithmView& algorithm, Bytes signature,
                            const CertificateList& certificates) {
  SignaturePart part{to_buffer(algorithm.raw), to_buffer(signature), {}};
  for (const Bytes certificate : certificates) {
    part.certificates.push_back(to_buffer(certificate));
  }
  return part;
}

/// `[tag] EXPLICIT Extensions OPTIONAL`, omitted when empty (OCSP-COD-012).
void write_extensions(Writer& out, unsigned tag, const std::vector<der::Extension>& extensions) {
  if (extensions.empty()) {
    return;
  }
  out.element(context_constructed(tag), [&] {
    out.sequence([&] {
      for (const der::Extension& extension : extensions) {
        der::write_extension(out, extension.oid, extension.critical, extension.value);
      }
    });
  });
}

/// Octets of an element with so much content.
std::size_t whole(std::size_t content_bytes) {
  return der::head_bytes(content_bytes) + content_bytes;
}

std::size_t certificates_bytes(const SignaturePart& part) {
  std::size_t bytes = 0;
  for (const Buffer& certificate : part.certificates) {
    bytes += certificate.size();
  }
  return bytes;
}

/// The three fields that end both Signature and BasicOCSPResponse.
void write_signature_fields(Writer& out, const SignaturePart& part) {
  out.raw(part.algorithm);
  out.octet_bits(part.signature);
  if (part.certificates.empty()) {
    return;
  }
  const std::size_t bytes = certificates_bytes(part);
  der::write_head(out, context_constructed(0), whole(bytes));
  der::write_head(out, Tag::kSequence, bytes);
  for (const Buffer& certificate : part.certificates) {
    out.raw(certificate);
  }
}
std::size_t signature_fields_bytes(const SignaturePart& part) {
  return part.algorithm.size() + whole(1 + part.signature.size()) +
         (part.certificates.empty() ? 0 : whole(whole(certificates_bytes(part))));
}

void write_cert_status(Writer& out, const CertStatus& status) {
  if (const auto* revoked = std::get_if<Revoked>(&status)) {
    out.element(context_constructed(1), [&] {
      der::write_generalized_time(out, revoked->time);
      if (revoked->reason) {
        out.element(context_constructed(0),
                    [&] { out.enumerated(static_cast<std::uint8_t>(*revoked->reason)); });
      }
    });
    return;
  }
  const bool is_good = std::holds_alternative<Good>(status);
  out.element(context_primitive(is_good ? 0 : 2), Bytes());
}

void write_single_response(Writer& out, const SingleResponse& single) {
  out.sequence([&] {
    out.raw(single.cert_id);
    write_cert_status(out, single.status);
    der::write_generalized_time(out, single.this_update);
    if (single.next_update) {
      out.element(context_constructed(0),
                  [&] { der::write_generalized_time(out, *single.next_update); });
    }
    write_extensions(out, 1, single.extensions);
  });
}

}  // namespace

SignaturePart SignatureView::to_owned() const {
  return own_signature(algorithm, signature, certificates);
}

Request RequestView::to_owned() const {
  Request owner;
  for (const SingleRequestView& single : requests) {
    owner.requests.push_back({single.cert_id.to_owned(), own(single.extensions)});
  }
  if (requestor_name) {
    owner.requestor_name = to_buffer(*requestor_name);
  }
  owner.extensions = own(extensions);
  return owner;
}

SingleResponse SingleResponseView::to_owned() const {
  return {to_buffer(cert_id.raw), status, this_update, next_update, own(extensions)};
}

ResponseData BasicResponseView::to_owned() const {
  ResponseData owner;
  if (const auto* by_name = std::get_if<ResponderByName>(&responder_id)) {
    owner.responder_id = to_buffer(by_name->name);
  } else {
    const Bytes hash = std::get<ResponderByKey>(responder_id).key_hash;
    std::copy(hash.begin(), hash.end(),
              owner.responder_id.emplace<std::array<std::uint8_t, 20>>().begin());
  }
  owner.produced_at = produced_at;
  owner.responses.reserve(responses.size());
  for (const SingleResponseView& single : responses) {
    owner.responses.push_back(single.to_owned());
  }
  owner.extensions = own(extensions);
  return owner;
}

SignaturePart BasicResponseView::signature_part() const {
  return own_signature(signature_algorithm, signature, certificates);
}

Buffer encode_tbs_request(const Request& request) {
  MUSTER_ASSERT(!request.requests.empty());
  Writer out;
  out.sequence([&] {
    if (request.requestor_name) {
      out.element(context_constructed(1), *request.requestor_name);
    }
    out.sequence([&] {
      for (const Request::Entry& entry : request.requests) {
        out.sequence([&] {
          out.raw(entry.cert_id.der());
          write_extensions(out, 0, entry.extensions);
        });
      }
    });
    write_extensions(out, 2, request.extensions);
  });
  return out.take();
}

Buffer encode_request(Bytes tbs_request, const SignaturePart* signature) {
  Writer out;
  out.sequence([&] {
    out.raw(tbs_request);
    if (signature != nullptr) {
      out.element(context_constructed(0),
                  [&] { out.sequence([&] { write_signature_fields(out, *signature); }); });
    }
  });
  return out.take();
}

Buffer encode_request(const Request& request) {
  return encode_request(encode_tbs_request(request), nullptr);
}

void encode_response_data_into(const ResponseData& data, Buffer& into) {
  Writer out(std::move(into));
  out.sequence([&] {
    if (const auto* name = std::get_if<Buffer>(&data.responder_id)) {
      out.element(context_constructed(1), *name);
    } else {
      out.element(context_constructed(2), [&] {
        out.octet_string(std::get<std::array<std::uint8_t, 20>>(data.responder_id));
      });
    }
    der::write_generalized_time(out, data.produced_at);
    out.sequence([&] {
      for (const SingleResponse& single : data.responses) {
        write_single_response(out, single);
      }
    });
    write_extensions(out, 1, data.extensions);
  });
  into = out.take();
}

Buffer encode_response_data(const ResponseData& data) {
  Buffer out;
  encode_response_data_into(data, out);
  return out;
}

void encode_response_into(Bytes response_data, const SignaturePart& signature, Buffer& into) {
  // From the inside out: with the lengths known before, nothing written has to be moved.
  const std::size_t basic = response_data.size() + signature_fields_bytes(signature);
  const std::size_t response_bytes = whole(sizeof oid::kOcspBasic) + whole(whole(basic));
  constexpr std::size_t kStatus = 3;
  const std::size_t response = kStatus + whole(whole(response_bytes));

  Writer out(std::move(into));
  der::write_head(out, Tag::kSequence, response);
  out.enumerated(static_cast<std::uint8_t>(ResponseStatus::kSuccessful));
  der::write_head(out, context_constructed(0), whole(response_bytes));
  der::write_head(out, Tag::kSequence, response_bytes);
  out.oid(oid::kOcspBasic);
  der::write_head(out, Tag::kOctetString, whole(basic));
  der::write_head(out, Tag::kSequence, basic);
  out.raw(response_data);
  write_signature_fields(out, signature);
  into = out.take();
  MUSTER_ASSERT(into.size() == whole(response));
}

Buffer encode_response(Bytes response_data, const SignaturePart& signature) {
  Buffer out;
  encode_response_into(response_data, signature, out);
  return out;
}

Buffer encode_error_response(ResponseStatus status) {
  MUSTER_ASSERT(status != ResponseStatus::kSuccessful);
  Writer out;
  out.sequence([&] { out.enumerated(static_cast<std::uint8_t>(status)); });
  return out.take();
}

}  // namespace muster::ocsp
