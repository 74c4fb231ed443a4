// A file that was copied or restored goes on under a new name: what the server judged under the old
// one is settled, what it never saw stays pending with new numbers, what nobody can tell is set
// aside as rejected.
#include <unordered_map>

#include "../fault_point.h"
#include "queue_sql.h"
#include "store.h"
#include "undo_history.h"

namespace objectos {

std::string Store::next_client_id(const std::string& candidate) {
  Statement keep(database_,
                 "UPDATE _sync_state SET next_client_id=coalesce(next_client_id,?) RETURNING "
                 "next_client_id");
  keep.bind(1, std::string_view(candidate));
  keep.step();
  std::string kept = keep.text(0);
  while (keep.step()) {
  }
  return kept;
}

// Ids and everything else stay; numbers go on above all that this file ever gave.
void Store::renumber_unjudged() {
  note_history(database_);
  run_sql(database_,
          "UPDATE _mutations SET client_sequence=client_sequence+(SELECT seq FROM sqlite_sequence "
          "WHERE name='_mutations'),state='pending',frozen=NULL WHERE state IN('pending',"
          "'in_flight');"
          "UPDATE sqlite_sequence SET seq=max(seq,(SELECT coalesce(max(client_sequence),0) FROM "
          "_mutations)) WHERE name='_mutations'");
  pass_over_in_history(database_);
}

std::vector<Rejection> Store::adopt_identity(const std::string& client_id,
                                             const std::vector<StoredVerdict>& fates,
                                             const std::function<void()>& begun,
                                             const std::function<void()>& renumbered) {
  std::unordered_map<std::string, const StoredVerdict*> by_id;
  for (const StoredVerdict& fate : fates) by_id.emplace(fate.mutation_id, &fate);
  std::vector<Rejection> set_aside;
  WriteTransaction transaction(database_);
  if (begun) begun();
  Applying applying(*this);
  Statement judge(database_, queue_sql::judge);
  for (const QueuedMutation& mutation : queue()) {
    const auto found = by_id.find(mutation.id);
    // What was written since the server was asked, it cannot know.
    if (mutation.state == "judged" || found == by_id.end()) continue;
    const StoredVerdict& fate = *found->second;
    if (fate.status == "unseen") continue;
    if (fate.status == "moved" || fate.status == "unknown") {
      const bool moved = fate.status == "moved";
      StoredVerdict verdict = fate;
      verdict.reason = moved ? "fork_moved" : "fork_unknown";
      verdict.detail = json_object(
          {{"message",
            json_string(moved ? "another copy of this file has taken the edit along"
                              : "whether the server took the edit before this file was copied or "
                                "restored can no longer be told")}});
      set_aside.push_back(reject(mutation, verdict));
    } else if (fate.status == "rejected") {
      set_aside.push_back(reject(mutation, fate));
    } else {
      store_verdict(judge, mutation.client_sequence, fate);
    }
  }
  renumber_unjudged();
  if (renumbered) renumbered();
  // The tags of hidden records were made for the old name: those objects are read again.
  Statement name(database_,
                 "UPDATE _sync_state SET client_id=?,next_client_id=NULL,checkpoint=CASE WHEN "
                 "EXISTS(SELECT 1 FROM _tags) THEN NULL ELSE checkpoint END");
  name.bind(1, std::string_view(client_id)).run();
  drop_leases();
  applying.done();
  fault_point("fork.before_commit");
  transaction.commit();
  fault_point("fork.after_commit");
  return set_aside;
}

}  // namespace objectos
