#include "calls.h"

namespace faults {

std::vector<Function> functions_of_extension(Session& session) {
  const Answer answer = session.run(R"sql(
    SELECT p.oid::regprocedure, format('%I.%I', n.nspname, p.proname), p.pronargdefaults,
           p.proretset, p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), p.pronargs,
           a.i, p.proargnames[a.i], format_type(p.proargtypes[a.i - 1], NULL)
      FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'objectos_sync'
      JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
      LEFT JOIN LATERAL generate_series(1, p.pronargs) AS a(i) ON true
     WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass
       AND d.deptype = 'e'
     ORDER BY p.oid::regprocedure::text, a.i)sql");
  std::vector<Function> found;
  for (const auto& row : answer.rows) {
    if (found.empty() || found.back().signature != row[0]) {
      Function function;
      function.signature = row[0];
      function.name = row[1];
      function.optional = std::stoul(row[2]);
      function.returns_set = row[3] == "t";
      function.is_trigger = row[4] == "t";
      found.push_back(std::move(function));
    }
    if (row[5] != "0") found.back().arguments.push_back({row[7], row[8]});
  }
  if (found.empty()) throw std::runtime_error("the extension has no functions");
  return found;
}

std::string Calls::table() {
  static const std::vector<std::string> odd = {"seen",
                                               "parts_old",
                                               "parts_new",
                                               "parts_new_0",
                                               "plain_1",
                                               "plain_2",
                                               "plain_3",
                                               "pg_catalog.pg_class",
                                               "notes_pkey",
                                               "objectos_sync.mutations",
                                               "objectos_sync.version_seq"};
  if (dice_.percent(2)) return "'0'::regclass";
  if (dice_.percent(2)) return "'4000000000'::oid::regclass";
  if (dice_.percent(40)) return quoted(dice_.of(odd)) + "::regclass";
  const std::string& name = dice_.of(tables()).name;
  return name.find('"') == std::string::npos ? quoted(name) + "::regclass"
                                             : "'\"Odd \"\"name\"\"\"'::regclass";
}

// Values of all sorts, for a function that takes any.
std::string Calls::any_value() {
  static const std::vector<std::string> values = {"1",
                                                  "1.50",
                                                  "'NaN'::float8",
                                                  "'-Infinity'::numeric",
                                                  "'infinity'::timestamptz",
                                                  "'4713-01-01 BC'::date",
                                                  "NULL::int",
                                                  "NULL::pair",
                                                  "'x'::text",
                                                  "'x'::\"char\"",
                                                  "ARRAY[1,NULL,2]",
                                                  "ARRAY[[1,2],[3,4]]",
                                                  "'[2:4]={1,2,3}'::int[]",
                                                  "'{}'::text[]",
                                                  "ROW(1,'y')::pair",
                                                  "ARRAY[ROW(1,'y')::pair, NULL]",
                                                  "ROW(1,2,3)",
                                                  "'good'::mood",
                                                  "'5'::small",
                                                  "B'101'",
                                                  "'\\xdead'::bytea",
                                                  "'{\"a\":[1]}'::jsonb",
                                                  "'[1 ,2.00]'::json",
                                                  "'(1,2)'::point",
                                                  "'[1,5)'::int4range",
                                                  "'{[1,2],[5,6]}'::int4multirange",
                                                  "'a & b'::tsquery",
                                                  "'1 day'::interval",
                                                  "'10.0.0.0/8'::inet",
                                                  "'notes'::regclass",
                                                  "now()",
                                                  "(SELECT n FROM notes n LIMIT 1)",
                                                  "(SELECT array_agg(c) FROM counts c)",
                                                  "(SELECT p FROM parts p LIMIT 1)",
                                                  "repeat('x', 1000000)",
                                                  "gen_random_uuid()",
                                                  "'1.2.3'::pg_lsn::text",
                                                  "pg_current_snapshot()",
                                                  "'12'::xid8",
                                                  "'(0,1)'::tid",
                                                  "12::money",
                                                  "'a'::name",
                                                  "'public'::regnamespace",
                                                  "'<a/>'::text",
                                                  "true"};
  return dice_.of(values);
}

