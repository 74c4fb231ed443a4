// What a push works on: one item per mutation, one record state per record it touches.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/push_origin.h"
#include "protocol/conflict_detector.h"
#include "protocol/json.h"
#include "protocol/messages.h"
#include "protocol/object_rules.h"
#include "protocol/text_edit.h"
#include "protocol/text_history.h"
#include "protocol/text_rope.h"

namespace objectos::server {

// An enabled object as this push sees it.
struct PushObject {
  ObjectInfo info;
  ObjectRules rules;
  bool uses_clocks = false;  // lww decides somewhere in it
};

// What the client's own mutations of a record make of its later ones: the version the earlier one
// was sent with, and the one it left behind.
struct Chain {
  bool linked = false;
  std::optional<std::int64_t> sent;
  std::int64_t after = 0;
  bool met_others = false;  // found another version than it built on: later ones do too
  std::set<std::string, std::less<>> contested;  // fields on which the chain lost so far
  bool insert_rejected = false;
};

// A field's edits of this push, which are made of one another, and what is committed of others.
struct TextChain {
  std::int64_t revision = 0;  // of the text that the first of them was made of
  TextCommit commit;
  // As the last of them leaves it; none: as the row has it.
  std::shared_ptr<TextRope> text = {};
  bool is_null = false;  // the field
};

// A record as far as the push knows it: first as loaded, then as its own mutations leave it.
struct RecordState {
  const PushObject* object = nullptr;
  std::string record_id;               // as the client spells it
  std::string stored_id;               // as the row that was found spells it; empty: none was
  std::vector<std::string> key_texts;  // input texts of the key's columns
  std::string ctid;                    // where the locked row stands; empty: by its key only

  ServerState server;
  FieldClocks clocks;
  std::string stored_clocks;    // as they stand in field_clocks; empty: they do not
  bool clocks_current = false;  // read while the record was locked: nobody can have changed them
  std::size_t mutations = 0;    // of this push
  std::optional<std::int64_t> edited;  // the version that the last of them names
  bool lock_wanted = false;            // an update is among the mutations
  bool not_lockable = false;           // visible, but the caller may not update it

  std::map<std::string, TextChain, std::less<>> texts;  // as far as it is read
  std::vector<std::size_t> text_edits;                  // items of the push that edit texts of it
  bool outdated = false;                                // to be read again before the next decision

  Chain chain;
  std::optional<std::int64_t> changes_from;  // the version that server.changed_since is about
};

struct PushItem {
  const PushEntry* entry = nullptr;
  std::string fingerprint;  // 32 bytes
  const PushObject* object = nullptr;
  std::size_t record = 0;                       // index into the push's records
  Edit edit;                                    // values in canonical JSON form
  std::map<std::string, PushedTextEdit> texts;  // of `edit.data`: these fields' edits
  std::optional<Edit> merged;                   // `edit` with texts merged; none: it has none
  CommittedTexts committed;                     // of texts, as the merged edit writes them
  bool is_carried = false;                      // over others' edits of a text
  bool takes_present_as_base = false;           // sync_resolve: written over whatever stands there
  std::optional<Verdict> verdict;               // set when judged
  std::string seal;                             // of its log row, if it came signed: 32 bytes
  std::vector<std::size_t> twins;  // later entries of the push with the same id and bytes
};

// What is written to the tables of ours once the mutations stand.
struct OpenedConflict {
  std::string conflict_id;
  std::string mutation_id;
  std::string object;
  std::string record_id;
  std::string reason;
  FieldValues base, client, server;
  std::optional<std::int64_t> client_version;
  std::optional<std::int64_t> server_version;
};

struct StoredClock {
  std::size_t record = 0;  // index into the push's records
  std::string field;
  FieldClock clock;
  bool own = false;  // of a numbered mutation of this push
};

// {"field":value,…} from canonical JSON texts.
std::string object_text(const FieldValues& values);

}  // namespace objectos::server
