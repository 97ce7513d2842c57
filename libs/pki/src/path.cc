#include <openssl/x509v3.h>

#include <algorithm>

#include "certificate_impl.h"
#include "muster/pki/keys.h"
#include "muster/pki/native.h"
#include "muster/pki/path_search.h"

// Our search finds candidate paths, trying other issuers where one leads nowhere (OpenSSL 3.0
// commits to the first that looks right); OpenSSL then validates each candidate by RFC 5280 section
// 6 (times, path lengths, name constraints...).
namespace muster::pki {
namespace {

constexpr std::size_t kMaxPathLength = 10;
constexpr int kMaxSignatureChecks = 100;

struct ValidationContext {
  const std::vector<Certificate>& path;
  UnixSeconds now;
  LeafValidity leaf_validity;
  bool is_other_chain = false;  ///< OpenSSL took another way than `path`
};

/// Data index of our context in an X509_STORE_CTX.
int context_index() {
  static const int index = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool may_pass(int error, std::size_t depth, const ValidationContext& context) {
  if (depth >= context.path.size()) {
    return false;
  }
  const Certificate& certificate = context.path[depth];
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      // notAfter itself still counts (RFC 5280 section 4.1.2.5); OpenSSL takes it for past.
      return context.now <= certificate.not_after() ||
             (depth == 0 && context.leaf_validity == LeafValidity::kIgnored);
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      // OpenSSL does not know some that we act on ourselves, TLS feature first of all.
      return !certificate.facts().has_unknown_critical_extension;
    case X509_V_ERR_INVALID_CA:
      // An anchor is a CA because it was given as one; version 1 certificates cannot say so
      // themselves.
      return depth + 1 == context.path.size() && certificate.impl().version < 3;
    default:
      return false;
  }
}

int on_verify(int ok, X509_STORE_CTX* store_context) noexcept {
  if (ok == 1) {
    return 1;
  }
  const auto* context = static_cast<const ValidationContext*>(
      X509_STORE_CTX_get_ex_data(store_context, context_index()));
  const int error = X509_STORE_CTX_get_error(store_context);
  const auto depth = static_cast<std::size_t>(X509_STORE_CTX_get_error_depth(store_context));
  if (!may_pass(error, depth, *context)) {
    return 0;
  }
  X509_STORE_CTX_set_error(store_context, X509_V_OK);
  return 1;
}

int time_error(const Certificate& certificate, UnixSeconds now) {
  if (now < certificate.not_before()) {
    return X509_V_ERR_CERT_NOT_YET_VALID;
  }
  return now > certificate.not_after() ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

bool may_sign_certificates(const Certificate& issuer) {
  const auto& usage = issuer.facts().key_usage;
  return !usage || (*usage & static_cast<std::uint16_t>(KeyUsageBit::kKeyCertSign)) != 0;
}

/// In place of OpenSSL's own look at signatures, which would verify each a second time: a chain
/// that is the very path that the search found and verified, object by object, has only the rest of
/// it judged. By X509_STORE_set_verify(3) that is the times; internal_verify() of OpenSSL 3.0
/// to 3.5 also asks whether an issuer's key usage lets it sign certificates, which X509_check_ca()
/// has answered by then but for anchors of version 1 (see may_pass). The anchor's own signature
/// proves nothing and is not looked at by either.
int on_verify_chain(X509_STORE_CTX* store_context) noexcept {
  auto& context =
      *static_cast<ValidationContext*>(X509_STORE_CTX_get_ex_data(store_context, context_index()));
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store_context);
  const auto refuse = [&](int error, int depth) {
    X509_STORE_CTX_set_error_depth(store_context, depth);
    X509_STORE_CTX_set_error(store_context, error);
    return on_verify(0, store_context);
  };
  const int size = sk_X509_num(chain);
  bool is_path = size == static_cast<int>(context.path.size());
  for (int depth = 0; is_path && depth < size; ++depth) {
    is_path =
        sk_X509_value(chain, depth) == native_x509(context.path[static_cast<std::size_t>(depth)]);
  }
  if (!is_path) {
    context.is_other_chain = true;
    X509_STORE_CTX_set_error(store_context, X509_V_ERR_UNSPECIFIED);
    return 0;
  }
  for (int depth = size - 1; depth >= 0; --depth) {
    const Certificate& certificate = context.path[static_cast<std::size_t>(depth)];
    if (depth > 0 && !may_sign_certificates(certificate)) {
      return refuse(X509_V_ERR_KEYUSAGE_NO_CERTSIGN, depth);
    }
    const int error = time_error(certificate, context.now);
    if (error != X509_V_OK && refuse(error, depth) == 0) {
      return 0;
    }
  }
  return 1;
}

PkiErrc code_of(int openssl_error) {
  switch (openssl_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return PkiErrc::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return PkiErrc::kNotYetValid;
    default:
      return PkiErrc::kNoPath;
  }
}

PkiError internal_error() {
  return {PkiErrc::kNoPath,
          "OpenSSL cannot validate a path: " + openssl::take_error("no reason given")};
}

enum class Signatures : std::uint8_t { kProven, kAnew };

/// Validates a path whose last certificate is trusted and whose signatures were verified. With
/// kProven `is_other_chain` may come back set: then nothing is known yet.
PkiResult<Unit> validate_once(ValidationContext& ours, Signatures signatures) {
  const std::vector<Certificate>& path = ours.path;
  const openssl::StorePtr store(X509_STORE_new());
  const openssl::StoreContextPtr context(X509_STORE_CTX_new());
  const openssl::BorrowedStackPtr untrusted(sk_X509_new_null());
  const openssl::BorrowedStackPtr trusted(sk_X509_new_null());
  bool ready = store != nullptr && context != nullptr && untrusted != nullptr && trusted != nullptr;
  for (std::size_t i = 1; ready && i + 1 < path.size(); ++i) {
    ready = sk_X509_push(untrusted.get(), native_x509(path[i])) > 0;
  }
  ready = ready && sk_X509_push(trusted.get(), native_x509(path.back())) > 0 &&
          X509_STORE_CTX_init(context.get(), store.get(), native_x509(path.front()),
                              untrusted.get()) == 1;
  ready = ready && X509_STORE_CTX_set_ex_data(context.get(), context_index(), &ours) == 1;
  if (!ready) {
    return Err{internal_error()};
  }
  X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
  X509_STORE_CTX_set_verify_cb(context.get(), on_verify);
  if (signatures == Signatures::kProven) {
    X509_STORE_CTX_set_verify(context.get(), on_verify_chain);
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(parameters, static_cast<std::time_t>(to_int(ours.now)));
  X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(kMaxPathLength));
  X509_VERIFY_PARAM_set_auth_level(parameters, 0);  // strength is judged by AlgorithmPolicy
  const bool valid = X509_verify_cert(context.get()) == 1;
  openssl::drop_errors();
  if (valid) {
    return Unit{};
  }
  const int error = X509_STORE_CTX_get_error(context.get());
  const auto depth =
      static_cast<std::size_t>(std::max(X509_STORE_CTX_get_error_depth(context.get()), 0));
  return Err{PkiError{code_of(error), path[std::min(depth, path.size() - 1)].subject_text() + ": " +
                                          X509_verify_cert_error_string(error)}};
}

/// \param verified  goes up by the signatures that OpenSSL verified once more
PkiResult<Unit> validate(const std::vector<Certificate>& path, UnixSeconds now,
                         LeafValidity leaf_validity, std::size_t& verified) {
  ValidationContext context{path, now, leaf_validity};
  auto valid = validate_once(context, Signatures::kProven);
  // Where names repeat OpenSSL may connect certificates in another way.
  if (!context.is_other_chain) {
    return valid;
  }
  verified += path.size() - 1;
  return validate_once(context, Signatures::kAnew);
}

class Search {
 public:
  Search(std::span<const Certificate> intermediates, std::span<const Certificate> anchors,
         UnixSeconds now, LeafValidity leaf_validity, const AlgorithmPolicy& policy)
      : intermediates_(intermediates),
        anchors_(anchors),
        now_(now),
        leaf_validity_(leaf_validity),
        policy_(policy) {}

