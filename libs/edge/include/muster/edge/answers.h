#pragma once

#include <functional>
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

/// Answers that there should be, but were not.
struct Missed {
  std::size_t count = 0;
  std::string why;  ///< of the first
};

class AnswerSource {
 public:
  virtual ~AnswerSource() = default;
  /// One for each, in order. Errors: nothing can be had now, and why.
  virtual Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                                      UnixSeconds now) = 0;
  /// Of all that was asked: what nobody could sign now, or what could not be believed.
  [[nodiscard]] const Missed& missed() const { return missed_; }

 protected:
  /// kNone, counted.
  Given miss(const std::string& why) {
    missed_.why = missed_.count++ == 0 ? why : missed_.why;
    return {Given::Kind::kNone, {}, {}, why};
  }

 private:
  Missed missed_;
};

/// Answers made here, by the engine of the responder, with the keys of `setup`. Signs only what the
/// answer at hand does not say any more, what another signer or other rules would be behind now, or
/// what is due. Blocks for keys in tokens.
/// \param store  outlives it
/// \param clock_error  by how much the clock may be wrong; nothing: it is not synchronised
std::unique_ptr<AnswerSource> make_local_answers(std::shared_ptr<const responder::Setup> setup,
                                                 const store::Store& store,
                                                 std::optional<Milliseconds> clock_error);

/// One batch call: octets of the call in, of its answer out. Errors: why there is none.
using BatchCall = std::function<Result<Buffer, std::string>(Buffer body, std::size_t max_bytes)>;
/// A running responder's batch listener (docs/formats/batch.md). Blocks.
BatchCall call_batch(net::ControlAccess access);

struct BatchOptions {
  std::string directory;  ///< of the export: where the answers at hand lie
  /// Who may sign although no issuer certified it.
  std::vector<pki::Certificate> locally_trusted{};
  /// Before tryLater is asked about again, as long as that gets on.
  Milliseconds pause{1'000};
};
/// Answers by batch calls: the very octets clients are given, checked as a client would (signature,
/// signer, which certificate, times) and never older than those at hand. No key is needed here.
/// Blocks.
std::unique_ptr<AnswerSource> make_batch_answers(BatchCall call,
                                                 std::shared_ptr<const responder::Setup> setup,
                                                 BatchOptions options);

/// Which open issuers' answers may end before the next run of an export that is run at `interval`:
/// one sentence each.
std::vector<std::string> interval_faults(const responder::Setup& setup, Seconds interval);

}  // namespace muster::edge
