// What a server makes of text fields, in one process: one object "notes" with a text, merged, and a
// title, whose last value counts. Only what clients have to do with; the algebra is the real one.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "protocol/text_edit.h"
#include "protocol/text_history.h"
#include "protocol/text_steps.h"
#include "store/json_slices.h"
#include "tests/client/store_file.h"

namespace text_server {

using namespace store_file;

struct Note {
  int64_t made = 0, version = 0, title_at = 0, body_at = 0;
  bool there = true;
  std::string title = "null", body = "null";  // raw
  std::vector<TextRevision> history;
  TextHistory texts() const { return {version, history}; }
};

inline std::string content(const std::string& raw) {
  return raw == "null" ? "" : json_unquote(raw);
}

class Server {
 public:
  int64_t version = 10;
  int64_t behind_max = 512;
  bool keeps_steps = true;
  std::map<std::string, Note> notes;

  void put(const std::string& id, const std::string& body) {
    Note note;
    note.made = note.version = note.body_at = note.title_at = ++version;
    note.title = "\"t\"", note.body = json_string(body);
    notes[id] = note;
  }

  // An edit by plain SQL on the server, or of another client.
  void edit(const std::string& id, const std::string& body, const std::string& client = "") {
    Note& note = notes.at(id);
    commit(note, ot::diff(content(note.body), body), client, "");
    note.body = json_string(body);
  }

  // What is answered to one push. What has a title "bad" is rejected.
  std::vector<StoredVerdict> push(const std::string& client,
                                  const std::vector<QueuedMutation>& batch) {
    std::vector<StoredVerdict> verdicts;
    std::map<std::string, TextCommit> commits;
    std::set<std::string> broken;  // notes of which an edit was rejected
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const QueuedMutation& mutation = batch[i];
      pushed.push_back(mutation.frozen);
      if (const auto seen = remembered.find(mutation.id); seen != remembered.end()) {
        CHECK_MESSAGE(seen->second.frozen == mutation.frozen, "other bytes under one id");
        pass(commits, client, mutation);
        if (seen->second.verdict.status == "rejected") broken.insert(mutation.record_id);
        verdicts.push_back(seen->second.verdict);
        continue;
      }
      StoredVerdict verdict = judge(client, mutation, commits, broken);
      if (verdict.status == "pull_first") {
        for (; i < batch.size(); ++i)
          verdicts.push_back(store_file::verdict(batch[i].id, "pull_first", 0));
        break;
      }
      if (verdict.status == "rejected") broken.insert(mutation.record_id);
      remembered[mutation.id] = {mutation.frozen, verdict};
      if (verdict.status != "rejected")
        acknowledged.push_back(
            {client, mutation.id, mutation.record_id, mutation.operation, verdict.status, version});
      verdicts.push_back(verdict);
    }
    return verdicts;
  }

  // What a client that has pulled up to `since` gets.
  std::vector<PulledRow> pull(const std::string& client, int64_t since) const {
    std::vector<PulledRow> rows;
    for (const auto& [id, note] : notes) {
      if (note.version <= since) continue;
      if (!note.there) {
        rows.push_back(row("mutation", "notes", id, "delete", "", note.version));
        continue;
      }
      const auto steps = keeps_steps ? text_steps(note.texts(), client, since) : std::nullopt;
      const bool is_new = note.made > since;
      RawMembers data;
      if (is_new) data.emplace_back("id", json_string(id));
      if (is_new || note.title_at > since) data.emplace_back("title", note.title);
      if (is_new || (note.body_at > since && (!steps || note.body == "null")))
        data.emplace_back("body", note.body);
      else if (note.body_at > since)
        data.emplace_back("body", write_json(encode_text_steps(*steps)));
      rows.push_back(row("mutation", "notes", id, is_new ? "insert" : "update", json_object(data),
                         note.version));
    }
    for (const Acknowledged& each : acknowledged) {
      if (each.client != client || each.version <= since) continue;
      PulledRow made = row("acknowledgement", "notes", each.record, each.operation,
                           "{\"status\":\"" + each.status + "\"}", each.version);
      made.id = each.mutation;
      rows.push_back(made);
    }
    return rows;
  }

  std::vector<std::string> pushed;  // every message that came

 private:
  struct Remembered {
    std::string frozen;
    StoredVerdict verdict;
  };
  struct Acknowledged {
    std::string client, mutation, record, operation, status;
    int64_t version;
  };

  static std::optional<PushedTextEdit> edit_of(const QueuedMutation& mutation) {
    const RawMembers message = json_members(mutation.frozen);
    const std::string* const data = json_find(message, "data");
    if (data == nullptr) return std::nullopt;
    const RawMembers fields = json_members(*data);
    const std::string* const body = json_find(fields, "body");
    if (body == nullptr || (*body)[0] != '{') return std::nullopt;
    return decode_text_edit(parse_json(*body));
  }

  TextCommit& commit_of(std::map<std::string, TextCommit>& commits, const std::string& client,
                        const std::string& record, int64_t revision) {
    const auto found = commits.find(record);
    if (found != commits.end()) return found->second;
    return commits
        .emplace(record, TextCommit(client, revision, notes.at(record).texts(), behind_max))
        .first->second;
  }

  void pass(std::map<std::string, TextCommit>& commits, const std::string& client,
            const QueuedMutation& mutation) {
    const auto edit = edit_of(mutation);
    if (!edit || notes.count(mutation.record_id) == 0) return;
    for (const TextRevision& each : notes.at(mutation.record_id).history)
      if (each.mutation == mutation.id)
        commit_of(commits, client, mutation.record_id, edit->revision)
            .passed(edit->operation, each.revision);
  }

