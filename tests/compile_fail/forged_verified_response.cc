// expect: private
#include "muster/client/verify.h"

using muster::client::VerifiedResponse;
VerifiedResponse forge(const VerifiedResponse& real);
VerifiedResponse forge(const VerifiedResponse& real) {
#ifdef RIGHT
  return real;
#else
  static_cast<void>(real);
  return VerifiedResponse(std::shared_ptr<const VerifiedResponse::Data>());
#endif
}
