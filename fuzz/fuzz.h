#pragma once

#include <cstddef>
#include <cstdint>

#include "muster/base/assert.h"
#include "muster/base/bytes.h"

// A finding is a broken MUSTER_ASSERT, a sanitizer's report, a hang or too much memory.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
