#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/net/control_fetch.h"
#include "muster/responder/setup.h"

// Where an export has its answers from.
namespace muster::edge {

/// One certificate to be answered for.
struct Wanted {
  Buffer request;      ///< OCSPRequest
  Buffer digest;       ///< SHA-256 of the answer at hand; empty: none
  std::string basis;   ///< of the answer at hand
  bool is_due = true;  ///< the answer at hand is to be made anew all the same
};
/// What came of it.
struct Given {
  enum class Kind : std::uint8_t {
    kSame,    ///< the answer at hand is still the right one
    kAnswer,  ///< here is another
    kNone,    ///< there is none that everybody may have
  } kind = Kind::kNone;
  Buffer response;    ///< of kAnswer
  std::string basis;  ///< of kAnswer
  std::string why;    ///< of kNone
};

class AnswerSource {
 public:
  virtual ~AnswerSource() = default;
  /// One for each, in order. Errors: nothing can be had now, and why.
  virtual Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                                      UnixSeconds now) = 0;
};

/// Answers made here, by the engine of the responder, with the keys of `setup`. Signs only what the
/// answer at hand does not say any more, or what is due. Blocks for keys in tokens.
/// \param store  outlives it
/// \param clock_error  by how much the clock may be wrong; nothing: it is not synchronised
std::unique_ptr<AnswerSource> make_local_answers(std::shared_ptr<const responder::Setup> setup,
                                                 const store::Store& store,
                                                 std::optional<Milliseconds> clock_error);

/// Answers of a running responder by its batch listener (docs/formats/batch.md): the very octets it
/// gives to clients. No key is needed here. Blocks.
std::unique_ptr<AnswerSource> make_batch_answers(net::ControlAccess access);

}  // namespace muster::edge
