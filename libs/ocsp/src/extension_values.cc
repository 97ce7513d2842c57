#include "muster/ocsp/ocsp.h"

namespace muster::ocsp {

using der::AlgorithmView;
using der::context_constructed;
using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;
using der::Writer;

DerResult<NonceView> parse_nonce(Bytes extension_value) {
  NonceView nonce{NonceForm::kLegacyRaw, extension_value, extension_value};
  Reader in(extension_value);
  if (const auto wrapped = in.read(Tag::kOctetString, "nonce"); wrapped && in.at_end()) {
    nonce.form = NonceForm::kWrapped;
    nonce.octets = *wrapped;
  }
  if (nonce.octets.empty()) {
    return Err{DerError{DerErrc::kBadValue, 0, "nonce"}};
  }
  if (nonce.octets.size() > kMaxNonceOctets) {
    return Err{DerError{DerErrc::kTooLarge, 0, "nonce"}};
  }
  return nonce;
}

Buffer encode_nonce(Bytes nonce) {
  MUSTER_ASSERT(!nonce.empty() && nonce.size() <= kMaxNonceOctets);
  Writer out;
  out.octet_string(nonce);
  return out.take();
}

DerResult<CrlIdView> parse_crl_id(Bytes extension_value) {
  return der::read_all(
      extension_value, Tag::kSequence, "crlID", [](Reader& in) -> DerResult<CrlIdView> {
        CrlIdView id;
        MUSTER_TRY(std::optional<Reader> url, in.enter_optional(context_constructed(0), "crlUrl"));
        if (url) {
          MUSTER_TRY(id.url, url->read(Tag::kIa5String, "crlUrl"));
          MUSTER_CHECK(url->finish("crlUrl"));
        }
        MUSTER_TRY(std::optional<Reader> number,
                   in.enter_optional(context_constructed(1), "crlNum"));
        if (number) {
          MUSTER_TRY(id.number, number->read_integer("crlNum"));
          MUSTER_CHECK(number->finish("crlNum"));
        }
        MUSTER_TRY(std::optional<Reader> time,
                   in.enter_optional(context_constructed(2), "crlTime"));
        if (time) {
          MUSTER_TRY(id.time, der::read_generalized_time(*time, "crlTime"));
          MUSTER_CHECK(time->finish("crlTime"));
        }
        return id;
      });
}

Buffer encode_crl_id(const CrlIdView& id) {
  Writer out;
  out.sequence([&] {
    if (id.url) {
      out.element(context_constructed(0), [&] { out.element(Tag::kIa5String, *id.url); });
    }
    if (id.number) {
      out.element(context_constructed(1), [&] { out.integer_octets(*id.number); });
    }
    if (id.time) {
      out.element(context_constructed(2), [&] { der::write_generalized_time(out, *id.time); });
    }
  });
  return out.take();
}

namespace {

/// SEQUENCE OF elements read by `read(Reader&)`, at most kMaxListedAlgorithms.
template <class T, class Read>
DerResult<std::vector<T>> parse_short_list(Bytes extension_value, std::string_view field,
                                           Read&& read) {
  return der::read_all(extension_value, Tag::kSequence, field,
                       [&](Reader& in) -> DerResult<std::vector<T>> {
                         std::vector<T> entries;
                         while (!in.at_end()) {
                           if (entries.size() == kMaxListedAlgorithms) {
                             return Err{DerError{DerErrc::kTooLarge, in.offset(), field}};
                           }
                           MUSTER_TRY(const T entry, read(in));
                           entries.push_back(entry);
                         }
                         return entries;
                       });
}

}  // namespace

DerResult<std::vector<Bytes>> parse_acceptable_responses(Bytes extension_value) {
  return parse_short_list<Bytes>(extension_value, "acceptableResponses",
                                 [](Reader& in) { return in.read_oid("acceptableResponses"); });
}

Buffer encode_acceptable_responses(const std::vector<Buffer>& oids) {
  Writer out;
  out.sequence([&] {
    for (const Buffer& oid : oids) {
      out.oid(oid);
    }
  });
  return out.take();
}

DerResult<UnixSeconds> parse_archive_cutoff(Bytes extension_value) {
  Reader in(extension_value);
  MUSTER_TRY(const UnixSeconds cutoff, der::read_generalized_time(in, "archiveCutoff"));
  MUSTER_CHECK(in.finish("archiveCutoff"));
  return cutoff;
}

Buffer encode_archive_cutoff(UnixSeconds t) {
  Writer out;
  der::write_generalized_time(out, t);
  return out.take();
}

DerResult<ServiceLocatorView> parse_service_locator(Bytes extension_value) {
  return der::read_all(extension_value, Tag::kSequence, "serviceLocator",
                       [](Reader& in) -> DerResult<ServiceLocatorView> {
                         ServiceLocatorView locator;
                         MUSTER_TRY(locator.issuer, der::read_name(in, "issuer"));
                         if (!in.at_end()) {
                           const Reader start = in;
                           MUSTER_CHECK(der::read_access_descriptions(in, "locator"));
                           locator.locator = in.consumed_since(start);
                         }
                         return locator;
                       });
}

Buffer encode_service_locator(const ServiceLocatorView& locator) {
  Writer out;
  out.sequence([&] {
    out.raw(locator.issuer);
    out.raw(locator.locator.value_or(Bytes()));
  });
  return out.take();
}

DerResult<std::vector<PreferredSignatureView>> parse_preferred_signatures(Bytes extension_value) {
  return parse_short_list<PreferredSignatureView>(
      extension_value, "preferredSignatureAlgorithms",
      [](Reader& in) -> DerResult<PreferredSignatureView> {
        PreferredSignatureView preferred;
        MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "preferredSignatureAlgorithm"));
        MUSTER_TRY(preferred.signature, der::read_algorithm(body, "sigIdentifier"));
        if (!body.at_end()) {
          MUSTER_TRY(preferred.public_key, der::read_algorithm(body, "certIdentifier"));
        }
        MUSTER_CHECK(body.finish("preferredSignatureAlgorithm"));
        return preferred;
      });
}

Buffer encode_preferred_signatures(const std::vector<PreferredSignatureView>& list) {
  Writer out;
  const auto write_algorithm = [&out](const AlgorithmView& algorithm) {
    out.sequence([&] {
      out.oid(algorithm.oid);
      out.raw(algorithm.parameters.value_or(Bytes()));
    });
  };
  out.sequence([&] {
    for (const PreferredSignatureView& preferred : list) {
      out.sequence([&] {
        write_algorithm(preferred.signature);
        if (preferred.public_key) {
          write_algorithm(*preferred.public_key);
        }
      });
    }
  });
  return out.take();
}

DerResult<Unit> parse_null_value(Bytes extension_value, std::string_view field) {
  Reader in(extension_value);
  MUSTER_CHECK(in.read_null(field));
  return in.finish(field);
}

}  // namespace muster::ocsp
