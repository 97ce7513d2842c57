#pragma once

#include <functional>
#include <vector>

#include "muster/base/log.h"
#include "muster/node/node.h"
#include "muster/signers/delegate_book.h"
#include "muster/signers/directory.h"

namespace muster::node {

/// Whether whoever asked for something long does not want it any more. Empty: always wanted.
using IsUnwanted = std::function<bool()>;

/// The signer directories of a configuration, one book each (decision 027). What was accepted is
/// kept over reloads. Threads: one at a time.
class Delegates {
 public:
  /// Takes over what is known of directories that stay. \param specs  as configured, in the order
  /// of `files`
  Delegates(const Delegates* before, const std::vector<responder::IssuerSpec>& specs,
            const std::vector<responder::IssuerFiles>& files, const responder::Policy& policy);

  /// Looks at every directory; logs what is new (signer.accepted, .refused, .activated, .ended,
  /// .kept, .let_go, .directory). Whether signers changed. Blocks while tokens make trial
  /// signatures; asked before each delegate, `is_unwanted` ends that, and the rest is as if it had
  /// not been looked at.
  enum class Changed : std::uint8_t { kNo, kYes };
  Changed look(UnixSeconds now, Logger& logger, const IsUnwanted& is_unwanted = {});
  /// The specs with the delegates before the configured signers. Errors: an issuer that nobody can
  /// sign for.
  [[nodiscard]] NodeResult<std::vector<responder::IssuerSpec>> specs(UnixSeconds now) const;
  [[nodiscard]] std::vector<IssuerDelegate> states(UnixSeconds now) const;
  [[nodiscard]] const responder::Policy& policy() const { return policy_; }
  [[nodiscard]] bool is_empty() const { return all_.empty(); }

 private:
  struct One {
    std::size_t issuer;  ///< position in specs_
    std::string path;
    signers::DelegateDirectory directory;
    signers::DelegateBook book;
    std::string trouble;  ///< with the directory itself; told once
  };
  /// Judged by the same code as configured signers.
  [[nodiscard]] signers::DelegateBook::Judge judge(std::size_t issuer,
                                                   const IsUnwanted& is_unwanted) const;

  std::vector<responder::IssuerSpec> specs_;
  responder::Policy policy_;
  std::vector<One> all_;
};

}  // namespace muster::node
