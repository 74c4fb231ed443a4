// The commands and options there are, in one table: the parser, --help, the man page and the
// completion are made from it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace objectos::cli {

struct Verb {
  const char* name;
  const char* operands;  // as usage shows them: "FILE CONFLICT [client_wins | server_wins]"
  const char* text;      // what it does, without a full stop
  const char* options;   // its own options, separated by spaces; "" = only the common ones
  const char* example;
  std::size_t operands_min, operands_max;
};

struct Option {
  const char* name;   // "--server"
  const char* value;  // what usage calls its value; "" = it takes none
  const char* text;
};

std::span<const Verb> verbs();
const Verb* find_verb(std::string_view name);

std::span<const Option> options();
const Option* find_option(std::string_view name);
// Every verb takes the option.
bool is_common(std::string_view option);
// The verb takes the option, as one of its own or of the common ones.
bool takes(const Verb& verb, std::string_view option);

}  // namespace objectos::cli
