#include "commands.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include "exit_codes.h"
#include "objectos/sync_engine.h"
#include "watch.h"

namespace objectos::cli {

namespace {

int outcome(const SyncResult& result, const Status& status) {
  for (const Verdict& verdict : result.verdicts) {
    if (verdict.status == "rejected") return kRejected;
  }
  return status.conflicts > 0 ? kConflicts : kOk;
}

template <typename Work>
int exchange(SyncEngine& engine, Output& output, Work work) {
  auto token = engine.on_progress([&](const Progress& p) { output.progress(p); });
  SyncResult result = work();
  token.cancel();
  engine.drain(std::chrono::seconds(10));  // the last of the progress
  output.end_progress();
  Status status = engine.status();
  output.result(result, status);
  return outcome(result, status);
}

int clone(const Arguments&, SyncEngine& engine, Output& output) {
  return exchange(engine, output, [&] { return engine.clone(); });
}
// JSON, or @ and the name of a file that holds it.
std::string subscription_text(const std::string& argument) {
  if (argument.empty() || argument[0] != '@') return argument;
  const std::string name = argument.substr(1);
  std::ifstream file(name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.is_open() && !file.bad()) return text;
  throw Error(ErrorClass::usage, "usage", "The file " + name + " cannot be read.", {},
              "After @, name a file that holds the subscription's JSON.");
}

int subscribe(const Arguments& arguments, SyncEngine& engine, Output& output) {
  const bool given = arguments.operands.size() == 2;
  const bool cleared = arguments.has("--clear");
  if (given && cleared) {
    throw Error(ErrorClass::usage, "usage", "subscribe takes either a subscription or --clear.", {},
                "See objectos-sync subscribe --help.");
  }
  if (!given && !cleared) {
    output.subscription(engine.subscription());
    return kOk;
  }
  const std::string wanted = cleared ? "" : subscription_text(arguments.operands[1]);
  return exchange(engine, output, [&] { return engine.subscribe(wanted); });
}

int sync(const Arguments&, SyncEngine& engine, Output& output) {
  return exchange(engine, output, [&] { return engine.sync_now(); });
}
int push(const Arguments&, SyncEngine& engine, Output& output) {
  return exchange(engine, output, [&] { return engine.push_now(); });
}
int pull(const Arguments&, SyncEngine& engine, Output& output) {
  return exchange(engine, output, [&] { return engine.pull_now(); });
}

int status(const Arguments&, SyncEngine& engine, Output& output) {
  output.status(engine.status());
  return kOk;
}

int pending(const Arguments&, SyncEngine& engine, Output& output) {
  output.pending(engine.pending());
  return kOk;
}

int conflicts(const Arguments&, SyncEngine& engine, Output& output) {
  auto list = engine.conflicts();
  output.conflicts(list);
  return list.empty() ? kOk : kConflicts;
}

int resolve(const Arguments& arguments, SyncEngine& engine, Output& output) {
  const std::string& conflict = arguments.operands[1];
  const bool choice = arguments.operands.size() == 3;
  if (choice == arguments.has("--values")) {
    throw Error(ErrorClass::usage, "usage",
                "resolve takes either client_wins or server_wins, or --values JSON.", {},
                "See objectos-sync resolve --help.");
  }
  Verdict verdict = choice ? engine.resolve(conflict, arguments.operands[2])
                           : engine.resolve_with(conflict, arguments.value("--values"));
  output.verdict(verdict);
  return verdict.status == "rejected" ? kRejected : kOk;
}

int rejections(const Arguments&, SyncEngine& engine, Output& output) {
  output.rejections(engine.rejections());
  return kOk;
}

int discard(const Arguments& arguments, SyncEngine& engine, Output& output) {
  output.discarded(engine.discard(arguments.operands[1]));
  return kOk;
}

int retry(const Arguments& arguments, SyncEngine& engine, Output& output) {
  output.retried(engine.retry(arguments.operands[1]));
  return kOk;
}

int dismiss(const Arguments& arguments, SyncEngine& engine, Output& output) {
  engine.dismiss(arguments.operands[1]);
  output.done("The rejection is forgotten.");
  return kOk;
}

int log(const Arguments& arguments, SyncEngine& engine, Output& output) {
  output.log(engine.log(arguments.operands[1], arguments.operands[2]));
  return kOk;
}

int diff(const Arguments&, SyncEngine& engine, Output& output) {
  output.diff(engine.diff());
  return kOk;
}

// What differs and is not mended is a problem of the file.
int verify(const Arguments& arguments, SyncEngine& engine, Output& output) {
  if (arguments.has("--local")) {
    if (arguments.has("--repair")) {
      throw Error(ErrorClass::usage, "usage", "What to repair it from, only the server knows.", {},
                  "Say --local or --repair.");
    }
    const auto differences = engine.verify_local();
    output.local_differences(differences);
    return differences.empty() ? kOk : kFile;
  }
  auto token = engine.on_progress([&](const Progress& p) { output.progress(p); });
  VerifyReport report = engine.verify({.repair = arguments.has("--repair")});
  token.cancel();
  output.end_progress();
  output.verified(report);
  return report.differences == report.repaired ? kOk : kFile;
}

// The exit code says whether something wants mending, and at which end.
int doctor(const Arguments&, SyncEngine& engine, Output& output) {
  const auto findings = engine.diagnose();
  output.findings(findings);
  auto problem_at = [&](std::string_view place) {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
      return finding.state == "problem" && finding.place == place;
    });
  };
  if (problem_at("file")) return kFile;
  return problem_at("server") ? kTransient : kOk;
}

