# Warnings, hardening and sanitizers: one home, used by every target (see docs/architecture.md).
option(MUSTER_WERROR "Treat warnings as errors (presets and CI; never for packagers)" OFF)
option(MUSTER_FUZZ "Build the libFuzzer targets (needs Clang)" OFF)
set(MUSTER_SANITIZE "" CACHE STRING "Sanitizers to build with: address, thread, or empty")
option(MUSTER_COVERAGE "Instrument for gcovr" OFF)

add_library(muster_flags INTERFACE)
target_compile_features(muster_flags INTERFACE cxx_std_20)
target_compile_options(muster_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wformat=2 -Wnull-dereference -Wundef
  -Wextra-semi -Wmissing-declarations -Wdouble-promotion
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wsuggest-override>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${MUSTER_WERROR}>:-Werror>
  -fstack-protector-strong -fno-delete-null-pointer-checks -fvisibility=hidden)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  target_compile_options(muster_flags INTERFACE -fstack-clash-protection -fcf-protection=full)
endif()
target_compile_definitions(muster_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT MUSTER_SANITIZE AND NOT MUSTER_COVERAGE)
  target_compile_options(muster_flags INTERFACE -ftrivial-auto-var-init=zero)
endif()
target_link_options(muster_flags INTERFACE
  -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  # What newer GCCs guess about the flow through inlined library code stays a warning.
  target_compile_options(muster_flags INTERFACE -Wno-error=array-bounds -Wno-error=stringop-overflow
    -Wno-error=maybe-uninitialized -Wno-error=null-dereference -Wno-error=restrict -Wno-error=free-nonheap-object
    -Wno-error=dangling-reference)
endif()
if(MUSTER_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumented code confuses GCC's flow analysis (false alarms about std::optional).
  target_compile_options(muster_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(MUSTER_SANITIZE STREQUAL "address")
  target_compile_options(muster_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(muster_flags INTERFACE -fsanitize=address,undefined)
elseif(MUSTER_SANITIZE STREQUAL "thread")
  target_compile_options(muster_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(muster_flags INTERFACE -fsanitize=thread)
elseif(MUSTER_SANITIZE)
  message(FATAL_ERROR "MUSTER_SANITIZE: '${MUSTER_SANITIZE}' is not address, thread or empty")
else()
  # Sanitizer builds drop these two: the second silences the overflow check on both compilers.
  target_compile_options(muster_flags INTERFACE -fno-strict-overflow)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT MUSTER_COVERAGE)
    target_compile_options(muster_flags INTERFACE
      $<$<NOT:$<BOOL:$<TARGET_PROPERTY:MUSTER_TEST>>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>)
  endif()
endif()
# Tests are compiled as they are: optimising GoogleTest's macros costs more than everything else. What they test is optimised.
target_compile_options(muster_flags INTERFACE $<$<BOOL:$<TARGET_PROPERTY:MUSTER_TEST>>:-O0>)
if(MUSTER_COVERAGE)
  target_compile_options(muster_flags INTERFACE --coverage -O0)
  target_link_options(muster_flags INTERFACE --coverage)
endif()
if(MUSTER_FUZZ)
  target_compile_options(muster_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(muster_flags INTERFACE -fsanitize=address,undefined)
endif()
