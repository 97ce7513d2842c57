#pragma once

#include "certificate_impl.h"

namespace muster::pki {

/// Whether every OpenSSL is sure to decode this certificate, which our own reader has read: it has
/// nothing but what CAs put into one every day. No judgement: what is not plain may be as good, and
/// is decoded when it is parsed, as all were once, so that what OpenSSL refuses is refused then
/// (decision 005).
bool is_plain(const Certificate::Impl& certificate);

}  // namespace muster::pki