int undo(const Arguments&, SyncEngine& engine, Output& output) {
  output.undone(engine.undo());
  return kOk;
}
int redo(const Arguments&, SyncEngine& engine, Output& output) {
  output.undone(engine.redo());
  return kOk;
}
int history(const Arguments&, SyncEngine& engine, Output& output) {
  output.history(engine.history());
  return kOk;
}

int detach(const Arguments& arguments, SyncEngine& engine, Output& output) {
  engine.detach(arguments.has("--force"));
  output.done("The file is a plain SQLite database now.");
  return kOk;
}

struct Command {
  std::string_view verb;
  int (*run)(const Arguments&, SyncEngine&, Output&);
};
constexpr Command kCommands[] = {
    {"rejections", rejections},
    {"log", log},
    {"diff", diff},
    {"verify", verify},
    {"clone", clone},
    {"sync", sync},
    {"push", push},
    {"pull", pull},
    {"watch", watch_file},
    {"presence", be_present},
    {"status", status},
    {"pending", pending},
    {"conflicts", conflicts},
    {"discard", discard},
    {"retry", retry},
    {"dismiss", dismiss},
    {"resolve", resolve},
    {"doctor", doctor},
    {"detach", detach},
    {"undo", undo},
    {"redo", redo},
    {"history", history},
    {"subscribe", subscribe},
};

}  // namespace

int run_command(const Arguments& arguments, Output& output) {
  const std::string_view verb = arguments.verb->name;
  Options options;
  options.database = arguments.operands[verb == "clone" ? 1 : 0];
  options.server = verb == "clone" ? arguments.operands[0] : arguments.value("--server");
  options.frames = frames_of(arguments);
  options.initial_connections = connections_of(arguments);
  if (const auto interval = interval_of(arguments)) {
    options.live = false;
    options.timing.interval = *interval;
  }
  options.key_file = arguments.value("--key-file");
  const char* const key_file = std::getenv("OBJECTOS_KEY_FILE");
  if (options.key_file.empty() && key_file != nullptr) options.key_file = key_file;
  options.subscription = subscription_text(arguments.value("--subscribe"));
  SyncEngine engine(options);
  for (const Command& command : kCommands) {
    if (command.verb == verb) return command.run(arguments, engine, output);
  }
  throw Error(ErrorClass::internal, "internal", "The command has no function.");
}

}  // namespace objectos::cli
