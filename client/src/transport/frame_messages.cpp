#include "transport/frame_messages.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "objectos/error.h"
#include "protocol/errors.h"
#include "protocol/frame.h"
#include "protocol/json.h"
#include "protocol/messages.h"
#include "store/json_slices.h"
#include "store/local_database.h"

namespace objectos {

namespace {

[[noreturn]] void refuse_damaged(const std::string& detail) {
  throw Error(ErrorClass::transient, "damaged_frame",
              "The server's answer was damaged on its way; nothing of it was used.", detail,
              "It is asked for again by the next sync; queued edits are safe.");
}

std::optional<std::int64_t> integer_of(std::string_view raw) {
  if (raw == "null") return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (error != std::errc() || end != raw.data() + raw.size())
    refuse_damaged("Not a number: " + std::string(raw.substr(0, 40)));
  return number;
}

class FramePage final : public PullPage {
 public:
  explicit FramePage(std::string message) : message_(std::move(message)) { read(); }
  std::size_t size() const override { return rows_.size(); }
  PullRow row(std::size_t index) const override { return rows_[index]; }

 private:
  struct Placed {
    PullRow row;
    std::optional<std::int64_t> sequence;
  };
  using PlacedRows = std::vector<Placed>;

  std::string_view text_of(std::string_view raw) {
    if (raw == "null") return {};
    if (raw.size() < 2 || raw.front() != '"') refuse_damaged("A text is missing.");
    if (raw.find('\\') == std::string_view::npos) return raw.substr(1, raw.size() - 2);
    return unescaped_.emplace_back(json_unquote(raw));
  }

  Placed item(const char* kind, std::string_view text) {
    Placed item;
    item.row.kind = kind;
    for (const JsonSlice& member : members_.parse(text)) {
      if (member.name == "id") item.row.id = text_of(member.raw);
      if (member.name == "object") item.row.object = text_of(member.raw);
      if (member.name == "record_id") item.row.record_id = text_of(member.raw);
      if (member.name == "operation") item.row.operation = text_of(member.raw);
      if (member.name == "data" && member.raw != "null") item.row.data = member.raw;
      if (member.name == "version") item.row.version = integer_of(member.raw);
      if (member.name == "sequence") item.sequence = integer_of(member.raw);
      if (member.name == "tag") item.row.tag = text_of(member.raw);
    }
    return item;
  }

  void append_all(const JsonSlices& response, const char* key, const char* kind, PlacedRows& to) {
    const JsonSlice* list = response.find(key);
    if (list == nullptr || list->raw == "null") return;
    for (const std::string_view text : json_views(list->raw)) {
      to.push_back(item(kind, text));
      // Of these two the members themselves are the data.
      const std::string_view named = kind;
      if (named == "acknowledgement" || named == "conflict") to.back().row.data = text;
    }
  }

  // Objects are read one after the other: "begin", rows, "end". Rows that are read again have no
  // place in the log. A page may end, and the next one go on, between two rows.
  void append_rereads(const PlacedRows& marks, const PlacedRows& mutations) {
    auto next = mutations.begin();
    const auto append_rows_of = [&](std::string_view object) {
      for (; next != mutations.end(); ++next) {
        if (next->sequence) continue;
        if (!object.empty() && next->row.object != object) return;
        rows_.push_back(next->row);
      }
    };
    for (const Placed& mark : marks) {
      if (mark.row.operation == "end") append_rows_of(mark.row.object);
      rows_.push_back(mark.row);
    }
    append_rows_of({});
  }

  // An acknowledgement comes before the row that its mutation led to.
  void append_by_sequence(PlacedRows rows, const PlacedRows& mutations) {
    for (const Placed& mutation : mutations)
      if (mutation.sequence) rows.push_back(mutation);
    std::stable_sort(rows.begin(), rows.end(), [](const Placed& a, const Placed& b) {
      return a.sequence.value_or(0) < b.sequence.value_or(0);
    });
    for (const Placed& placed : rows) rows_.push_back(placed.row);
  }

  void read() {
    JsonSlices response;
    response.parse(message_);
    PlacedRows mutations, marks, others, conflicts;
    append_all(response, "mutations", "mutation", mutations);
    append_all(response, "rereads", "reread", marks);
    append_all(response, "truncates", "truncate", others);
    append_all(response, "acknowledgements", "acknowledgement", others);
    append_all(response, "removals", "removal", others);
    append_all(response, "conflicts", "conflict", conflicts);
    rows_.reserve(mutations.size() + marks.size() + others.size() + conflicts.size() + 2);
    const JsonSlice* schema = response.find("schema");
    if (schema != nullptr && schema->raw != "null") {
      PullRow row;
      row.kind = "schema";
      row.data = schema->raw;
      rows_.push_back(row);
    }
    append_rereads(marks, mutations);
    append_by_sequence(std::move(others), mutations);
    for (const Placed& conflict : conflicts) rows_.push_back(conflict.row);
    append_checkpoint(response);
  }

  void append_checkpoint(const JsonSlices& response) {
    const JsonSlice* checkpoint = response.find("checkpoint");
    const JsonSlice* has_more = response.find("has_more");
    if (checkpoint == nullptr || has_more == nullptr)
      refuse_damaged("It does not say where it ends.");
    PullRow row;
    row.kind = "checkpoint";
    row.checkpoint = text_of(checkpoint->raw);
    row.has_more = has_more->raw == "true";
    rows_.push_back(row);
  }

  std::string message_;
  std::deque<std::string> unescaped_;  // texts that have no view
  JsonSlices members_;
  std::vector<PullRow> rows_;
};

VerdictRow row_of(const Verdict& verdict) {
  const auto optional = [](const std::string& text) {
    return text.empty() ? std::optional<std::string>() : text;
  };
  VerdictRow row;
  row.mutation_id = verdict.mutation_id;
  row.status = verdict.status;
  row.duplicate = verdict.duplicate;
  row.version = verdict.version;
  row.sequence = verdict.sequence;
  row.reason = optional(verdict.reason);
  row.resolution = optional(verdict.resolution);
  row.server_version = verdict.server_version;
  row.client_version = verdict.client_version;
  if (!verdict.detail.is_null()) row.detail = write_json(verdict.detail);
  return row;
}

}  // namespace

std::string open_answer(std::string_view frame) {
  try {
    return decode_frame(frame, limits::response_bytes_max);
  } catch (const ProtocolError& error) {
    if (error.code() == ErrorCode::malformed_message) refuse_damaged(error.what());
    throw Error(ErrorClass::upgrade, error.sqlstate(),
                std::string("The server's answer cannot be read: ") + error.what(), error.detail(),
                "Install the same version of objectos_sync on both sides, or sync without frames "
                "(--frames off).");
  }
}

std::unique_ptr<PullPage> page_of_message(std::string message) {
  try {
    return std::make_unique<FramePage>(std::move(message));
  } catch (const StoreError& error) {
    refuse_damaged(error.what());
  }
}

std::vector<VerdictRow> verdicts_of_message(const std::string& message) {
  std::vector<VerdictRow> rows;
  try {
    for (const Verdict& verdict : decode_push_response(message)) rows.push_back(row_of(verdict));
  } catch (const ProtocolError& error) {
    refuse_damaged(error.what());
  }
  return rows;
}

std::string push_message(const std::string& client_id, const std::string& mutations_json) {
  return "{\"client_id\":" + json_string(client_id) +
         ",\"last_sync\":null,\"mutations\":" + mutations_json + '}';
}

}  // namespace objectos
