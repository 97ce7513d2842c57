#pragma once

#include "muster/pki/keys.h"
#include "openssl.h"

namespace muster::pki {

struct PrivateKey::Impl {
  openssl::KeyPtr key;                ///< of a remote key: its public half
  std::shared_ptr<RemoteKey> remote;  ///< null for a key in this process
};

}  // namespace muster::pki
