#include "transport/pg_transport.h"

#include <libpq-fe.h>

#include <utility>

#include "engine/error_classes.h"
#include "protocol/frame.h"
#include "transport/answer_rows.h"
#include "transport/conninfo.h"
#include "transport/extension_place.h"
#include "transport/frame_messages.h"
#include "transport/notifications.h"
#include "transport/pg_connection.h"
#include "transport/session_login.h"

namespace objectos {

namespace {

const std::string kBeginRound = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

// As bigint takes the 64 bits.
std::string signed_text(std::uint64_t bits) {
  return std::to_string(static_cast<std::int64_t>(bits));
}

// Of a snapshot's name: hexadecimal digits and hyphens, which no server may put anything else into.
std::string literal(const std::string& name) {
  if (name.empty() || name.find_first_not_of("0123456789ABCDEFabcdef-") != std::string::npos) {
    throw Error(ErrorClass::upgrade, "unexpected_answer",
                "The server gave a snapshot's name this version does not know.");
  }
  return "'" + name + "'";
}

std::string array_literal(const std::vector<std::string>& texts) {
  std::string literal = "{";
  for (const std::string& text : texts) {
    literal += literal.size() > 1 ? ",\"" : "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  return literal + "}";
}

class PgTransport final : public Transport {
 public:
  PgTransport(const std::string& conninfo, Patience patience, Frames frames)
      : connection_(conninfo, patience), frames_(frames) {}

  void connect() override {
    if (!connection_.open()) return;
    notifications_.forget();
    // By the names, through the catalog's caches: a search in pg_proc costs a new backend as much
    // as all that follows.
    const PgResult found = find_extension(
        connection_,
        ", pg_catalog.has_function_privilege(pg_catalog.to_regprocedure("
        "s.name || '.sync_pull_frame(pg_catalog.text, pg_catalog.text, pg_catalog.int4, "
        "pg_catalog.int8)'), 'EXECUTE') AND pg_catalog.has_function_privilege("
        "pg_catalog.to_regprocedure(s.name || '.sync_push_frame(pg_catalog.bytea)'), 'EXECUTE')");
    schema_ = PQgetvalue(found.get(), 0, 0);
    const bool wanted =
        frames_ == Frames::on || (frames_ == Frames::automatic && !connection_.over_unix_socket());
    framed_ = wanted && true_at(found.get(), 0, 1) && connection_.server_speaks_utf8();
  }

  void disconnect() noexcept override {
    connection_.close();
    notifications_.forget();
  }

  void sign_with(std::shared_ptr<const RequestSigner> signer) override {
    login_.sign_with(std::move(signer));
  }

  void act_as(const std::string& client_id) override {
    login_.renew(connection_, schema_, client_id);
  }

  std::string hello(const std::string& client_id, std::optional<std::int64_t> high_water) override {
    PgParameter known;
    if (high_water) known = std::to_string(*high_water);
    const auto ask = [&] {
      act_as(client_id);
      return scalar(schema_ + "sync_hello($1::text, $2::bigint)", {client_id, known});
    };
    try {
      return ask();
    } catch (const Error& error) {
      if (error.code() != "OS018" || !login_.known()) throw;
    }
    login_.forget();
    return ask();
  }

  std::string subscribe(const std::string& client_id, const std::string& subscription) override {
    act_as(client_id);
    PgParameter wanted;
    if (!subscription.empty()) wanted = subscription;
    return scalar(schema_ + "sync_subscribe($1::text, $2::jsonb)", {client_id, wanted});
  }

  std::string schema() override { return scalar(schema_ + "sync_schema()", {}); }

  std::string status_problems() override {
    return scalar(
        "coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('fact', fact, 'problem', "
        "problem, 'hint', hint)), '[]') FROM " +
            schema_ + "sync_status() WHERE problem IS NOT NULL",
        {});
  }

  void request_push(const std::string& client_id, const std::string& mutations_json) override {
    if (!framed_) {
      connection_.send(select_verdicts("sync_push($1::text, $2::json)"),
                       {client_id, mutations_json});
      return;
    }
    const std::string frame = encode_frame(push_message(client_id, mutations_json));
    connection_.send_binary("SELECT " + schema_ + "sync_push_frame($1::bytea)", {}, &frame);
  }

  std::vector<VerdictRow> receive_push() override {
    if (framed_) return verdicts_of_message(receive_frame());
    return verdicts(connection_.receive());
  }

