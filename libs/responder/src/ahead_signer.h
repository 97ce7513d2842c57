#pragma once

#include "exchange.h"
#include "lookup.h"
#include "presign_plan.h"
#include "remembering.h"
#include "same_again.h"

namespace muster::responder {

/// Signs the answers of whole issuers before anybody asks, and judges those that are there. One
/// thread's share of it, without the thread. Threads: one.
class AheadSigner {
 public:
  /// \param exchange  where the answers go
  AheadSigner(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader,
              std::shared_ptr<AnswerExchange> exchange);

  /// Moves to the newest state of the store; 0: it cannot be read.
  std::uint64_t renew() { return reader_->renew(); }
  /// How many records an issuer has there.
  [[nodiscard]] std::uint64_t records(std::size_t issuer) const;
  /// Lets go of it.
  void release() { reader_->release(); }

  /// What is wrong with the answers about one serial; nothing: they are true and young, or there is
  /// none to be had. \param record  of the state renew() moved to, or one close to it
  std::optional<PresignUrgency> look(std::size_t issuer, const Serial& serial,
                                     const store::Status& record, UnixSeconds now);

  struct Made {
    unsigned signatures = 0, changed = 0, failures = 0;
  };
  /// Signs what look() finds wrong, by the record as it is now.
  Made sign(const PresignItem& item, UnixSeconds now);

  /// Takes an answer made before if it is, octet for octet, what would be signed now but for its
  /// time; anything else is not taken. \param made_by  the certificate of the signer that this
  /// process had make it: its signature need not be verified again. Empty: nobody knows.
  bool take_over(Bytes tbs, Bytes signature, Bytes made_by, UnixSeconds now);

 private:
  struct Place {
    Buffer fixed;  ///< CertID up to the serial, without the frame
    HashAlgorithm hash;
    Buffer cert_id{};  ///< the last one made
    ocsp::CertIdView view{};
  };
  /// The CertID of a serial in one form; valid until the next call.
  static const ocsp::CertIdView& cert_id(Place& place, Bytes serial);
  /// Empty: it cannot be remembered.
  ReadyRef make(const Asked& one, Bytes body, UnixSeconds signed_at);
  [[nodiscard]] std::optional<PresignUrgency> judge(const ReadyRef& there, const Resolved& wanted,
                                                    std::size_t signer, UnixSeconds now) const;

  std::shared_ptr<const Setup> setup_;
  std::unique_ptr<store::Reader> reader_;
  std::shared_ptr<AnswerExchange> exchange_;
  Signings signings_;
  Drafter drafter_;
  Buffer body_;
  std::vector<std::vector<Place>> places_;  ///< by issuer
  std::vector<Asked> asked_;
};

/// Whether `setup` has an issuer whose answers are signed ahead.
bool signs_ahead(const Setup& setup);

}  // namespace muster::responder
