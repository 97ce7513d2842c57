#pragma once

#include "muster/base/ip.h"

namespace muster::responder {

/// Who asks: decides about rules and limits by network. An address that is not known stands for a
/// peer on a unix socket.
struct Client {
  IpAddress address;
};

}  // namespace muster::responder
