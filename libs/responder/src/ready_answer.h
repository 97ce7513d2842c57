#pragma once

#include <array>
#include <atomic>
#include <list>
#include <map>
#include <vector>

#include "answer_table.h"
#include "http_message.h"
#include "muster/base/mutex.h"
#include "resolve.h"
#include "shared_ref.h"
#include "signing.h"

// What is remembered of a signed answer (decisions 012 and 036): the few octets it shares with no
// other, beside a form that thousands share - HTTP head, responder, CertID up to the serial,
// algorithms, the signer's certificate. Put together again they are the answer octet for octet.
namespace muster::responder {

/// Octets of the body that every answer of a form has its own of.
struct Stretch {
  std::uint32_t at = 0, size = 0;
};

/// What is known about an answer besides its octets.
struct AnswerFacts {
  SignerRef by;
  HashAlgorithm hash_algorithm = HashAlgorithm::kSha1;
  std::uint32_t variant = 0;
  Resolved basis;
  UnixSeconds signed_at{}, replace_at{};
  std::uint64_t setup = 0;  ///< Setup::number(): positions in `by` are of this one
  std::array<std::uint8_t, 32> signer_key{};  ///< IssuerSigner::key_digest of who signed
};

/// What answers of one kind have in common. Immutable; shared by all that have it.
struct AnswerForm {
  std::uint64_t number = 0;  ///< given once in the life of the process
  AnswerFacts facts;         ///< of the first; what is the answer's own is in ReadyAnswer
  HttpMessage message;       ///< the first, whole
  std::uint32_t cert_id_at = 0, cert_id_size = 0, serial_size = 0;  ///< in the body
  std::vector<Stretch> own;
  std::uint32_t own_octets = 0;  ///< of a ReadyAnswer
  std::uint32_t stretches_at = 0;
  std::uint32_t serial_at = 0;  ///< in ReadyAnswer's octets
  std::atomic<std::uint32_t> owners{0};
  static void destroy(AnswerForm* form) { delete form; }
};

/// An answer signed before, with everything needed to see whether it still says the truth (decision
/// 012). Immutable; one for all loops.
class ReadyAnswer {
 public:
  [[nodiscard]] const AnswerForm& form() const { return *form_; }
  [[nodiscard]] SignerRef by() const { return form_->facts.by; }
  [[nodiscard]] Resolved basis() const;
  [[nodiscard]] UnixSeconds signed_at() const { return signed_at_; }
  [[nodiscard]] UnixSeconds replace_at() const { return replace_at_; }
  [[nodiscard]] UnixSeconds this_update() const { return this_update_; }
  [[nodiscard]] UnixSeconds next_update() const { return next_update_; }
  [[nodiscard]] Bytes serial() const {
    return octets().subspan(form_->serial_at, form_->serial_size);
  }
  /// SHA-256 of the body; of cacheable answers alone.
  [[nodiscard]] Bytes digest() const { return octets().first(kDigestBytes); }
  [[nodiscard]] Bytes octets() const {
    return {reinterpret_cast<const std::uint8_t*>(this + 1), form_->own_octets};
  }
  [[nodiscard]] bool matches(Bytes cert_id, std::uint32_t variant) const {
    const AnswerForm& form = *form_;
    const std::size_t common = form.cert_id_size - form.serial_size;
    return form.facts.variant == variant && cert_id.size() == form.cert_id_size &&
           std::memcmp(cert_id.data(),
                       form.message.octets.data() + form.message.head_bytes + form.cert_id_at,
                       common) == 0 &&
           equal(cert_id.subspan(common), serial());
  }
  /// What it takes in memory by itself.
  [[nodiscard]] std::size_t bytes() const { return sizeof *this + form_->own_octets; }

  static constexpr std::size_t kDigestBytes = 32;
  std::atomic<std::uint32_t> owners{0};
  static void destroy(const ReadyAnswer* answer);

 private:
  friend class AnswerForms;
  ReadyAnswer(SharedRef<AnswerForm> form, const AnswerFacts& facts);
  ~ReadyAnswer() = default;

  SharedRef<AnswerForm> form_;
  UnixSeconds signed_at_, replace_at_, this_update_, next_update_;
  // form_->own_octets follow: digest, times that are there (of revocation, invalidity, the source's
  // two), stretches
};
using ReadyRef = SharedRef<ReadyAnswer>;
using ReadyAnswers = AnswerTable<ReadyRef>;

/// The forms in use. Threads: any; a short lock where an answer was just signed.
class AnswerForms {
 public:
  /// So many are known; the one unused for longest makes room, and lives on with the answers that
  /// have it. Strangers can make some hundred (sizes of serials never issued, spellings of
  /// CertIDs).
  static constexpr std::size_t kMaxForms = 1024;

  /// \param message  rendered for the answer. Empty: a body that is not one answer about one
  /// certificate.
  ReadyRef make(const HttpMessage& message, const AnswerFacts& facts);
  [[nodiscard]] std::size_t size() const;

 private:
  SharedRef<AnswerForm> form_of(const Buffer& key, const AnswerForm& wanted,
                                const HttpMessage& message);
  struct Known {
    Buffer key;
    SharedRef<AnswerForm> form;
  };
  mutable Mutex mutex_;
  std::list<Known> by_use_ MUSTER_GUARDED_BY(mutex_);  ///< the last used first
  std::map<Buffer, std::list<Known>::iterator> by_key_ MUSTER_GUARDED_BY(mutex_);
};

/// Puts remembered answers together. Keeps a message for each of some forms, in which it replaces
/// what is an answer's own: neither an allocation nor a copy of the rest, unless another form has
/// had the place meanwhile. Threads: one.
class AnswerComposer {
 public:
  /// Valid until the next call.
  const HttpMessage& compose(const ReadyAnswer& answer, UnixSeconds now, HttpDate& date);

 private:
  static constexpr std::size_t kPlaces = 256;
  struct Place {
    std::uint64_t form = 0;  ///< number; zero: free
    HttpMessage message;
    UnixSeconds this_update{}, next_update{};
  };
  std::vector<Place> places_{kPlaces};
};

/// Which of the answers for one CertID a request gets: 0 is the one for requests without wishes, or
/// whose wishes come to the same signer; other signers have answers of their own.
inline std::uint32_t variant_of(std::size_t chosen, std::size_t without_wishes) {
  return chosen == without_wishes ? 0 : static_cast<std::uint32_t>(chosen) + 1;
}

}  // namespace muster::responder
