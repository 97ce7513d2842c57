#pragma once

#include <functional>
#include <vector>

#include "muster/publish/publisher.h"

// What the records of the store say on CRLs.
namespace muster::publish {

/// One line of a CRL, and whose certificate it is: a position in Spec::subjects.
struct Line {
  std::size_t subject = 0;
  Bytes serial;
  UnixSeconds date;
  std::optional<ReasonCode> reason;
  std::optional<UnixSeconds> invalidity_date;

  /// Same place in the order of a list.
  [[nodiscard]] bool same_place(const Line& o) const {
    return subject == o.subject && equal(serial, o.serial);
  }
  [[nodiscard]] bool before(const Line& o) const {
    return subject != o.subject ? subject < o.subject : less(serial, o.serial);
  }
  /// Same statement about one certificate.
  [[nodiscard]] bool same_statement(const Line& o) const {
    return date == o.date && reason == o.reason && invalidity_date == o.invalidity_date;
  }
};

/// Order-dependent digest of lines: whether two lists say the same. No protection against intent,
/// only against mistakes of ours.
class LineDigest {
 public:
  void add(const Line& line);
  [[nodiscard]] std::uint64_t value() const { return value_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  friend bool operator==(const LineDigest&, const LineDigest&) = default;

 private:
  void mix(std::uint64_t word);
  std::uint64_t value_ = 0xcbf29ce484222325;
  std::uint64_t count_ = 0;
};

/// Which entries of expired certificates are left out (OCSP-CRL-013, -050).
struct Retirement {
  std::optional<UnixSeconds>
      before;  ///< expired before this instant: it appeared on a regular CRL since then
  std::optional<UnixSeconds> kept_since;  ///< expired since this instant: kept all the same
  [[nodiscard]] bool applies_to(const store::Status& status) const {
    return status.expires && before && *status.expires < *before &&
           !(kept_since && *status.expires >= *kept_since);
  }
};

/// The line for a record; nothing for a certificate that stands. `serial` becomes a view of the one
/// given.
std::optional<Line> line_of(std::size_t subject, const Serial& serial, const store::Status& status,
                            const store::StatementRules& rules);

/// Reads the records of all subjects, in order, and hands out each line with its partition. Errors:
/// kStore, kForbidden (a hold), kUncovered, kTooEarly (with `last`: a certificate that is neither
/// expired nor revoked for good).
struct ListingRules {
  Retirement retirement;
  std::optional<UnixSeconds> last_at;  ///< the instant of a last CRL
};
PublishResult<Unit> for_each_line(
    const store::Store& store, const Spec& spec, const ListingRules& rules,
    const std::function<void(std::size_t partition, const Line&)>& visit);

/// Revocations that were published and are not in the store any more. A hold may be lifted; nothing
/// else is ever taken back (OCSP-CRL-051), so this is a store that lost records.
struct Withdrawn {
  std::uint64_t lost = 0;
  std::uint64_t by_source =
      0;  ///< of CAs whose records come from another program's CRLs: that program answers for them
  std::string example;
};
/// Adds what `published`, an earlier CRL or delta of the series, lists and the store does not.
/// `reader` was renewed before. Errors: kStore.
PublishResult<Unit> add_withdrawn(const crl::CrlView& published, const Spec& spec,
                                  const store::Reader& reader, Withdrawn& withdrawn);

/// Walks the entries of a CRL that we made, in order. A CRL that is none of ours shows as !good()
/// at the end.
class LineCursor {
 public:
  LineCursor(const crl::CrlView& crl, const Spec& spec);
  /// Null at the end.
  [[nodiscard]] const Line* line() const { return line_ ? &*line_ : nullptr; }
  void advance();
  /// No entry was out of order or of a stranger.
  [[nodiscard]] bool good() const { return good_; }

 private:
  der::Reader in_;
  const Spec& spec_;
  std::size_t subject_ = 0;
  std::optional<Line> line_;
  bool good_ = true;
};

}  // namespace muster::publish