  void commit(Note& note, const TextOperation& operation, const std::string& client,
              const std::string& mutation) {
    const int64_t since = note.history.empty() ? note.made : note.history.back().revision;
    note.version = note.body_at = ++version;
    note.history.push_back({since, version, client, mutation, operation, false});
  }

  StoredVerdict judge(const std::string& client, const QueuedMutation& mutation,
                      std::map<std::string, TextCommit>& commits, std::set<std::string>& broken) {
    StoredVerdict rejected = verdict(mutation.id, "rejected", 0);
    rejected.reason = "check";
    const RawMembers message = json_members(mutation.frozen);
    const std::string* const text = json_find(message, "data");
    const RawMembers data = text == nullptr ? RawMembers() : json_members(*text);
    const std::string* const title = json_find(data, "title");
    if (mutation.operation == "insert") {
      if (title != nullptr && *title == "\"bad\"") return rejected;
      Note note;
      note.made = note.version = note.body_at = note.title_at = ++version;
      if (title != nullptr) note.title = *title;
      if (const std::string* const body = json_find(data, "body")) note.body = *body;
      notes[mutation.record_id] = note;
      return verdict(mutation.id, "applied", version);
    }
    const auto found = notes.find(mutation.record_id);
    if (found == notes.end() || !found->second.there) {
      StoredVerdict gone = verdict(mutation.id, "conflict", version);
      gone.reason = "deleted";
      return gone;
    }
    Note& note = found->second;
    if (mutation.operation == "delete") {
      note.there = false, note.version = ++version;
      return verdict(mutation.id, "applied", version);
    }
    const std::string* const body = json_find(data, "body");
    std::optional<PushedTextEdit> edit = edit_of(mutation);
    if (edit) {
      if (broken.count(mutation.record_id) > 0) return verdict(mutation.id, "pull_first", 0);
      CHECK(edit->revision >= note.made);
      TextCommit& chain = commit_of(commits, client, mutation.record_id, edit->revision);
      if (chain.needs_pull()) return verdict(mutation.id, "pull_first", 0);
    }
    if (title != nullptr && *title == "\"bad\"") return rejected;
    if (title != nullptr) note.title = *title, note.title_at = note.version = ++version;
    if (body == nullptr) return verdict(mutation.id, "applied", version);
    TextOperation operation;
    bool to_null = false;
    const std::string now = content(note.body);
    if (edit) {
      operation = commits.at(mutation.record_id).commit(edit->operation);
      to_null = edit->to_null;
    } else {
      const std::string* const original = json_find(message, "original");
      REQUIRE(original != nullptr);
      const RawMembers before = json_members(*original);
      const std::string* const was = json_find(before, "body");
      REQUIRE(was != nullptr);
      operation = ot::transform(ot::diff(content(*was), content(*body)),
                                ot::diff(content(*was), now), ot::Side::right);
      to_null = *body == "null";
    }
    const std::string made = ot::apply(now, operation);
    note.body = made.empty() && to_null ? "null" : json_string(made);
    commit(note, operation, client, mutation.id);
    return verdict(mutation.id, "applied", version);
  }

  std::map<std::string, Remembered> remembered;
  std::vector<Acknowledged> acknowledged;
};

// A file whose object is that of the server.
struct Device : File {
  Server& server;
  std::string client;
  int64_t cut = 0;
  bool folds = false;

  static std::string notes_schema(const std::string& strategy = "text") {
    std::string notes = object_schema("notes", {"id"}, {{"id"}, {"title"}, {"body"}});
    notes.insert(notes.size() - 1, ",\"fields\":{\"body\":\"" + strategy + "\"}");
    return schema({notes});
  }

  explicit Device(Server& of, std::string name = "phone") : server(of), client(std::move(name)) {
    create(notes_schema());
    pull();
  }
  void sql(const std::string& text) { REQUIRE(shell(text) == ""); }
  void write(const std::string& body, const std::string& id = "1") {
    sql("UPDATE notes SET body = " + sql_text(body) + " WHERE id = '" + id + "'");
  }
  static std::string sql_text(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
  }
  std::string body(const std::string& id = "1") const {
    const auto row = db->row_json("notes", id);
    if (!row) return "(no row)";
    const RawMembers members = json_members(*row);
    const std::string* const raw = json_find(members, "body");
    return *raw == "null" ? "(null)" : json_unquote(*raw);
  }
  std::vector<QueuedMutation> batch(int64_t after = 0) {
    return db->next_batch({1000, std::size_t{4} << 20, folds}, after);
  }
  // False: nothing may go now. The answer may be lost.
  bool push(bool answered = true) {
    const auto sent = batch();
    if (sent.empty()) return false;
    const auto verdicts = server.push(client, sent);
    if (answered) db->store_verdicts(verdicts);
    return true;
  }
  RoundResult pull() {
    const int64_t now = server.version;
    RoundResult result = round(server.pull(client, cut));
    cut = now;
    sound();
    return result;
  }
  // As an engine does it. Returns the number of pushes.
  int sync() {
    int pushes = 0;
    for (bool more = true; more && pushes < 20; ++pushes) {
      while (push()) {
        if (!db->oldest_pending(0).empty() && server.pushed.size() > 100'000) break;
      }
      pull();
      more = !db->oldest_pending(0).empty();
    }
    CHECK(db->queue().empty());
    return pushes;
  }
  void sound() const {
    const auto differences = db->verify_local();
    CHECK(differences.empty());
    if (!differences.empty()) MESSAGE(differences[0].expected << " <> " << differences[0].found);
  }
  std::string op(std::size_t i) const {
    const auto queue = db->queue();
    return queue.at(i).data;
  }
};

}  // namespace text_server
