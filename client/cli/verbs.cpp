#include "verbs.h"

#include <string>

namespace objectos::cli {

namespace {

constexpr Verb kVerbs[] = {
    {"clone", "SERVER FILE", "make FILE, a SQLite database, from the server's objects",
     "--subscribe --connections --frames --key-file",
     "objectos-sync clone postgresql:///crm phone.db", 2, 2},
    {"sync", "FILE", "push local edits, pull everyone else's", "--server --frames --key-file",
     "objectos-sync sync phone.db", 1, 1},
    {"push", "FILE", "push local edits only; prints each verdict", "--server --frames --key-file",
     "objectos-sync push phone.db", 1, 1},
    {"pull", "FILE", "pull only; local edits stay queued", "--server --frames --key-file",
     "objectos-sync pull phone.db", 1, 1},
    {"watch", "FILE", "stay live: prints what changes on either side at once, until Ctrl-C",
     "--interval --server --frames --key-file", "objectos-sync watch phone.db", 1, 1},
    {"presence", "FILE CHANNEL",
     "be in a channel (OBJECT or OBJECT/RECORD); prints who is there, until Ctrl-C",
     "--state --server --key-file", "objectos-sync presence phone.db contacts/42", 2, 2},
    {"subscribe", "FILE [JSON | @FILE]",
     "say which objects and which of their records the file gets; alone, show it",
     "--clear --server --frames --key-file",
     "objectos-sync subscribe phone.db '{\"objects\": [\"contacts\"]}'", 1, 2},
    {"status", "FILE", "what is queued, open and refused; asks no server", "",
     "objectos-sync status phone.db --json", 1, 1},
    {"pending", "FILE", "the queued edits, oldest first", "", "objectos-sync pending phone.db", 1,
     1},
    {"rejections", "FILE", "the edits that the server refused, and why", "",
     "objectos-sync rejections phone.db", 1, 1},
    {"discard", "FILE MUTATION", "take a queued edit, and its group, out before it is sent", "",
     "objectos-sync discard phone.db 0d9f...", 2, 2},
    {"retry", "FILE MUTATION", "queue a refused edit again, upon the present row", "",
     "objectos-sync retry phone.db 0d9f...", 2, 2},
    {"dismiss", "FILE MUTATION", "forget a refused edit", "",
     "objectos-sync dismiss phone.db 0d9f...", 2, 2},
    {"conflicts", "FILE", "the manual conflicts that wait for a decision", "",
     "objectos-sync conflicts phone.db", 1, 1},
    {"resolve", "FILE CONFLICT [client_wins | server_wins]", "decide a conflict, for everybody",
     "--values --server --key-file",
     "objectos-sync resolve phone.db 5f0c... --values '{\"name\":\"Ada\"}'", 2, 3},
    {"undo", "FILE", "take back the newest edits of this file; others' later work stays", "",
     "objectos-sync undo phone.db", 1, 1},
    {"redo", "FILE", "take back the last undo", "", "objectos-sync redo phone.db", 1, 1},
    {"history", "FILE", "the edits that can be undone or redone, the newest first", "",
     "objectos-sync history phone.db --json", 1, 1},
    {"log", "FILE OBJECT RECORD", "who changed a record, what and when; asks the server",
     "--server --key-file", "objectos-sync log phone.db contacts 42", 3, 3},
    {"diff", "FILE", "what unsent edits make of their records, field by field", "",
     "objectos-sync diff phone.db", 1, 1},
    {"verify", "FILE",
     "compare the file with the server by digests; with --local, rows with base images and queue",
     "--local --repair --server --key-file", "objectos-sync verify phone.db --repair", 1, 1},
    {"doctor", "FILE", "look both ends over and say what to mend", "--server --key-file",
     "objectos-sync doctor phone.db", 1, 1},
    {"detach", "FILE", "take sync out of FILE; a plain SQLite database remains", "--force",
     "objectos-sync detach phone.db", 1, 1},
};

constexpr Option kOptions[] = {
    {"--server", "SERVER", "connect to SERVER instead of the one the file was cloned from"},
    {"--frames", "auto|on|off",
     "how data travels: compressed over a network, plain over a unix socket, or as said"},
    {"--interval", "SECONDS", "do not listen; sync once in so many seconds, 1 to 86,400"},
    {"--connections", "N", "read N objects at once, each over a connection of its own, 1 to 8"},
    {"--key-file", "KEYFILE",
     "act for the user of this key (mode 0600); without it, OBJECTOS_KEY_FILE"},
    {"--subscribe", "JSON|@FILE", "what the new file gets, as the command subscribe takes it"},
    {"--clear", "", "get everything again"},
    {"--values", "JSON", "a JSON object with a value for each colliding field"},
    {"--state", "JSON", "what the others in the channel see of this one"},
    {"--local", "", "ask no server"},
    {"--repair", "", "mend what differs, downloading no more than that"},
    {"--force", "", "although unsent edits would be forgotten"},
    {"--json", "", "JSON on standard output, errors too"},
    {"--quiet", "", "no progress, no list of verdicts"},
    {"--help", "", "this text; after a command, that command's"},
    {"--version", "", "the version"},
};

constexpr std::string_view kCommon[] = {"--json", "--quiet", "--help", "--version"};

}  // namespace

std::span<const Verb> verbs() {
  return kVerbs;
}

const Verb* find_verb(std::string_view name) {
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return &verb;
  }
  return nullptr;
}

std::span<const Option> options() {
  return kOptions;
}

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

bool is_common(std::string_view option) {
  for (std::string_view common : kCommon) {
    if (option == common) return true;
  }
  return false;
}

bool takes(const Verb& verb, std::string_view option) {
  if (is_common(option)) return true;
  const std::string own = std::string(" ") + verb.options + " ";
  return own.find(" " + std::string(option) + " ") != std::string::npos;
}

}  // namespace objectos::cli
