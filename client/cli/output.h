// What the command prints: JSON documents, coloured lines, a progress bar.
#pragma once

#include <string>
#include <vector>

#include "objectos/error.h"
#include "objectos/local_writes.h"
#include "objectos/presence.h"
#include "objectos/types.h"
#include "objectos/verify.h"

namespace objectos::cli {

class Output {
 public:
  Output(bool json, bool quiet);
  bool json() const { return json_; }

  void progress(const Progress& progress);
  void end_progress();
  void result(const SyncResult& result, const Status& status);
  void status(const Status& status);
  void pending(const std::vector<PendingMutation>& list);
  void discarded(const std::vector<PendingMutation>& list);
  void retried(const std::string& mutation_id);  // empty: nothing was to be done
  void conflicts(const std::vector<Conflict>& list);
  void rejections(const std::vector<RejectedMutation>& list);
  void log(const std::vector<HistoryEntry>& entries);
  void diff(const std::vector<RecordDiff>& records);
  void verified(const VerifyReport& report);
  void undone(const UndoResult& result);
  void history(const std::vector<HistoryGroup>& groups);
  void local_differences(const std::vector<LocalDifference>& list);
  // Events, a line each; with --json a JSON object per line: {event, ...}.
  void event(const Change& change);
  void event(const Verdict& verdict);
  void event(const RejectedMutation& rejected);
  void event(const Conflict& conflict);
  void event(const Status& status);
  void event(const PresenceEvent& event);
  void verdict(const Verdict& verdict);
  void findings(const std::vector<Finding>& list);
  void subscription(const std::string& json);  // empty: everything
  void done(const std::string& sentence);
  void error(const Error& error, int exit_code);

 private:
  std::string colour(const char* code, const std::string& text) const;
  void verdict_line(const Verdict& verdict) const;

  bool json_, quiet_, colour_, bar_;
  std::string told_;  // the status line printed last
  bool bar_drawn_ = false;
};

}  // namespace objectos::cli
