// objectos-sync: the client runtime for people and scripts.
#include <iostream>

#include "arguments.h"
#include "exit_codes.h"
#include "objectos/sync_engine.h"
#include "output.h"

namespace objectos::cli {

namespace {

int outcome(const SyncResult& result, const Status& status) {
  for (const Verdict& verdict : result.verdicts) {
    if (verdict.status == "rejected") return kRejected;
  }
  return status.conflicts > 0 ? kConflicts : kOk;
}

int exchange(const Arguments& arguments, SyncEngine& engine, Output& output) {
  auto token = engine.on_progress([&](const Progress& p) { output.progress(p); });
  SyncResult result;
  if (arguments.verb == "clone") result = engine.clone();
  if (arguments.verb == "sync") result = engine.sync_now();
  if (arguments.verb == "push") result = engine.push_now();
  if (arguments.verb == "pull") result = engine.pull_now();
  output.end_progress();
  Status status = engine.status();
  output.result(result, status);
  return outcome(result, status);
}

int resolve(const Arguments& arguments, SyncEngine& engine, Output& output) {
  const std::string& conflict = arguments.operands[1];
  Verdict verdict = arguments.values.empty() ? engine.resolve(conflict, arguments.operands[2])
                                             : engine.resolve_with(conflict, arguments.values);
  output.verdict(verdict);
  return verdict.status == "rejected" ? kRejected : kOk;
}

int run(const Arguments& arguments, Output& output) {
  Options options;
  bool clone = arguments.verb == "clone";
  options.database = arguments.operands[clone ? 1 : 0];
  options.server = clone ? arguments.operands[0] : arguments.server;
  options.frames = arguments.frames;
  SyncEngine engine(options);
  if (arguments.verb == "status") {
    output.status(engine.status());
    return kOk;
  }
  if (arguments.verb == "pending") {
    output.pending(engine.pending());
    return kOk;
  }
  if (arguments.verb == "conflicts") {
    auto list = engine.conflicts();
    output.conflicts(list);
    return list.empty() ? kOk : kConflicts;
  }
  if (arguments.verb == "resolve") return resolve(arguments, engine, output);
  if (arguments.verb == "detach") {
    engine.detach(arguments.force);
    output.done("The file is a plain SQLite database now.");
    return kOk;
  }
  return exchange(arguments, engine, output);
}

int guarded_main(int argc, char** argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) json = json || std::string(argv[i]) == "--json";
  try {
    Arguments arguments = parse_arguments(argc, argv);
    if (arguments.version) {
      std::cout << version() << '\n';
      return kOk;
    }
    if (arguments.help) {
      std::cout << help_text(arguments.verb);
      return kOk;
    }
    Output output(arguments.json, arguments.quiet);
    return run(arguments, output);
  } catch (const Error& error) {
    int code = exit_code(error.error_class());
    Output(json, true).error(error, code);
    return code;
  } catch (const std::exception& error) {
    Output(json, true).error(Error(ErrorClass::internal, "internal", error.what()), kInternal);
    return kInternal;
  }
}

}  // namespace

}  // namespace objectos::cli

int main(int argc, char** argv) {
  return objectos::cli::guarded_main(argc, argv);
}
