// The second half of a push: groups are decided and applied, and undone when one of their members
// is rejected.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "pg_ext/boundary.h"
#include "pg_ext/change_history.h"
#include "pg_ext/computed_values.h"
#include "pg_ext/conflict_store.h"
#include "pg_ext/field_clock_store.h"
#include "pg_ext/push_chain.h"
#include "pg_ext/pusher.h"
#include "pg_ext/rejection.h"
#include "pg_ext/text_merge.h"
#include "pg_ext/undo_values.h"

namespace objectos::server {

namespace {

// A member was rejected: the group is undone. The verdict is the member's.
using GroupRejected = MutationRejected;

constexpr int decisions_max =
    3;  // a row that changes under us this often does so by the caller's own triggers

void reset_deferral(Spi& spi) {
  spi.execute("SET CONSTRAINTS ALL DEFERRED");
}
void check_deferred(Spi& spi) {
  spi.execute("SET CONSTRAINTS ALL IMMEDIATE");
}

Json value_json(const std::optional<std::string>& value) {
  return value ? parse_json(*value) : Json();
}

Json conflicts_json(const Decision& decision) {
  Json list = Json::array();
  for (const FieldConflict& one : decision.conflicts) {
    Json item = Json::object();
    item.set("field", Json::string(one.field));
    item.set("client_value", value_json(one.client_value));
    item.set("server_value", value_json(one.server_value));
    item.set("resolution", Json::string(to_string(one.resolution)));
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace

void Pusher::form_groups() {
  std::unordered_map<std::string, std::size_t> named;
  std::unordered_set<std::size_t> twins;
  for (const PushItem& item : items_) twins.insert(item.twins.begin(), item.twins.end());
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const PushItem& item = items_[i];
    if (twins.count(i) > 0 || (item.verdict && item.verdict->duplicate)) continue;
    if (!item.entry->mutation || !item.entry->mutation->group) {
      groups_.push_back({i});
      continue;
    }
    const auto [found, added] = named.emplace(*item.entry->mutation->group, groups_.size());
    if (added) groups_.emplace_back();
    groups_[found->second].push_back(i);
  }
  for (const auto& group : groups_) {
    const auto bad = std::find_if(group.begin(), group.end(),
                                  [&](std::size_t i) { return items_[i].verdict.has_value(); });
    if (bad != group.end()) {
      current_ = *bad;
      reject_group(group, Verdict(*items_[*bad].verdict));
    }
  }
}

// Everything under one savepoint; on an error that rejects, again with one for each group.
void Pusher::judge_all() {
  std::vector<std::vector<std::size_t>> open;
  for (auto& group : groups_) {
    if (!items_[group.front()].verdict) open.push_back(std::move(group));
  }
  groups_ = std::move(open);
  // A text edit whose client has to pull first ends the push before its group: what was judged
  // before stands, and is judged again without what comes after.
  for (const RecordState& record : records_) chains_.push_back(record.chain);
  while (!groups_.empty()) {
    try {
      return judge_open_groups();
    } catch (const PullFirst& stopped) {
      stop_before(stopped.index);
    }
    begin_again();
  }
}

// Throws PullFirst with nothing done.
void Pusher::judge_open_groups() {
  try {
    subtransaction([&] {
      with_spi([&](Spi& spi) {
        reset_deferral(spi);
        for (const auto& group : groups_) judge_group(spi, group, false);
        flush_run(spi);
        check_deferred(spi);
      });
    });
    return;
  } catch (const GroupRejected&) {
  } catch (const RunUnclear&) {
  } catch (PgError& error) {
    // 27000: a BEFORE trigger changed another row of the same statement. By itself it may be right.
    if (!rejects_its_group(error.sqlstate()) && error.sqlstate() != "27000") throw;
    error.discard();
  }
  begin_again();
  subtransaction([&] { judge_one_by_one(); });
}

void Pusher::judge_one_by_one() {
  for (const auto& group : groups_) {
    check_interrupts();
    std::map<std::size_t, RecordState> before;
    for (std::size_t i : group) before.emplace(items_[i].record, records_[items_[i].record]);
    const std::size_t opened = opened_.size(), clocks = clocks_.size();
    std::optional<Verdict> cause;
    try {
      subtransaction([&] {
        with_spi([&](Spi& spi) {
          reset_deferral(spi);
          for (std::size_t i : group) {
            RecordState& record = records_[items_[i].record];
            if (items_[i].edit.operation == Operation::insert) read_again(record);
          }
          judge_group(spi, group, true);
          check_deferred(spi);
        });
      });
    } catch (const GroupRejected& rejection) {
      cause = rejection.verdict;
    } catch (PgError& error) {
      if (!rejects_its_group(error.sqlstate())) throw;
      const bool only_inserts = std::all_of(group.begin(), group.end(), [&](std::size_t i) {
        return items_[i].edit.operation == Operation::insert;
      });
      cause = rejected_writing(items_[current_].entry->id, error, only_inserts);
      error.discard();
    }
    if (!cause) continue;
    for (auto& [place, record] : before) {
      records_[place] = std::move(record);
      records_[place].texts.clear();  // later edits of them are to see the rejected one
    }
    opened_.resize(opened);
    clocks_.resize(clocks);
    reject_group(group, *cause);
  }
}

void Pusher::judge_group(Spi& spi, const Group& group, bool one_by_one) {
  for (std::size_t i : group) {
    if (i % 100 == 99) check_interrupts();
    current_ = i;
    inject_fault("push_judge");
    judge_item(spi, i, group);
    if (one_by_one) flush_run(spi);
  }
}

// A verdict has been found: a rejected member undoes its group.
void Pusher::settle(std::size_t index, const Group& group) {
  const Verdict& verdict = *items_[index].verdict;
  if (verdict.status != "rejected") return;
  current_ = index;
  if (group.size() > 1) throw GroupRejected{verdict};
  reject_group(group, Verdict(verdict));
}

// The failing member (current_) keeps its own verdict; the others are rejected with it.
void Pusher::reject_group(const std::vector<std::size_t>& group, const Verdict& cause) {
  for (std::size_t i : group) {
    PushItem& item = items_[i];
    if (!item.texts.empty()) records_[item.record].texts.clear();  // later edits built on it
    if (i == current_) {
      item.verdict = cause;
    } else if (!item.verdict || item.verdict->status != "rejected") {
      item.verdict = rejected(item.entry->id, "group_rejected", "",
                              "another mutation of its group was rejected",
                              "See the verdict of mutation " + items_[current_].entry->id + ".");
    }
    if (item.object != nullptr && item.edit.operation == Operation::insert) {
      records_[item.record].chain.insert_rejected = true;
    }
  }
}

// What is rejected whatever the record holds.
bool Pusher::refuse(PushItem& item) {
  const RecordState& record = records_[item.record];
  const std::string& id = item.entry->id;
  if (record.chain.insert_rejected) {
    item.verdict =
        rejected(id, "depends_on_rejected", "", "the record's insert was rejected before");
  } else if (undoes_rejected(items_, item)) {
    item.verdict = rejected(id, "depends_on_rejected", "", "what it would undo was rejected");
  } else if (record.not_lockable && item.edit.operation == Operation::update) {
    item.verdict = rejected(id, "not_authorized", "42501",
                            "permission denied to update record " + record.record_id);
  }
  return item.verdict.has_value();
}

Decision Pusher::decide_item(Spi& spi, PushItem& item) {
  RecordState& record = records_[item.record];
  if (item.edit.undo) take_stored_forms(items_, record, item);
  if (item.takes_present_as_base) {
    for (const auto& [name, value] : item.edit.data) {
      const auto present = record.server.values.find(name);
      if (present != record.server.values.end()) item.edit.original[name] = present->second;
    }
  }
  inject_fault("push_judge");
  record.server.contested = record.chain.contested;
  const std::optional<std::int64_t> version = effective_version(item, record);
  if (version != record.changes_from) record.server.changed_since.reset();
  Decision decision = decide(item.merged ? *item.merged : item.edit, version, record.server,
                             record.object->rules, record.clocks);
  if (!decision.calls.empty()) flush_run(spi);  // a merge function may look at what was written
  complete(spi, item, record, decision);
  write_merged(item, decision);
  return decision;
}

// Decides now and writes later, with its neighbours; but what builds on a record that waits to be
// written is decided when that is done.
void Pusher::judge_item(Spi& spi, std::size_t index, const Group& group) {
  PushItem& item = items_[index];
  const auto waiting = run_records_.find(item.record);
  const bool joins = waiting != run_records_.end() && may_join(item) && !refuse(item);
  if (joins && merge(index)) {
    run_[waiting->second].links.push_back({index, &group});
    return;
  }
  if (waiting != run_records_.end()) flush_run(spi);
  if (item.verdict) return settle(index, group);
  if (refuse(item) || !merge(index)) return settle(index, group);
  Decision decision = decide_item(spi, item);
  if (decision.action == Action::none) {
    take_outcome(item, decision, {});
    return settle(index, group);
  }
  if (!run_.empty()) {
    const Decided& first = run_.front();
    const PushItem& other = items_[first.links.front().index];
    const bool fits = same_statement({&other, &records_[other.record], &first.decision, {}},
                                     {&item, &records_[item.record], &decision, {}});
    if (!fits) flush_run(spi);
  }
  run_records_.emplace(item.record, run_.size());
  run_.push_back({{{index, &group}}, std::move(decision)});
}

void Pusher::flush_run(Spi& spi) {
  if (run_.empty()) return;
  std::vector<Decided> run = std::move(run_);
  run_.clear();
  run_records_.clear();
  std::vector<Write> writes;
  for (Decided& one : run) writes.push_back(write_of(one));
  const std::vector<Applied> applied = apply(spi, author_, writes);
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (applied[i].hit) settle_links(run[i], applied[i]);
    for (const Link& link : run[i].links) {
      if (!applied[i].hit) judge_again(spi, link.index);
      settle(link.index, *link.group);
    }
  }
}

// The record changed since it was read: read and decide again.
void Pusher::judge_again(Spi& spi, std::size_t index) {
  PushItem& item = items_[index];
  RecordState& record = records_[item.record];
  for (int round = 1; round < decisions_max; ++round) {
    read_again(record);
    if (refuse(item) || !merge(index)) return;
    const Decision decision = decide_item(spi, item);
    const Applied applied = apply(spi, author_, {{&item, &record, &decision, {}}}).front();
    if (applied.hit || decision.action == Action::none) {
      take_outcome(item, decision, applied);
      return;
    }
  }
  read_again(record);
  item.verdict = rejected(item.entry->id, "not_authorized", "42501",
                          "permission denied to write record " + record.record_id);
}

void Pusher::take_outcome(PushItem& item, const Decision& decision, const Applied& applied) {
  RecordState& record = records_[item.record];
  ServerState& server = record.server;
  Verdict verdict;
  verdict.mutation_id = item.entry->id;
  const bool carried = item.is_carried && decision.status == Status::applied;
  verdict.status = to_string(carried ? Status::merged : decision.status);
  verdict.reason = to_string(decision.reason);
  verdict.resolution = to_string(decision.resolution);
  verdict.server_version = decision.server_version;
  verdict.client_version = decision.client_version;
  if (!decision.conflicts.empty()) {
    verdict.detail = Json::object();
    verdict.detail.set("conflicts", conflicts_json(decision));
  }
  if (applied.captured) {
    verdict.sequence = applied.sequence;
    item.seal = applied.seal;
    record.outdated |= applied.texts_moved;
    server.version = applied.version;
    server.modified_at_us = server.now_us;
  }
  if (decision.action == Action::remove) {
    server.exists = false;
    server.last_delete_version = server.version;
    server.values.clear();
    server.deleted_values.reset();
    verdict.version = server.version;
  } else if (decision.action != Action::none) {
    if (!server.exists) {
      for (const std::string& name : wanted_[record.object]) server.values[name] = "null";
    }
    server.exists = true;
    for (const auto& [name, value] : decision.write) server.values[name] = value;
  }
  if (decision.action != Action::none) record.ctid.clear();  // it stands elsewhere now
  if (server.exists) verdict.version = server.version;
  for (const auto& [field, clock] : decision.clocks) {
    FieldClock& stored = record.clocks[field];
    stored = clock;
    stored.own = clock.mutation_id == item.entry->id;
    clocks_.push_back(
        {item.record, field, clock, stored.own && item.entry->client_sequence.has_value()});
  }
  follow_chain(item, decision, verdict.version, record);
  if (!decision.manual_fields.empty()) remember_opened(item, decision, verdict);
  if (decision.status == Status::rejected) {
    if (verdict.detail.is_null()) verdict.detail = Json::object();
    verdict.detail.set("message", Json::string("record " + record.record_id + " exists"));
    verdict.detail.set("hint", Json::string("Insert it under another key."));
  }
  item.verdict = std::move(verdict);
}

void Pusher::remember_opened(const PushItem& item, const Decision& decision, Verdict& verdict) {
  const RecordState& record = records_[item.record];
  OpenedConflict opened;
  opened.conflict_id = new_uuid();
  opened.mutation_id = item.entry->id;
  opened.object = record.object->info.object;
  opened.record_id = record.record_id;
  opened.reason = to_string(decision.reason);
  opened.client_version = item.edit.version;
  opened.server_version = record.server.version;
  for (const FieldConflict& one : decision.conflicts) {
    if (one.resolution != Resolution::manual) continue;
    // What the log knows of before is not for everybody who sees the row now.
    const bool known = !record.object->info.row_security || item.edit.original.contains(one.field);
    if (one.base && known) opened.base[one.field] = *one.base;
    if (one.client_value) opened.client[one.field] = *one.client_value;
    if (one.server_value) opened.server[one.field] = *one.server_value;
  }
  verdict.detail.set("conflict_id", Json::string(opened.conflict_id));
  opened_.push_back(std::move(opened));
}

}  // namespace objectos::server
