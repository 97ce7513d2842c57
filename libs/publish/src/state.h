#pragma once

#include "muster/crl/encode.h"
#include "muster/publish/plan.h"

namespace muster::publish {

/// What must survive between publications: docs/formats/publication.md.
struct State {
  std::string issuer;                      ///< SHA-256 of the CRL issuer's Name, hexadecimal
  crl::Number number;                      ///< the highest that was or may have been signed with
  std::optional<UnixSeconds> this_update;  ///< of the newest CRL
  std::size_t partitions = 0;
  std::optional<crl::Number> complete;  ///< number of the complete CRLs in use: the base of deltas
  std::optional<crl::Number> delta;     ///< of the delta CRLs on it
  History history;
  std::optional<UnixSeconds> complete_next_update, delta_next_update;
  std::optional<UnixSeconds> retire_before;  ///< rule under which the complete CRLs were made
  std::uint64_t digest = 0;                  ///< of what the newest CRLs say

  [[nodiscard]] std::string complete_file(std::size_t partition) const;
  [[nodiscard]] std::string delta_file(std::size_t partition) const;
};
std::string complete_file_name(std::size_t partition, const crl::Number& number);
std::string delta_file_name(std::size_t partition, const crl::Number& number);
/// Whether a file in a state directory has a name that only we give: that of a CRL, whole or half
/// written, or of a half-written state.
bool is_file_of_ours(std::string_view name);

std::string encode_state(const State& state);
/// Nothing: damaged.
std::optional<State> decode_state(std::string_view text);

/// Nothing: there is none yet. Errors: kState (damaged), kIo.
PublishResult<std::optional<State>> load_state(const std::string& directory);
/// Durable when it returns. Errors: kIo.
PublishResult<Unit> save_state(const std::string& directory, const State& state);

}  // namespace muster::publish