std::string Calls::text_argument(const Function& function, const std::string& name) {
  static const std::vector<std::string> strategies = {
      "merge",  "lww",     "server_wins", "client_wins",
      "manual", "counter", "set",         "function:public.joined",
      "text"};
  static const std::vector<std::string> resolutions = {"lww", "server_wins", "client_wins",
                                                       "manual"};
  static const std::vector<std::string> deletes = {"deletion_wins", "update_wins"};
  if (dice_.percent(0.3))
    return "repeat('x', " +
           std::to_string(dice_.of(std::vector<long>{300, 100'000, 5'000'000, 70'000'000})) + ")";
  std::string text;
  if (name == "client_id") {
    text = messages_.client_id();
  } else if (name == "checkpoint") {
    text = messages_.checkpoint();
  } else if (name == "strategy") {
    text = dice_.of(strategies);
  } else if (name == "on_conflict" || name == "choice") {
    text = dice_.of(resolutions);
  } else if (name == "deletes") {
    text = dice_.of(deletes);
  } else if (name == "object" && function.name.ends_with("sync_enable")) {
    text = dice_.percent(50) ? "named" : dice_.of(tables()).name;
  } else {
    text = messages_.odd_text();
  }
  return quoted(dice_.percent(4) ? messages_.odd_text() : text);
}

std::string Calls::json_argument(const Function& function, const std::string& name) {
  if (dice_.percent(0.5)) {
    static const std::vector<std::string> huge = {
        "('[' || repeat('{},', 20000) || '{}]')", "(repeat('[', 5000) || repeat(']', 5000))",
        "('[{\"id\":\"' || repeat('x', 60000000) || '\"}]')",
        "('{\"client_id\":\"big\",\"mutations\":[' || repeat('1,', 300000) || '1]}')",
        "('[' || repeat('{\"data\":{\"a\":[[[[1]]]]}},', 9000) || '{}]')"};
    return dice_.of(huge);
  }
  std::string text;
  if (name == "mutations") {
    text = messages_.mutations();
  } else if (name == "request") {
    text = messages_.push_request();
  } else if (name == "ack") {
    text = messages_.ack();
  } else if (name == "fields") {
    text = messages_.fields();
  } else if (name == "values") {
    text = messages_.record_values();
  } else if (name.find("subscri") != std::string::npos || name == "filters") {
    text = messages_.subscription();
  } else {
    text = dice_.percent(50) ? messages_.odd_json() : messages_.push_request();
  }
  if (dice_.percent(2)) text = messages_.odd_json();
  (void)function;
  return quoted(text);
}

std::string Calls::argument(const Function& function, const Argument& argument) {
  const std::string& type = argument.type;
  if (dice_.percent(2.5)) return "NULL::" + (type.starts_with("any") ? "text" : type);
  if (type == "text") return text_argument(function, argument.name);
  if (type == "json" || type == "jsonb")
    return json_argument(function, argument.name) + "::" + type;
  if (type == "bytea") return bytea_literal(messages_.frame());
  if (type == "uuid") {
    if (dice_.percent(70))
      return quoted(pool_.pick("conflict", dice_, messages_.uuid())) + "::uuid";
    return quoted(messages_.uuid()) + "::uuid";
  }
  if (type == "regclass") return table();
  if (type == "regrole") {
    static const std::vector<std::string> roles = {"'alice'", "'bob'", "'bob'", "'0'",
                                                   "'postgres'"};
    return dice_.of(roles) + "::regrole";
  }
  if (type == "interval") {
    static const std::vector<std::string> intervals = {
        "0", "30 days", "-1 day", "1 month 1 day", "178000000 years", "-178000000 years", "1 us"};
    return quoted(dice_.of(intervals)) + "::interval";
  }
  if (type == "integer" || type == "bigint" || type == "smallint") {
    static const std::vector<std::string> numbers = {
        "1", "1",  "2",      "3",      "10",         "100",         "1000",
        "0", "-1", "100000", "100001", "2147483647", "-2147483648", "9223372036854775807"};
    return "(" + dice_.of(numbers) + ")::" + type;
  }
  if (type.starts_with("any")) return any_value();
  // A type that this file does not know yet.
  return quoted(dice_.percent(50) ? messages_.odd_text() : "1") + "::" + type;
}

std::string Calls::call(const Function& function) {
  std::size_t count = function.arguments.size();
  while (count > function.arguments.size() - function.optional && dice_.percent(30)) --count;
  std::string text = function.name + "(";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ", ") + argument(function, function.arguments[i]);
  return text + ")";
}

}  // namespace faults
