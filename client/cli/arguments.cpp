#include "arguments.h"

#include "objectos/error.h"

namespace objectos::cli {

namespace {

struct VerbHelp {
  const char* verb;
  const char* synopsis;
  const char* text;
  const char* example;
  std::size_t operands_min, operands_max;
};

constexpr VerbHelp kVerbs[] = {
    {"clone", "clone SERVER FILE", "make FILE, a SQLite database, from the server's objects",
     "objectos-sync clone postgresql:///crm phone.db", 2, 2},
    {"sync", "sync FILE", "push local edits, pull everyone else's", "objectos-sync sync phone.db",
     1, 1},
    {"push", "push FILE", "push local edits only; prints each verdict",
     "objectos-sync push phone.db", 1, 1},
    {"pull", "pull FILE", "pull only; local edits stay queued", "objectos-sync pull phone.db", 1,
     1},
    {"status", "status FILE", "what is queued, open and refused; asks no server",
     "objectos-sync status phone.db --json", 1, 1},
    {"pending", "pending FILE", "the queued edits, oldest first", "objectos-sync pending phone.db",
     1, 1},
    {"conflicts", "conflicts FILE", "the manual conflicts that wait for a decision",
     "objectos-sync conflicts phone.db", 1, 1},
    {"resolve", "resolve FILE CONFLICT [client_wins | server_wins] [--values JSON]",
     "decide a conflict, for everybody",
     "objectos-sync resolve phone.db 5f0c... --values '{\"name\":\"Ada\"}'", 2, 3},
    {"detach", "detach FILE [--force]", "take sync out of FILE; a plain SQLite database remains",
     "objectos-sync detach phone.db", 1, 1},
};

const VerbHelp* find_verb(const std::string& verb) {
  for (const VerbHelp& known : kVerbs) {
    if (verb == known.verb) return &known;
  }
  return nullptr;
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorClass::usage, "usage", message, {}, "See objectos-sync --help.");
}

Frames frames_of(const std::string& text) {
  if (text == "auto") return Frames::automatic;
  if (text == "on") return Frames::on;
  if (text == "off") return Frames::off;
  refuse("--frames takes auto, on or off.");
}

void check(const Arguments& arguments) {
  if (arguments.help || arguments.version) return;
  if (arguments.verb.empty()) refuse("No command was given.");
  const VerbHelp* verb = find_verb(arguments.verb);
  if (verb == nullptr) refuse("There is no command \"" + arguments.verb + "\".");
  std::size_t count = arguments.operands.size();
  if (count < verb->operands_min || count > verb->operands_max) {
    refuse(std::string("Usage: objectos-sync ") + verb->synopsis);
  }
  if (arguments.verb == "resolve" && (count == 3) == !arguments.values.empty()) {
    refuse("resolve takes either client_wins or server_wins, or --values JSON.");
  }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  bool operands_only = false;
  for (int i = 1; i < argc; ++i) {
    std::string text = argv[i];
    auto value = [&]() -> std::string {
      if (i + 1 >= argc) refuse("Option " + text + " needs a value.");
      return argv[++i];
    };
    if (operands_only || text.empty() || text[0] != '-' || text == "-") {
      if (arguments.verb.empty()) {
        arguments.verb = text;
      } else {
        arguments.operands.push_back(text);
      }
    } else if (text == "--") {
      operands_only = true;
    } else if (text == "--json") {
      arguments.json = true;
    } else if (text == "--quiet") {
      arguments.quiet = true;
    } else if (text == "--force") {
      arguments.force = true;
    } else if (text == "--help" || text == "-h") {
      arguments.help = true;
    } else if (text == "--version") {
      arguments.version = true;
    } else if (text == "--server") {
      arguments.server = value();
    } else if (text == "--frames") {
      arguments.frames = frames_of(value());
    } else if (text == "--values") {
      arguments.values = value();
    } else {
      refuse("There is no option \"" + text + "\".");
    }
  }
  check(arguments);
  return arguments;
}

std::string help_text(const std::string& name) {
  std::string text;
  if (const VerbHelp* verb = find_verb(name)) {
    text = std::string("usage: objectos-sync ") + verb->synopsis + "\n\n  " + verb->text +
           "\n\nexample:\n  " + verb->example + "\n";
  } else {
    text =
        "objectos-sync keeps a SQLite file and a PostgreSQL server the same.\n\n"
        "usage: objectos-sync COMMAND ... [options]\n\ncommands:\n";
    for (const VerbHelp& verb : kVerbs) {
      text += std::string("  ") + verb.synopsis + "\n      " + verb.text + "\n";
    }
    text +=
        "\nexample:\n  objectos-sync clone postgresql:///crm phone.db\n"
        "  sqlite3 phone.db \"UPDATE contacts SET name = 'Ada' WHERE id = '42'\"\n"
        "  objectos-sync sync phone.db\n";
  }
  text +=
      "\noptions:\n"
      "  --server S   connect to S instead of the server the file was cloned from\n"
      "  --frames F   on, off, or auto: compressed over a network, plain over a unix socket\n"
      "  --json       one JSON document on standard output\n"
      "  --quiet      no progress, no list of verdicts\n"
      "  --help, --version\n"
      "\nPasswords: use ~/.pgpass, PGPASSWORD or a service file; they are never stored.\n"
      "Exit codes: 0 ok, 1 usage, 2 server not reachable, 3 mutations rejected, 4 conflicts "
      "open,\n  5 file problem, 6 not authorised, 7 resync, fork or upgrade, 8 internal.\n";
  return text;
}

}  // namespace objectos::cli
