// A call of a function of the extension with arguments that suit their names and types, more or
// less. The functions are those that the catalog lists, so a new one is called without being named
// here.
#pragma once

#include <string>
#include <vector>

#include "messages.h"

namespace faults {

struct Argument {
  std::string name;
  std::string type;
};

struct Function {
  std::string signature;  // as the catalog prints it
  std::string name;       // schema-qualified, quoted
  std::vector<Argument> arguments;
  std::size_t optional = 0;  // how many of the last have defaults
  bool returns_set = false;
  bool is_trigger = false;  // or of an event
};

std::vector<Function> functions_of_extension(Session& session);

class Calls {
 public:
  Calls(Dice& dice, Pool& pool, Messages& messages)
      : dice_(dice), pool_(pool), messages_(messages) {}

  // f(…), with SQL for its arguments.
  std::string call(const Function& function);

 private:
  std::string argument(const Function& function, const Argument& argument);
  std::string text_argument(const Function& function, const std::string& name);
  std::string json_argument(const Function& function, const std::string& name);
  std::string any_value();
  std::string table();

  Dice& dice_;
  Pool& pool_;
  Messages& messages_;
};

}  // namespace faults
