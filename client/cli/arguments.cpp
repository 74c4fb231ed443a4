#include "arguments.h"

#include "objectos/error.h"

namespace objectos::cli {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorClass::usage, "usage", message, {}, "See objectos-sync --help.");
}

void check(const Arguments& arguments) {
  if (arguments.has("--help") || arguments.has("--version")) return;
  if (arguments.verb_name.empty()) refuse("No command was given.");
  if (arguments.verb == nullptr) refuse("There is no command \"" + arguments.verb_name + "\".");
  const Verb& verb = *arguments.verb;
  const std::size_t count = arguments.operands.size();
  if (count < verb.operands_min || count > verb.operands_max) {
    refuse(std::string("Usage: objectos-sync ") + verb.name + " " + verb.operands);
  }
  for (const auto& [option, value] : arguments.options) {
    if (!takes(verb, option)) refuse(std::string(verb.name) + " takes no option " + option + ".");
  }
  frames_of(arguments);
  connections_of(arguments);
  interval_of(arguments);
}

}  // namespace

std::string Arguments::value(const std::string& option) const {
  const auto found = options.find(option);
  return found != options.end() ? found->second : std::string();
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  bool operands_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    if (operands_only || text.empty() || text[0] != '-' || text == "-") {
      if (arguments.verb_name.empty()) {
        arguments.verb_name = text;
        arguments.verb = find_verb(text);
      } else {
        arguments.operands.push_back(text);
      }
      continue;
    }
    if (text == "--") {
      operands_only = true;
      continue;
    }
    const Option* option = find_option(text == "-h" ? "--help" : text);
    if (option == nullptr) refuse("There is no option \"" + text + "\".");
    const bool valued = *option->value != '\0';
    if (valued && (i + 1 >= argc || *argv[i + 1] == '\0')) {
      refuse("Option " + text + " needs a value.");
    }
    arguments.options[option->name] = valued ? argv[++i] : "";
  }
  check(arguments);
  return arguments;
}

Frames frames_of(const Arguments& arguments) {
  const std::string text = arguments.value("--frames");
  if (text.empty() && !arguments.has("--frames")) return Frames::automatic;
  if (text == "auto") return Frames::automatic;
  if (text == "on") return Frames::on;
  if (text == "off") return Frames::off;
  refuse("--frames takes auto, on or off.");
}

int connections_of(const Arguments& arguments) {
  if (!arguments.has("--connections")) return 1;
  const std::string text = arguments.value("--connections");
  if (text.size() != 1 || text[0] < '1' || text[0] > '8')
    refuse("--connections takes a number from 1 to 8.");
  return text[0] - '0';
}

std::optional<std::chrono::seconds> interval_of(const Arguments& arguments) {
  if (!arguments.has("--interval")) return std::nullopt;
  const std::string text = arguments.value("--interval");
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  const long seconds = digits && text.size() <= 5 ? std::stol("0" + text) : 0;
  if (seconds < 1 || seconds > 86'400) refuse("--interval takes seconds, 1 to 86400.");
  return std::chrono::seconds(seconds);
}

}  // namespace objectos::cli