  // Rows also where frames go: what is sent so is short.
  std::vector<VerdictRow> push_greeted(const GreetedPush& push) override {
    act_as(push.client_id);
    std::vector<PgConnection::Step> steps;
    if (login_.known()) steps = {{"BEGIN"}, {login_.second().substr(2)}};
    const std::size_t pushing = steps.size();
    steps.push_back({greeted_push(),
                     {push.client_id, std::to_string(push.high_water), push.epoch, push.schema,
                      push.mutations_json},
                     false,
                     notifications_.notifying().sent});
    if (login_.known()) steps.push_back({"COMMIT"});
    connection_.send_all(steps);
    return verdicts(connection_.receive_all(pushing));
  }

  // What an acknowledgement says, the next one says again: it need not wait for the server's disk.
  void request_ack(const std::string& ack_json) override {
    connection_.send("SELECT " + login_.first() +
                         "pg_catalog.set_config('synchronous_commit', 'off', true), " + schema_ +
                         "sync_ack($1::json)",
                     {ack_json});
  }

  void receive_ack() override { connection_.receive(); }

  void begin_round() override { connection_.command(kBeginRound + login_.second()); }

  Notifying listen(const std::string& client_id, std::chrono::milliseconds silence) override {
    return notifications_.listen(connection_, login_, schema_, client_id, silence);
  }
  bool live() const noexcept override { return notifications_.asked() && connection_.is_open(); }
  Notifying notifying() const override { return notifications_.notifying(); }
  Notices take_notices() override { return notifications_.take(connection_); }
  int socket() const noexcept override { return connection_.socket(); }

  void request_only_page(const std::string& client_id, const std::string& checkpoint,
                         int max_mutations, std::int64_t confirmed) override {
    if (login_.ends_soon()) act_as(client_id);
    const bool keeps = notifications_.notifying().sent;
    std::vector<PgConnection::Step> steps = {{kBeginRound, {}, false, keeps}};
    if (login_.known()) steps.push_back({login_.second().substr(2)});
    only_page_step_ = steps.size();
    steps.push_back(
        {select_page(),
         {client_id, checkpoint, std::to_string(max_mutations), std::to_string(confirmed)},
         framed_,
         keeps});
    steps.push_back({"COMMIT", {}, false, keeps});
    connection_.send_all(steps);
  }

  std::unique_ptr<PullPage> receive_only_page() override {
    PgResult rows = connection_.receive_all(only_page_step_);
    return framed_ ? page_of_message(frame_in(rows)) : page_of_rows(std::move(rows));
  }

  void request_page(const std::string& client_id, const std::string& checkpoint, int max_mutations,
                    std::int64_t confirmed) override {
    if (login_.ends_soon()) {  // the round goes on under a new one
      act_as(client_id);
      connection_.query("SELECT " + login_.first() + "true");
    }
    const std::initializer_list<PgParameter> values = {
        client_id, checkpoint, std::to_string(max_mutations), std::to_string(confirmed)};
    if (framed_) {
      connection_.send_binary(select_page(), values);
    } else {
      connection_.send(select_page(), values);
    }
  }

  std::unique_ptr<PullPage> receive_page() override {
    if (framed_) return page_of_message(receive_frame());
    return page_of_rows(connection_.receive());
  }

  void end_round() override { connection_.send("COMMIT"); }

  // It waits while others read: no timeout of the server's for idle transactions may end it.
  std::string share_round() override {
    return scalar(
        "pg_catalog.pg_export_snapshot() || ' ' || pg_catalog.pg_current_snapshot() FROM "
        "(SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true)) AS waits",
        {});
  }

  void begin_round_of(const std::string& shared) override {
    const std::size_t space = shared.find(' ');
    begin_round();
    connection_.query("SET TRANSACTION SNAPSHOT " + literal(shared.substr(0, space)));
    // A string of several hosts, or a pooler, may lead to a server that knows another by the name.
    if (space == std::string::npos ||
        scalar("pg_catalog.pg_current_snapshot()", {}) != shared.substr(space + 1)) {
      throw Error(ErrorClass::transient, "other_server",
                  "Another connection came to another server.");
    }
  }

  void abort_round() noexcept override {
    // A COPY that nobody began to receive may be of any length.
    if (std::exchange(copy_requested_, false)) connection_.close();
    if (!connection_.try_command("ROLLBACK")) connection_.close();
  }

  Snapshot snapshot(const std::string& client_id) override {
    PgResult rows = connection_.query("SELECT checkpoint, schema, object, query, columns FROM " +
                                          schema_ + "sync_snapshot($1::text)",
                                      {client_id});
    Snapshot snapshot;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      if (auto text = text_at(rows.get(), row, 0)) snapshot.checkpoint = *text;
      if (auto text = text_at(rows.get(), row, 1)) snapshot.schema = *text;
      auto object = text_at(rows.get(), row, 2);
      if (!object) continue;
      snapshot.objects.push_back({*object, text_at(rows.get(), row, 3).value_or(""),
                                  text_at(rows.get(), row, 4).value_or("[]")});
    }
    return snapshot;
  }

