#pragma once

#include <string>
#include <string_view>

#include "muster/keeper/shelf.h"

// The file of one staple: docs/formats/shelf.md.
namespace muster::keeper {

inline constexpr std::size_t kMaxShelfFileBytes = (1 << 20) + 8192;
inline constexpr std::size_t kMaxSourceBytes = 4096;

struct ShelfFile {
  Fingerprint certificate;
  UnixSeconds obtained;
  std::string source;
  Buffer response;
};

/// "<64 hexadecimal digits>.staple"
std::string shelf_file_name(const Fingerprint& certificate);
Buffer encode_shelf_file(const Fingerprint& certificate, UnixSeconds obtained,
                         std::string_view source, Bytes response);
/// "<64 hexadecimal digits>.pin"
std::string pin_file_name(const Fingerprint& certificate);
/// A pinned response: a head of its own, then a whole shelf file.
Buffer encode_pin_file(UnixSeconds until, Bytes shelf_file);
struct PinFile {
  UnixSeconds until;
  ShelfFile file;
};
Result<PinFile, std::string> parse_pin_file(Bytes content);
/// Reads what encode_shelf_file writes and nothing else; the error is a sentence for people. The
/// response is not verified here, only found whole.
Result<ShelfFile, std::string> parse_shelf_file(Bytes content);

}  // namespace muster::keeper
