// The main function of a suite that brings none of its own.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdlib>

// Every engine of the tests, and of the commands that they run, checks base image and queue against
// the rows before it commits.
[[maybe_unused]] static const int checked = setenv("OBJECTOS_CHECK_LOCAL", "1", 1);