  PkiResult<std::vector<Certificate>> run(const Certificate& leaf) {
    path_.push_back(leaf);
    if (is_anchor(leaf) ? accept() : extend()) {
      return path_;
    }
    return Err{nearest_};
  }

  [[nodiscard]] std::size_t signatures() const {
    return static_cast<std::size_t>(signature_checks_) + validated_;
  }

 private:
  [[nodiscard]] bool is_anchor(const Certificate& c) const {
    return std::find(anchors_.begin(), anchors_.end(), c) != anchors_.end();
  }

  /// Whether path_, which ends at an anchor, is valid.
  bool accept() {
    auto valid = validate(path_, now_, leaf_validity_, validated_);
    if (!valid) {
      note(valid.error(), 3);
    }
    return static_cast<bool>(valid);
  }

  /// Tries every issuer of the last certificate of path_. Depth is bounded by kMaxPathLength.
  bool extend() {
    if (path_.size() == kMaxPathLength) {
      note({PkiErrc::kNoPath,
            "no path of at most " + std::to_string(kMaxPathLength) + " certificates"},
           1);
      return false;
    }
    const Certificate last = path_.back();
    note({PkiErrc::kNoPath,
          "no issuer found for " + last.subject_text() + " (issued by " + last.issuer_text() + ")"},
         0);
    return try_issuers(last, anchors_, Trust::kAnchor) ||
           try_issuers(last, intermediates_, Trust::kNone);
  }

