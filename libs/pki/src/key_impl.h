#pragma once

#include "muster/pki/keys.h"
#include "openssl.h"

namespace muster::pki {

struct PrivateKey::Impl {
  openssl::KeyPtr key;
};

}  // namespace muster::pki