  void request_copy(const std::string& query) override {
    connection_.send(query);
    copy_requested_ = true;
  }

  void receive_copy(const std::function<void(std::string_view)>& on_bytes) override {
    copy_requested_ = false;
    connection_.receive_copy(on_bytes);
  }

  std::vector<ObjectSum> digests(const std::string& client_id, std::uint64_t seed) override {
    const PgResult rows = connection_.query(
        "SELECT object, records, digest FROM " + schema_ + "sync_digest($1::text, $2::bigint)",
        {client_id, signed_text(seed)});
    std::vector<ObjectSum> sums;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      sums.push_back({text_at(rows.get(), row, 0).value_or(""), sum_at(rows.get(), row, 1)});
    }
    return sums;
  }

  BucketSums digest_buckets(const std::string& client_id, std::uint64_t seed,
                            const DigestQuestion& question) override {
    const PgResult rows = ask("bucket, records, digest FROM " + schema_ + "sync_digest_buckets",
                              client_id, seed, question);
    BucketSums sums;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      const auto bucket = static_cast<std::uint64_t>(number_at(rows.get(), row, 0).value_or(0));
      sums.emplace(bucket, sum_at(rows.get(), row, 1));
    }
    return sums;
  }

  std::vector<RecordSum> digest_records(const std::string& client_id, std::uint64_t seed,
                                        const DigestQuestion& question) override {
    const PgResult rows =
        ask("record_id, digest FROM " + schema_ + "sync_digest_records", client_id, seed, question);
    std::vector<RecordSum> sums;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      sums.push_back({text_at(rows.get(), row, 0).value_or(""), digest_at(rows.get(), row, 1)});
    }
    return sums;
  }

  std::unique_ptr<PullPage> records(const std::string& client_id, const std::string& object,
                                    const std::vector<std::string>& record_ids) override {
    return page_of_rows(connection_.query(std::string("SELECT ") + kPageColumns + " FROM " +
                                              schema_ +
                                              "sync_records($1::text, $2::text, $3::text[])",
                                          {client_id, object, array_literal(record_ids)}));
  }

  std::vector<HistoryEntry> history(const std::string& object, const std::string& record_id,
                                    int max, std::optional<std::int64_t> before) override {
    PgParameter last;
    if (before) last = std::to_string(*before);
    const PgResult rows =
        query_as_user(std::string("SELECT ") + kHistoryColumns + " FROM " + schema_ +
                          "sync_history($1::text, $2::text, $3::int, $4::bigint)",
                      {object, record_id, std::to_string(max), last});
    std::vector<HistoryEntry> entries;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      entries.push_back(history_at(rows.get(), row));
    }
    return entries;
  }

  std::vector<VerdictRow> fork(const std::string& client_id, const std::string& new_client_id,
                               const std::string& mutations_json) override {
    return verdicts(query_as_user(select_verdicts("sync_fork($1::text, $2::text, $3::json)"),
                                  {client_id, new_client_id, mutations_json}));
  }

  ReservedIds reserve_ids(const std::string& object, std::int64_t count) override {
    PgResult row = query_as_user(
        "SELECT first, last, step FROM " + schema_ + "sync_reserve_ids($1::text, $2::bigint)",
        {object, std::to_string(count)});
    ReservedIds ids;
    if (PQntuples(row.get()) != 1) return {0, -1, 1};
    ids.first = number_at(row.get(), 0, 0).value_or(0);
    ids.last = number_at(row.get(), 0, 1).value_or(-1);
    ids.step = number_at(row.get(), 0, 2).value_or(1);
    return ids;
  }

  std::vector<std::string> open_conflicts() override {
    const PgResult rows = connection_.query(
        "SELECT pg_catalog.jsonb_build_object('conflict_id', c.conflict_id, 'mutation_id', "
        "c.mutation_id, 'object', c.object, 'record_id', c.record_id, 'reason', c.reason, "
        "'status', c.status, 'resolution', NULL, 'base', c.base, 'conflicts', (SELECT "
        "COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('field', k.key, "
        "'client_value', k.value, 'server_value', c.server OPERATOR(pg_catalog.->) k.key) "
        "ORDER BY k.key), '[]') FROM pg_catalog.jsonb_each(c.client) AS k)) FROM " +
            schema_ +
            "sync_conflicts() AS c WHERE c.status = 'open' ORDER BY c.opened_at, c.conflict_id",
        {});
    std::vector<std::string> found;
    for (int row = 0; row < PQntuples(rows.get()); ++row)
      found.emplace_back(view_at(rows.get(), row, 0));
    return found;
  }

  VerdictRow resolve(const std::string& conflict_id, const std::string& resolution) override {
    return one_verdict("sync_resolve($1::uuid, $2::text)", {conflict_id, resolution});
  }

  VerdictRow resolve_values(const std::string& conflict_id,
                            const std::string& values_json) override {
    return one_verdict("sync_resolve($1::uuid, $2::jsonb)", {conflict_id, values_json});
  }

  void cancel() noexcept override { connection_.cancel(); }
  void allow() noexcept override { connection_.allow(); }
  void check_not_cancelled() const override { connection_.check_not_cancelled(); }

 private:
  static std::string frame_in(const PgResult& result) {
    return open_answer(PQntuples(result.get()) == 1 ? view_at(result.get(), 0, 0)
                                                    : std::string_view());
  }
  std::string receive_frame() { return frame_in(connection_.receive()); }

  std::string select_page() const {
    const std::string arguments = "($1::text, $2::text, $3::int, $4::bigint)";
    if (framed_) return "SELECT " + schema_ + "sync_pull_frame" + arguments;
    return std::string("SELECT ") + kPageColumns + " FROM " + schema_ + "sync_pull" + arguments;
  }

  PgResult ask(const std::string& what, const std::string& client_id, std::uint64_t seed,
               const DigestQuestion& question) {
    std::string buckets = "{";
    for (const std::uint64_t bucket : question.buckets) {
      buckets += (buckets.size() > 1 ? "," : "") + std::to_string(bucket);
    }
    return connection_.query(
        "SELECT " + what + "($1::text, $2::bigint, $3::text, $4::int, $5::bigint[])",
        {client_id, signed_text(seed), question.object, std::to_string(question.bits),
         buckets + "}"});
  }

  std::string scalar(const std::string& what, std::initializer_list<PgParameter> parameters) {
    PgResult result = connection_.query("SELECT " + login_.first() + what, parameters);
    if (PQntuples(result.get()) != 1) {
      throw Error(ErrorClass::upgrade, "unexpected_answer",
                  "The server gave an answer this version does not know.", what);
    }
    return text_at(result.get(), 0, PQnfields(result.get()) - 1).value_or("");
  }

  PgResult query_as_user(const std::string& sql, std::initializer_list<PgParameter> parameters) {
    return login_.query(connection_, sql, parameters);
  }

  std::string select_verdicts(const char* call) const {
    return std::string("SELECT ") + kVerdictColumns + " FROM " + schema_ + call;
  }

  // Each OFFSET 0 keeps its subquery from being taken apart: the server is greeted once, and first.
  std::string greeted_push() const {
    const auto said = [](const char* name) {
      return std::string("(said OPERATOR(pg_catalog.->>) '") + name + "')";
    };
    return "SELECT " + std::string(kVerdictColumns) + " FROM (SELECT " + said("epoch") +
           " OPERATOR(pg_catalog.=) $3::text AND " + said("schema") +
           " OPERATOR(pg_catalog.=) $4::text AND " + said("high_water") +
           "::bigint OPERATOR(pg_catalog.<=) $2::bigint AS as_expected FROM (SELECT " + schema_ +
           "sync_hello($1::text, $2::bigint) AS said OFFSET 0) AS greeting OFFSET 0) AS greeting, "
           "LATERAL " +
           schema_ + "sync_push($1::text, CASE WHEN as_expected THEN $5::json ELSE '[]'::json END)";
  }

  static std::vector<VerdictRow> verdicts(const PgResult& rows) {
    std::vector<VerdictRow> list;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      list.push_back(verdict_at(rows.get(), row));
    }
    return list;
  }

  VerdictRow one_verdict(const char* call, std::initializer_list<PgParameter> parameters) {
    auto list = verdicts(query_as_user(select_verdicts(call), parameters));
    if (list.empty()) {
      throw Error(ErrorClass::upgrade, "unexpected_answer",
                  "The server gave no verdict for the resolution.");
    }
    return list.front();
  }

  PgConnection connection_;
  SessionLogin login_;
  Notifications notifications_;
  std::string schema_;
  const Frames frames_;
  bool framed_ = false;  // on this connection
  bool copy_requested_ = false;
  std::size_t only_page_step_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_pg_transport(const std::string& conninfo, Patience patience,
                                             Frames frames) {
  check_conninfo(conninfo);
  return std::make_unique<PgTransport>(conninfo, patience, frames);
}

}  // namespace objectos
