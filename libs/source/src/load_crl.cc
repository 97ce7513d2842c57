#include <unistd.h>

#include <cerrno>

#include "load_parts.h"
#include "muster/pki/verified_crl.h"

namespace muster::source {
namespace {

Result<Buffer, SourceError> read_all(const OpenFile& file, const std::string& path, const LoadOptions& options) {
  if (file.stamp.size > options.max_crl_bytes) {
    return Err{source_error(SourceErrc::kMalformed, path,
                            "larger than " + std::to_string(options.max_crl_bytes) + " octets (raise the limit)")};
  }
  Buffer content(file.stamp.size);
  for (std::size_t held = 0; held < content.size();) {
    const ssize_t got = ::pread(file.fd.get(), content.data() + held, content.size() - held, static_cast<off_t>(held));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return Err{SourceError{SourceErrc::kUnreadable, to_string(FileError{FileErrc::kRead, errno, path})}};
    }
    if (got == 0) {
      return Err{source_error(SourceErrc::kChanging, path, "it became shorter while it was read; it will be read again")};
    }
    held += static_cast<std::size_t>(got);
  }
  MUSTER_CHECK(check_unchanged(file, path));
  return content;
}

/// As the only source of an issuer a CRL must speak about all its certificates and all reasons.
Result<Unit, SourceError> check_scope(const crl::CrlView& crl, const std::string& path) {
  std::string_view what;
  if (crl.is_delta) {
    what = "a delta CRL lists changes only (give the complete CRL)";
  } else if (const auto& point = crl.issuing_distribution_point) {
    if (point->indirect) {
      what = "an indirect CRL may speak for several CAs (give a CRL of this CA alone)";
    } else if (point->only_some_reasons) {
      what = "the CRL covers some revocation reasons only (give one that covers all)";
    } else if (point->only_user_certs || point->only_ca_certs || point->only_attribute_certs) {
      what = "the CRL covers one kind of certificates only (give one without onlyContains...Certs)";
    }
  }
  if (!what.empty()) {
    return Err{source_error(SourceErrc::kUnsupported, path, what)};
  }
  return Unit{};
}

Result<Unit, SourceError> check_not_older(const crl::CrlView& crl, const store::IssuerState& in_use,
                                          const std::string& path) {
  const bool lower = crl.crl_number && in_use.crl_number && crl::compare_numbers(*crl.crl_number, *in_use.crl_number) < 0;
  const bool earlier = in_use.this_update && crl.this_update < *in_use.this_update;
  if (!lower && !earlier) {
    return Unit{};
  }
  std::string what = "it is older than the CRL in use:";
  what += lower ? " number " + to_hex(*crl.crl_number) + " after " + to_hex(*in_use.crl_number) : "";
  what += earlier ? std::string(lower ? "," : "") + " thisUpdate " + format_iso8601(crl.this_update) + " after " +
                        format_iso8601(*in_use.this_update)
                  : "";
  return Err{source_error(SourceErrc::kRollback, path, what + " (the newer one stays in force)")};
}

Result<Unit, SourceError> put_entries(const crl::CrlView& crl, store::Replacement& replacement, const std::string& path,
                                      const std::stop_token& stop) {
  constexpr std::size_t kEntriesBetweenLooks = 4096;
  der::Reader in(crl.entries, crl.entries_offset);
  for (std::size_t n = 0; !in.at_end(); ++n) {
    if (n % kEntriesBetweenLooks == 0 && stop.stop_requested()) {
      return Err{source_error(SourceErrc::kStopped, path, "stopped")};
    }
    const auto entry = crl::read_entry(in);
    const auto serial = entry ? Serial::make(entry->serial) : Err{entry.error()};
    if (!serial) {
      return Err{source_error(SourceErrc::kMalformed, path, "entry " + std::to_string(n + 1) + ": " +
                                                                 der::to_string(serial.error()))};
    }
    store::Status status;
    const bool hold = entry->reason == ReasonCode::kCertificateHold;
    status.state = hold ? store::State::kHold : store::State::kRevoked;
    status.revoked_at = entry->revocation_date;
    status.reason = entry->reason;
    status.invalidity_date = entry->invalidity_date;
    if (const auto put = replacement.put(*serial, status); !put) {
      return Err{store_error(put.error())};
    }
  }
  return Unit{};
}

}  // namespace

Result<LoadReport, SourceError> load_crl(store::Store& store, const SourceSpec& spec, const LoadOptions& options) {
  MUSTER_TRY(const OpenFile file, open_file(spec.path));
  MUSTER_TRY(Buffer content, read_all(file, spec.path, options));
  const auto der = pki::decode_crl_input(std::move(content));
  if (!der) {
    return Err{source_error(SourceErrc::kMalformed, spec.path, der.error().detail)};
  }
  crl::Limits limits;
  limits.max_message_bytes = options.max_crl_bytes;
  const auto crl = crl::parse_crl(*der, limits);
  if (!crl) {
    return Err{source_error(SourceErrc::kMalformed, spec.path,
                            "no CRL, or a damaged one: " + der::to_string(crl.error()))};
  }
  if (const auto verified = pki::verify_crl(*crl, std::span(&spec.issuer, 1)); !verified) {
    return Err{source_error(SourceErrc::kNotTrusted, spec.path,
                            verified.error().detail + " (" + std::string(to_string(verified.error().code)) + ")")};
  }
  MUSTER_CHECK(check_scope(*crl, spec.path));
  pki::CrlTimePolicy times;
  times.future_skew = options.future_skew;
  if (const auto current = pki::check_crl_times(*crl, options.now, times);
      !current && current.error().code == pki::CrlErrc::kNotYetValid) {
    return Err{source_error(SourceErrc::kNotYetValid, spec.path, current.error().detail)};
  }
  MUSTER_TRY(const store::IssuerState before, known_facts(store, spec.id));
  MUSTER_CHECK(check_not_older(*crl, before, spec.path));

  store::ReplacementOptions replacing;
  // CRLs drop expired certificates without saying so: a missing entry is news unless another source told the expiry.
  replacing.take = keep_revocations(options.now, UnknownExpiry::kLetGo);
  auto begun = store.begin_replacement(spec.id, std::move(replacing));
  if (!begun) {
    return Err{store_error(begun.error())};
  }
  MUSTER_CHECK(put_entries(*crl, **begun, spec.path, options.stop));
  store::IssuerState facts;
  facts.label = spec.label;
  facts.knows_issued = store::KnowsIssued::kNo;
  facts.this_update = crl->this_update;
  // Answers end with the CRL; one without an end gets the configured one, so that it cannot be used for ever.
  facts.next_update = crl->next_update.value_or(crl->this_update + options.max_age_without_next_update);
  if (crl->crl_number) {
    facts.crl_number = to_buffer(*crl->crl_number);
  }
  facts.loaded_at = options.now;
  const auto sequence = (*begun)->commit(facts);
  if (!sequence) {
    return Err{store_error(sequence.error())};
  }
  return LoadReport{file.stamp, *sequence, (*begun)->report()};
}

}  // namespace muster::source
