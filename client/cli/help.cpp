#include "help.h"

#include "objectos/sync_engine.h"
#include "verbs.h"

namespace objectos::cli {

namespace {

constexpr const char* kPitch = "keep a SQLite file and a PostgreSQL server the same";

struct ExitLine {
  int code;
  const char* text;
};
constexpr ExitLine kExitCodes[] = {
    {0, "done"},
    {1, "usage: an unknown command, option or object, or a file that is a replica already"},
    {2, "the server is not reachable, or busy; queued edits are safe"},
    {3, "done, but the server rejected edits"},
    {4, "done, but conflicts are open"},
    {5,
     "the file: missing, not ours, read-only, busy, damaged, incomplete, disk full; or the output "
     "cannot be written"},
    {6, "not authorised"},
    {7, "a resync, another identity or another version is needed"},
    {8, "a defect"},
};

std::string usage_of(const Verb& verb) {
  std::string text = std::string(verb.name) + " " + verb.operands;
  for (const Option& option : options()) {
    if (is_common(option.name) || !takes(verb, option.name)) continue;
    text += std::string(" [") + option.name;
    if (*option.value != '\0') text += std::string(" ") + option.value;
    text += "]";
  }
  return text;
}

std::string with_value(const Option& option) {
  return std::string(option.name) + (*option.value != '\0' ? " " : "") + option.value;
}

std::string option_lines(const Verb* verb) {
  std::string text;
  for (const Option& option : options()) {
    if (verb != nullptr && !takes(*verb, option.name)) continue;
    std::string name = with_value(option);
    name.resize(std::max<std::size_t>(name.size() + 2, 22), ' ');
    text += "  " + name + option.text + "\n";
  }
  return text;
}

// Text for troff: a backslash, and a dot or quote at the start of a line, mean something there.
std::string troff(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      if (escaped.empty() && (c == '.' || c == '\'')) escaped += "\\&";
      escaped += c;
    }
  }
  return escaped;
}

std::string words(std::string_view separator, bool own_of_all) {
  std::string text;
  for (const Verb& verb : verbs()) {
    if (own_of_all) {
      text += std::string("    ") + verb.name + ") own='" + verb.options + "' ;;\n";
    } else {
      text += (text.empty() ? "" : std::string(separator)) + verb.name;
    }
  }
  return text;
}

}  // namespace

std::string help_text(const std::string& name) {
  std::string text;
  const Verb* verb = find_verb(name);
  if (verb != nullptr) {
    text = "usage: objectos-sync " + usage_of(*verb) + "\n\n  " + verb->text + "\n\nexample:\n  " +
           verb->example + "\n";
  } else {
    text = std::string("objectos-sync: ") + kPitch +
           ".\n\nusage: objectos-sync COMMAND ... [options]\n\ncommands:\n";
    for (const Verb& each : verbs()) {
      text += std::string("  ") + each.name + " " + each.operands + "\n      " + each.text + "\n";
    }
    text +=
        "\nexample:\n  objectos-sync clone postgresql:///crm phone.db\n"
        "  sqlite3 phone.db \"UPDATE contacts SET name = 'Ada' WHERE id = '42'\"\n"
        "  objectos-sync sync phone.db\n";
  }
  text += "\noptions:\n" + option_lines(verb) +
          "\nPasswords: use ~/.pgpass, PGPASSWORD or a service file; they are never stored.\n";
  if (verb == nullptr) {
    text += "\nexit codes:\n";
    for (const ExitLine& line : kExitCodes) {
      text += "  " + std::to_string(line.code) + "  " + line.text + "\n";
    }
  }
  return text;
}

std::string man_page() {
  std::string text = std::string(".TH OBJECTOS\\-SYNC 1 \"\" \"") + version() +
                     "\" \"User Commands\"\n.SH NAME\nobjectos\\-sync \\- " + kPitch +
                     "\n.SH SYNOPSIS\n.B objectos\\-sync\n.I COMMAND\n\\&... [options]\n"
                     ".SH DESCRIPTION\nAn app reads and writes its SQLite file with no network at "
                     "all; this command\nsends its edits to the PostgreSQL server and brings "
                     "everyone else's.\n.SH COMMANDS\n";
  for (const Verb& verb : verbs()) {
    text += ".TP\n.B " + troff(usage_of(verb)) + "\n" + troff(verb.text) + ".\n.br\nExample:\n.B " +
            troff(verb.example) + "\n";
  }
  text += ".SH OPTIONS\n";
  for (const Option& option : options()) {
    text += ".TP\n.B " + troff(with_value(option)) + "\n" + troff(option.text) + ".\n";
  }
  text += ".SH EXIT STATUS\n";
  for (const ExitLine& line : kExitCodes) {
    text += ".TP\n.B " + std::to_string(line.code) + "\n" + troff(line.text) + ".\n";
  }
  return text +
         ".SH FILES\nPasswords belong into\n.I ~/.pgpass\nor a service file, as for any program "
         "that uses libpq. None is stored.\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours.\n.TP\n"
         ".B PGPASSWORD, PGSERVICE, ...\nAs for psql.\n.SH SEE ALSO\n.BR psql (1),\n.BR sqlite3 "
         "(1)\n";
}

std::string bash_completion() {
  std::string common, valued;
  for (const Option& option : options()) {
    if (is_common(option.name)) common += (common.empty() ? "" : " ") + std::string(option.name);
    if (*option.value != '\0') valued += (valued.empty() ? "" : "|") + std::string(option.name);
  }
  return "# bash completion for objectos-sync\n"
         "_objectos_sync() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local verb='' own='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break ;; esac\n"
         "  done\n"
         "  COMPREPLY=()\n"
         "  case $before in\n"
         "    --frames) mapfile -t COMPREPLY < <(compgen -W 'auto on off' -- \"$current\")\n"
         "      return ;;\n"
         "    --key-file) mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
         "      return ;;\n"
         "    " +
         valued +
         ") return ;;\n"
         "  esac\n"
         "  case $verb in\n" +
         words("", true) +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$own " +
         common +
         "\" -- \"$current\")\n"
         "  elif [[ -z $verb ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W '" +
         words(" ", false) +
         "' -- \"$current\")\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _objectos_sync objectos-sync\n";
}

}  // namespace objectos::cli
