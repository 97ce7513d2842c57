#pragma once

#include <optional>
#include <vector>

#include "muster/ocsp/ocsp.h"

// Many certificates asked about in one call: each gets the OCSPResponse that a request of its own
// would get. Octets: docs/formats/batch.md; why so: decision 037. Pure.
namespace muster::responder {

inline constexpr std::string_view kBatchRequestType = "application/vnd.muster.ocsp-batch-request";
inline constexpr std::string_view kBatchAnswerType = "application/vnd.muster.ocsp-batch";
/// Octets of a tag: SHA-256 over the OCSPResponse the caller has.
inline constexpr std::size_t kBatchTagBytes = 32;
/// Longest item: a CertID with the longest serial and SHA-512 hashes takes less.
inline constexpr std::size_t kMaxBatchItemBytes = 512;

/// BatchItem ::= SEQUENCE { certID CertID, have OCTET STRING (SIZE(32)) OPTIONAL }
/// View.
struct BatchItemView {
  ocsp::CertIdView cert_id;
  Bytes have;  ///< tag of the answer the caller has already; empty: none
};

enum class BatchErrc : std::uint8_t {
  kSyntax,   ///< not a sequence of items in DER
  kTooMany,  ///< more than `max_items`
  kTooLong,  ///< an item beyond kMaxBatchItemBytes
  kEmpty,    ///< nothing is asked
};
struct BatchError {
  BatchErrc code;
  std::size_t item;   ///< which, from 0
  der::DerError der;  ///< of kSyntax; the offset counts from the start of the body
};
/// What is wrong and where, for the caller.
std::string to_string(const BatchError& error);

/// The items of a whole body: BatchItems one behind the other, nothing around them. Guarantees
/// well-formed CertIDs; hashes need not be known, nor fit.
Result<std::vector<BatchItemView>, BatchError> parse_batch(Bytes body, std::size_t max_items);
Result<std::vector<BatchItemView>, BatchError> parse_batch(Buffer&&, std::size_t) = delete;

/// \param have  kBatchTagBytes octets, or none
void append_batch_item(Buffer& out, const ocsp::CertIdView& cert_id, Bytes have);

/// BatchAnswer ::= SEQUENCE { index INTEGER, response OCTET STRING }
/// `response`: a whole OCSPResponse; `index`: of the item it answers, from 0.
void append_batch_answer(Buffer& out, std::size_t index, Bytes response);

/// BatchEnd ::= [0] SEQUENCE { answered INTEGER, unchanged INTEGER, left INTEGER }
struct BatchEnd {
  std::size_t answered = 0;   ///< BatchAnswers before it
  std::size_t unchanged = 0;  ///< items whose caller has the answer already
  std::size_t left = 0;       ///< the last so many items were not looked at: ask again
  friend bool operator==(const BatchEnd&, const BatchEnd&) = default;
};
void append_batch_end(Buffer& out, const BatchEnd& end);

/// An item on its way to a loop.
struct BatchQuestion {
  Buffer request;  ///< the OCSPRequest that would ask this alone: no nonce, no extensions
  Buffer have;     ///< as BatchItemView::have
};
BatchQuestion question_of(const BatchItemView& item);
/// Nothing: the caller has it already.
using BatchReply = std::optional<Buffer>;

/// A whole answer, as the caller reads it.
struct BatchAnswers {
  /// By item; nothing: unchanged, or one of the last BatchEnd::left.
  std::vector<BatchReply> replies;
  BatchEnd end;
};
/// \param asked  how many items the call had: numbers must fit
/// Errors: also an answer that was cut off.
der::DerResult<BatchAnswers> parse_batch_answers(Bytes body, std::size_t asked);

}  // namespace muster::responder
