#pragma once

#include <array>
#include <atomic>
#include <list>
#include <map>
#include <vector>

#include "answer_table.h"
#include "muster/base/mutex.h"
#include "muster/responder/http_message.h"
#include "resolve.h"
#include "shared_ref.h"
#include "signing.h"

// What is remembered of a signed answer (decisions 012 and 036): the few octets it shares with no
// other, beside a form that thousands share - HTTP head, responder, CertID up to the serial,
// status, algorithms, the signer's certificate. Put together again they are the answer octet for
// octet.
namespace muster::responder {

/// What is known about an answer besides its octets.
struct AnswerFacts {
  SignerRef by;
  HashAlgorithm hash_algorithm = HashAlgorithm::kSha1;
  std::uint32_t variant = 0;
  Resolved basis;
  UnixSeconds signed_at{}, replace_at{};  ///< producedAt; until when it is used
  HeadKind head = HeadKind::kUnstored;
  Seconds longest_age = Seconds::max();  ///< that caches are told
  std::uint64_t setup = 0;               ///< Setup::number(): positions in `by` are of this one
  std::array<std::uint8_t, 32> signer_key{};  ///< IssuerSigner::key_digest of who signed
};

/// An instant in five octets: all that a GeneralizedTime can say. Others are clamped.
class PackedTime {
 public:
  PackedTime() = default;
  explicit PackedTime(UnixSeconds t);
  [[nodiscard]] UnixSeconds get() const {
    std::uint32_t low = 0;
    std::memcpy(&low, octets_.data(), sizeof low);
    const auto high = static_cast<std::int64_t>(static_cast<std::int8_t>(octets_[4]));
    return unix_seconds(high * (std::int64_t{1} << 32U) + low);
  }

 private:
  std::array<std::uint8_t, 5> octets_{};
};

/// Octets of a body.
struct Stretch {
  std::uint32_t at = 0, size = 0;
};

/// Where in a body there is what answers of one form have their own of. Positions of a time's text;
/// zero: it is not there.
struct AnswerLayout {
  std::uint32_t cert_id_at = 0, cert_id_size = 0, serial_size = 0;
  std::uint32_t signed_at_at = 0, revoked_at_at = 0, this_update_at = 0, next_update_at = 0;
  std::vector<Stretch> own;     ///< serial; extensions if there are any; signature
  std::vector<Stretch> common;  ///< all but these and the times
};

/// What answers of one kind have in common. Immutable; shared by all that have it.
struct AnswerForm {
  std::uint64_t number = 0;  ///< given once in the life of the process
  AnswerFacts facts;         ///< of the first; what is the answer's own is in ReadyAnswer
  HttpMessage message;       ///< the first, whole
  AnswerLayout layout;
  std::uint32_t own_octets = 0;                  ///< of a ReadyAnswer
  std::uint32_t times_at = 0, stretches_at = 0;  ///< in its octets; the first is the serial
  std::atomic<std::uint32_t> owners{0};

  [[nodiscard]] Bytes body() const { return Bytes(message.octets).subspan(message.head_bytes); }
  /// Whether `body` differs from that of this form in nothing but what `facts` say and what is
  /// kept of each.
  [[nodiscard]] bool fits(Bytes body, const AnswerFacts& facts) const;
  static void destroy(AnswerForm* form) { delete form; }
};

/// An answer signed before, with everything needed to see whether it still says the truth (decision
/// 012). One for all loops. Immutable but for the digest, which is made when first asked for.
class ReadyAnswer {
 public:
  [[nodiscard]] const AnswerForm& form() const { return *form_; }
  [[nodiscard]] SignerRef by() const { return form_->facts.by; }
  [[nodiscard]] Resolved basis() const;
  [[nodiscard]] UnixSeconds signed_at() const { return signed_at_.get(); }
  [[nodiscard]] UnixSeconds replace_at() const { return signed_at() + Seconds(used_for_); }
  [[nodiscard]] UnixSeconds this_update() const { return this_update_.get(); }
  [[nodiscard]] UnixSeconds next_update() const { return next_update_.get(); }
  [[nodiscard]] Bytes serial() const {
    return octets().subspan(form_->stretches_at, form_->layout.serial_size);
  }
  /// Writes its own over the body of another answer of its form, or of the form itself. Whoever
  /// knows that the other was signed, or says, the same times need not have them written.
  enum class Times : std::uint8_t { kAll, kRevocationAlone };
  void write_over(std::uint8_t* body, Times times) const;
  /// SHA-256 of the body, which this answer's is; of cacheable answers alone. Valid as long as the
  /// answer and `room` are. Threads: any.
  [[nodiscard]] Bytes digest(Bytes body,
                             std::array<std::uint8_t, HttpMessage::kDigestBytes>& room) const;
  [[nodiscard]] bool matches(Bytes cert_id, std::uint32_t variant) const {
    const AnswerForm& form = *form_;
    const std::size_t common = form.layout.cert_id_size - form.layout.serial_size;
    return form.facts.variant == variant && cert_id.size() == form.layout.cert_id_size &&
           std::memcmp(
               cert_id.data(),
               form.message.octets.data() + form.message.head_bytes + form.layout.cert_id_at,
               common) == 0 &&
           equal(cert_id.subspan(common), serial());
  }
  /// What it takes in memory by itself.
  [[nodiscard]] std::size_t bytes() const { return sizeof *this + form_->own_octets; }

