#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "muster/stapler/inventory.h"

// Responses that come as files, into networks without a way out.
namespace muster::stapler {

/// Certificates by serial number. Lifetime: of what it was made from.
class SerialIndex {
 public:
  explicit SerialIndex(const std::vector<InventoryEntry>& entries);
  [[nodiscard]] std::vector<const keeper::Subject*> find(Bytes serial) const;

 private:
  std::multimap<Buffer, const keeper::Subject*> by_serial_;
};

/// What became of a response for one certificate, or of one that is about none.
struct Imported {
  keeper::Fingerprint certificate{};
  std::string name;  ///< empty: it is about no certificate of ours
  bool is_held = false;
  std::string text;  ///< a sentence
};

/// Verifies a response for every certificate it is about, and offers it.
/// \param offer  Keeper::offer, or that of a shelf
std::vector<Imported> import_response(
    Bytes response, const std::string& source, const SerialIndex& index,
    const client::VerifyPolicy& policy, UnixSeconds now,
    const std::function<keeper::Choice(const client::VerifiedResponse&, const std::string& source)>&
        offer);

/// The OCSPResponse in a file: DER, PEM ("OCSP RESPONSE"), or a file of a shelf. Error: a sentence.
Result<Buffer, std::string> read_response_file(const std::string& path);
/// The files that are meant: itself, or what a directory holds, in order of name. Error: a
/// sentence.
Result<std::vector<std::string>, std::string> response_files(const std::string& path);

}  // namespace muster::stapler
