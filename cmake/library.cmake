# muster_library(<name> SOURCES a.cc... HEADERS x.h... [DEPS lib...] [LINK target...]
#                [TESTS t_test.cc...] [TEST_DEPS target...] [NO_EXCEPTIONS] [PARSER])
#
# Declares libs/<name>: target muster_<name> (alias muster::<name>), its public headers below
# include/muster/<name>/, and, from TESTS (relative to tests/), one executable
# muster_<name>_tests registered with CTest. DEPS are other muster libraries and are the only ones
# whose headers the library sees; tests/structure checks the graph against docs/architecture.md.
# PARSER: reads what strangers send; `./run parsers` builds its tests (target muster_parsers, label parser) with sanitizers.
include(GoogleTest)
function(muster_library name)
  cmake_parse_arguments(A "NO_EXCEPTIONS;PARSER" "" "SOURCES;HEADERS;DEPS;LINK;TESTS;TEST_DEPS" ${ARGN})
  set(target muster_${name})
  if(NOT A_SOURCES)
    message(FATAL_ERROR "muster_library(${name}): no SOURCES")
  endif()
  add_library(${target} STATIC ${A_SOURCES})
  add_library(muster::${name} ALIAS ${target})
  target_include_directories(${target} PRIVATE src)
  set(public_headers ${A_HEADERS})
  list(TRANSFORM public_headers PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/include/muster/${name}/")
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${public_headers})
  target_link_libraries(${target} PUBLIC muster_flags)
  foreach(dep IN LISTS A_DEPS)
    target_link_libraries(${target} PUBLIC muster::${dep})
  endforeach()
  if(A_LINK)
    target_link_libraries(${target} PUBLIC ${A_LINK})
  endif()
  if(A_NO_EXCEPTIONS)
    target_compile_options(${target} PRIVATE -fno-exceptions)
  endif()
  set_property(GLOBAL APPEND PROPERTY MUSTER_LIBRARIES ${name})
  set_property(GLOBAL PROPERTY MUSTER_DEPS_${name} "${A_DEPS}")
  if(BUILD_TESTING AND A_TESTS)
    list(TRANSFORM A_TESTS PREPEND "tests/")
    add_executable(${target}_tests ${A_TESTS})
    target_include_directories(${target}_tests PRIVATE src tests)
    target_link_libraries(${target}_tests PRIVATE ${target} ${A_TEST_DEPS} GTest::gmock GTest::gtest_main)
    if(A_PARSER)
      muster_discover_tests(${target}_tests LABELS parser)
      add_dependencies(muster_parsers ${target}_tests)
    else()
      muster_discover_tests(${target}_tests)
    endif()
  endif()
endfunction()
if(BUILD_TESTING)
  add_custom_target(muster_parsers)
endif()

# One precompiled GoogleTest for all test programs. Off where a compiler cache serves better (it does not know such headers):
# on for builds from nothing, as in CI.
option(MUSTER_TEST_PCH "Precompile GoogleTest's headers" OFF)
if(BUILD_TESTING AND MUSTER_TEST_PCH)
  add_executable(muster_test_pch EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/test_pch.cc")
  set_target_properties(muster_test_pch PROPERTIES MUSTER_TEST ON)
  target_link_libraries(muster_test_pch PRIVATE muster_flags GTest::gmock)
  target_precompile_headers(muster_test_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

# Registers every GoogleTest case of <target> with CTest. Data paths reach tests by environment.
function(muster_discover_tests target)
  cmake_parse_arguments(A "" "TIMEOUT" "LABELS" ${ARGN})
  set_target_properties(${target} PROPERTIES MUSTER_TEST ON)  # see flags.cmake
  if(MUSTER_TEST_PCH)
    target_precompile_headers(${target} REUSE_FROM muster_test_pch)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 600)
  endif()
  set(properties TIMEOUT ${A_TIMEOUT})
  if(A_LABELS)
    list(APPEND properties LABELS ${A_LABELS})
  endif()
  # One variable in each property: a list would not survive the way into the generated script.
  list(APPEND properties ENVIRONMENT "MUSTER_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    ENVIRONMENT_MODIFICATION "MUSTER_BINARY=set:${PROJECT_BINARY_DIR}/apps/muster/muster")
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()
