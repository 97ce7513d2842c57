#pragma once

#include "muster/base/file.h"
#include "muster/source/load.h"

// What loading an index and loading a CRL share. Private to the library.
namespace muster::source {

/// An open regular file and what it looked like then.
struct OpenFile {
  UniqueFd fd;
  FileStamp stamp;
};
/// Errors: kUnreadable.
Result<OpenFile, SourceError> open_file(const std::string& path);
/// Whether the file still is what it was when opened, contents and name. Errors: kChanging,
/// kUnreadable.
Result<Unit, SourceError> check_unchanged(const OpenFile& file, const std::string& path);
/// Fills `into` from offset `at`, or a part of it; 0 at the end. Errors: kStopped, kUnreadable.
Result<std::size_t, SourceError> read_piece(const OpenFile& file, const std::string& path,
                                            std::uint64_t at, std::span<std::uint8_t> into,
                                            const std::stop_token& stop);
/// When the file's contents were last changed.
UnixSeconds written_at(const FileStamp& stamp);
/// Nothing when there is no such regular file.
std::optional<FileStamp> stamp_of(const std::string& path);
/// Whether something that a source gave before is in use.
enum class InForce : std::uint8_t { kNothing, kEarlier };
/// Why stamp_of() gave nothing: the reason of the system, or what is there in place of a file.
/// kUnreadable.
SourceError missing_error(const std::string& path, InForce in_force);

SourceError store_error(const store::StoreError& error);
SourceError source_error(SourceErrc code, const std::string& path, std::string_view what);

/// Facts of the issuer as the store has them. Errors: kStore.
Result<store::IssuerState, SourceError> known_facts(const store::Store& store, store::IssuerId id);

/// What a source says by leaving a serial out.
enum class Silence : std::uint8_t {
  kSaysNothing,     ///< an index lists everything that has not expired, or it was cut
  kGivesUp,         ///< the same, but the operator says that what is not revoked may go
  kEndsOwnEntries,  ///< a CRL drops expired certificates and lifted holds, but those it told alone
};
/// Old records that stay because a revocation must remain visible until the certificate expires
/// (OCSP-RESP-068) and only a hold can be lifted (OCSP-CRL-051), and because what was issued does
/// not become never issued by a file that lost its end.
store::TakePolicy keep_records(UnixSeconds now, Silence silence);

Result<LoadReport, SourceError> load_index(store::Store& store, const SourceSpec& spec,
                                           const LoadOptions& options);
Result<LoadReport, SourceError> load_crl(store::Store& store, const SourceSpec& spec,
                                         const LoadOptions& options);

}  // namespace muster::source