  enum class Trust : std::uint8_t { kNone, kAnchor };
  bool try_issuers(const Certificate& last, std::span<const Certificate> candidates, Trust trust) {
    // Key identifiers are hints only: those that agree go first, none is left out.
    for (const bool want_agreement : {true, false}) {
      for (const Certificate& candidate : candidates) {
        if (agrees(last, candidate) == want_agreement && try_issuer(last, candidate, trust)) {
          return true;
        }
      }
    }
    return false;
  }

  static bool agrees(const Certificate& last, const Certificate& candidate) {
    const auto& wanted = last.facts().authority_key_id;
    const auto& found = candidate.facts().subject_key_id;
    return !wanted || !found || equal(*wanted, *found);
  }

  bool try_issuer(const Certificate& last, const Certificate& candidate, Trust trust) {
    if (!same_name(last.issuer(), candidate.subject()) || is_in_path(candidate) ||
        (trust == Trust::kNone && !candidate.facts().is_ca)) {
      return false;
    }
    if (signature_checks_ == kMaxSignatureChecks) {
      note({PkiErrc::kNoPath,
            "no path within " + std::to_string(kMaxSignatureChecks) + " signature checks"},
           1);
      return false;
    }
    ++signature_checks_;
    if (auto issued = verify_issued_by(last, candidate, policy_); !issued) {
      note(issued.error().code == PkiErrc::kWeakAlgorithm
               ? issued.error()
               : PkiError{PkiErrc::kNoPath, issued.error().detail},
           2);
      return false;
    }
    path_.push_back(candidate);
    if (trust == Trust::kAnchor ? accept() : extend()) {
      return true;
    }
    path_.pop_back();
    return false;
  }

  /// The same key under the same name twice is a loop, whatever certificates carry it.
  [[nodiscard]] bool is_in_path(const Certificate& c) const {
    return std::any_of(path_.begin(), path_.end(), [&](const Certificate& in_path) {
      return equal(in_path.public_key_info(), c.public_key_info()) &&
             same_name(in_path.subject(), c.subject());
    });
  }

  void note(PkiError error, int nearness) {
    if (nearness > nearness_) {
      nearness_ = nearness;
      nearest_ = std::move(error);
    }
  }

  std::span<const Certificate> intermediates_;
  std::span<const Certificate> anchors_;
  UnixSeconds now_;
  LeafValidity leaf_validity_;
  const AlgorithmPolicy& policy_;
  std::vector<Certificate> path_;
  int signature_checks_ = 0;
  std::size_t validated_ = 0;  ///< signatures that OpenSSL looked at
  int nearness_ = -1;
  PkiError nearest_{PkiErrc::kNoPath, ""};
};

}  // namespace

PkiResult<std::vector<Certificate>> find_path(const Certificate& leaf,
                                              std::span<const Certificate> intermediates,
                                              std::span<const Certificate> anchors, UnixSeconds now,
                                              LeafValidity leaf_validity,
                                              const AlgorithmPolicy& policy) {
  return Search(intermediates, anchors, now, leaf_validity, policy).run(leaf);
}

PathSearch search_path(const Certificate& leaf, std::span<const Certificate> intermediates,
                       std::span<const Certificate> anchors, UnixSeconds now,
                       LeafValidity leaf_validity, const AlgorithmPolicy& policy) {
  Search search(intermediates, anchors, now, leaf_validity, policy);
  auto path = search.run(leaf);
  return {std::move(path), search.signatures()};
}

}  // namespace muster::pki
