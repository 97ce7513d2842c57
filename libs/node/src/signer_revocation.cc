#include "signer_revocation.h"

#include <algorithm>

#include "node_impl.h"

namespace muster::node {
namespace {

using responder::IssuerSpec;
using responder::SignerSpec;

/// The CA among ours that certified it; null: none, or it is that CA.
const IssuerSpec* certified_by(const pki::Certificate& signer,
                               const std::vector<IssuerSpec>& specs) {
  for (const IssuerSpec& spec : specs) {
    for (const pki::Certificate& ca : spec.certificates) {
      if (equal(ca.public_key_info(), signer.public_key_info())) {
        return nullptr;
      }
      if (pki::same_name(ca.subject(), signer.issuer()) && pki::verify_issued_by(signer, ca)) {
        return &spec;
      }
    }
  }
  return nullptr;
}

std::optional<UnixSeconds> revoked_since(const SignerSpec& signer,
                                         const std::vector<IssuerSpec>& specs,
                                         const store::Reader& reader) {
  const IssuerSpec* const ca = certified_by(signer.certificate, specs);
  if (ca == nullptr) {
    return std::nullopt;
  }
  const auto record = reader.find(ca->store_id, signer.certificate.serial().octets());
  if (!record || !*record) {
    return std::nullopt;
  }
  const auto said = store::statement_of({}, **record);
  return said ? std::optional(said->since) : std::nullopt;
}

}  // namespace

std::vector<RevokedSigner> leave_out_revoked(std::vector<IssuerSpec>& specs,
                                             const store::Reader& reader, UnixSeconds now) {
  std::vector<RevokedSigner> out;
  for (IssuerSpec& spec : specs) {
    std::vector<bool> revoked;
    bool can_do_without = false;
    const std::size_t first = out.size();
    for (const SignerSpec& signer : spec.signers) {
      const auto since = revoked_since(signer, specs, reader);
      revoked.push_back(since.has_value());
      can_do_without = can_do_without || (!since && signer.certificate.not_before() <= now &&
                                          now < signer.certificate.not_after());
      if (since) {
        out.push_back({spec.label,
                       signer.label.empty() ? signer.certificate.subject_text() : signer.label,
                       signer.certificate.serial().to_hex(), *since, false});
      }
    }
    if (!can_do_without) {
      continue;
    }
    std::for_each(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                  [](RevokedSigner& one) { one.is_left_out = true; });
    std::size_t position = 0;
    std::erase_if(spec.signers, [&](const SignerSpec&) { return revoked[position++]; });
  }
  return out;
}

std::shared_ptr<const responder::Setup> setup_without(const std::vector<RevokedSigner>& revoked,
                                                      std::vector<IssuerSpec> specs,
                                                      const Loaded& loaded, UnixSeconds now,
                                                      Logger& logger) {
  if (std::none_of(revoked.begin(), revoked.end(),
                   [](const RevokedSigner& one) { return one.is_left_out; })) {
    return loaded.setup;
  }
  std::vector<std::string> said_before;
  auto made = responder::Setup::make(std::move(specs), loaded.delegates->policy(), now, said_before,
                                     loaded.setup->routes(), loaded.setup.get());
  if (!made) {
    logger.log(LogLevel::kError, "signer.not_switched", "revoked signers sign on",
               {{"why", made.error().detail}});
    return loaded.setup;
  }
  return *std::move(made);
}

std::string describe(const RevokedSigner& revoked) {
  return revoked.signer + " (serial " + revoked.serial +
         ") is revoked, according to our own records, since " + format_iso8601(revoked.since) +
         (revoked.is_left_out ? "; another signer signs in its place"
                              : "; it signs on, since nobody else can: renew it");
}

void log_changes(const std::vector<RevokedSigner>& before, const std::vector<RevokedSigner>& after,
                 Logger& logger) {
  const auto contains = [](const std::vector<RevokedSigner>& all, const RevokedSigner& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  for (const RevokedSigner& one : after) {
    if (!contains(before, one)) {
      logger.log(LogLevel::kError, "signer.revoked", describe(one), {{"issuer", one.issuer}});
    }
  }
  for (const RevokedSigner& one : before) {
    const bool is_gone = std::none_of(after.begin(), after.end(), [&](const RevokedSigner& other) {
      return other.issuer == one.issuer && other.serial == one.serial;
    });
    if (is_gone) {
      logger.log(LogLevel::kInfo, "signer.not_revoked",
                 "a signer is not revoked any more, or was replaced",
                 {{"issuer", one.issuer}, {"signer", one.signer}, {"serial", one.serial}});
    }
  }
}

bool Node::Impl::take_out_revoked(std::vector<IssuerSpec>& specs, UnixSeconds now) {
  const auto reader = store->reader();
  signers_judged_at = reader->renew();
  std::vector<RevokedSigner> found = leave_out_revoked(specs, *reader, now);
  const MutexLock lock(published);
  const bool is_news = found != revoked_signers;
  log_changes(revoked_signers, found, logger);
  revoked_signers = std::move(found);
  return is_news;
}

std::shared_ptr<const responder::Setup> Node::Impl::without_revoked(const Loaded& loaded) {
  const UnixSeconds now = clock.now();
  auto specs = loaded.delegates->specs(now);
  if (!specs) {
    return loaded.setup;  // a delegate ended this very moment; looked at again soon
  }
  static_cast<void>(take_out_revoked(*specs, now));
  return setup_without(revoked_view(), *std::move(specs), loaded, now, logger);
}

}  // namespace muster::node