  std::atomic<std::uint32_t> owners{0};
  static void destroy(const ReadyAnswer* answer);

 private:
  friend class AnswerForms;
  ReadyAnswer(SharedRef<AnswerForm> form, const AnswerFacts& facts);
  ~ReadyAnswer() = default;
  [[nodiscard]] std::uint8_t* first() const {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(this + 1));
  }
  [[nodiscard]] Bytes octets() const { return {first(), form_->own_octets}; }

  /// Of the digest.
  enum State : std::uint8_t { kNotMade, kBeingKept, kKept };
  mutable std::atomic<std::uint8_t> digest_{kNotMade};
  PackedTime signed_at_, this_update_, next_update_;
  std::uint32_t used_for_;  ///< seconds
  SharedRef<AnswerForm> form_;
  // form_->own_octets follow: of cacheable answers the digest; times that are there (of revocation,
  // invalidity, the source's two); stretches
};
static_assert(sizeof(ReadyAnswer) == 32);
using ReadyRef = SharedRef<ReadyAnswer>;
using ReadyAnswers = AnswerTable<ReadyRef>;

/// The whole of an answer as of when it was signed.
void render_answer(HttpMessage& out, Bytes body, const AnswerFacts& facts, HttpDate& date);
/// The body of an answer, all of it.
void copy_body(const ReadyAnswer& answer, Buffer& into);

/// The forms in use. Threads: any; a short lock where an answer was just signed.
class AnswerForms {
 public:
  /// So many are known; the one unused for longest makes room, and lives on with the answers that
  /// have it. Strangers can make some hundred (sizes of serials never issued, spellings of
  /// CertIDs).
  static constexpr std::size_t kMaxForms = 1024;

  /// \param body  an OCSPResponse that says what `facts` do. Empty: it does not, or is not one
  /// answer about one certificate.
  ReadyRef make(Bytes body, const AnswerFacts& facts);
  /// An answer of the form of `like` that says what `old` does, with its signature; no body is put
  /// together. Empty: `facts` are of another kind, or what is each answer's own is not alike.
  /// \param old  its octets outside its own are those of the answer that `like` was made from
  static ReadyRef make_alike(const ReadyAnswer& like, const ReadyAnswer& old,
                             const AnswerFacts& facts);
  [[nodiscard]] std::size_t size() const;

 private:
  /// Quickly told: answers of different kinds are of different forms. Those of one nearly always
  /// are of one.
  struct Kind {
    std::uint64_t setup;
    std::size_t body_bytes, issuer, signer, status;
    std::uint32_t variant;
    HashAlgorithm hash_algorithm;
    HeadKind head;
    Rule rule;
    NeverIssued never_issued;
    int reason;
    bool has_source_this_update, has_source_next_update, has_invalidity_date;
    std::int64_t longest_age;
    auto operator<=>(const Kind&) const = default;
  };
  struct Known {
    Kind kind;
    SharedRef<AnswerForm> form;
  };
  static Kind kind_of(const AnswerFacts& facts, std::size_t body_bytes);
  static SharedRef<AnswerForm> new_form(Bytes body, const AnswerFacts& facts);
  /// Room for an answer of the form, with its times.
  static ReadyAnswer* begin(SharedRef<AnswerForm> form, const AnswerFacts& facts);
  SharedRef<AnswerForm> form_of(Bytes body, const AnswerFacts& facts);

  mutable Mutex mutex_;
  std::list<Known> by_use_ MUSTER_GUARDED_BY(mutex_);  ///< the last used first
  std::multimap<Kind, std::list<Known>::iterator> by_kind_ MUSTER_GUARDED_BY(mutex_);
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
    UnixSeconds signed_at{}, this_update{}, next_update{};  ///< that it says
  };
  std::vector<Place> places_{kPlaces};
};

/// Which of the answers for one CertID a request gets: 0 is the one for requests without wishes, or
/// whose wishes come to the same signer; other signers have answers of their own.
inline std::uint32_t variant_of(std::size_t chosen, std::size_t without_wishes) {
  return chosen == without_wishes ? 0 : static_cast<std::uint32_t>(chosen) + 1;
}

}  // namespace muster::responder
