#include "operations.h"

#include "protocol/frame.h"

namespace faults {

namespace {

constexpr const char* world = R"sql(
CREATE EXTENSION objectos_sync;
CREATE TABLE notes (id text PRIMARY KEY, body text, n int CHECK (n >= 0), email text UNIQUE);
CREATE TABLE counts (id int PRIMARY KEY, hits int, tags text[]);
CREATE TABLE clocked (id uuid PRIMARY KEY, body text, at timestamptz);
CREATE TABLE cards (id int PRIMARY KEY, front text, back text);
CREATE TABLE pairs (a int, b text, v numeric, PRIMARY KEY (a, b));
CREATE TABLE parts (id int, day date, v jsonb, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2040-01-01');
CREATE TABLE own (id int PRIMARY KEY, owner text DEFAULT current_user, v text);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON own USING (owner = current_user);
CREATE TABLE children (id int PRIMARY KEY, note text REFERENCES notes ON DELETE CASCADE);
CREATE TABLE numbered (id serial PRIMARY KEY, v text);
CREATE TABLE later (id int PRIMARY KEY, v text);
CREATE TABLE mixed (id int PRIMARY KEY, v text);
CREATE TABLE papers (id int PRIMARY KEY, body text);
CREATE FUNCTION joined(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb
  LANGUAGE sql AS $$ SELECT to_jsonb(coalesce(client #>> '{}', '') ||
    coalesce(server #>> '{}', '')) $$;
SELECT sync_enable('notes');
SELECT sync_enable('numbered');
SELECT sync_enable('counts', 'merge', '{"hits": "counter", "tags": "set"}');
SELECT sync_enable('clocked', 'lww');
SELECT sync_enable('cards', 'merge', on_conflict => 'manual');
SELECT sync_enable('pairs', 'server_wins');
SELECT sync_enable('parts', 'client_wins');
SELECT sync_enable('own');
SELECT sync_enable('children', deletes => 'update_wins');
SELECT sync_enable('mixed', 'function:public.joined');
SELECT sync_enable('papers', fields => '{"body": "text"}');
CREATE ROLE device LOGIN;
SELECT sync_grant('device');
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO device;
INSERT INTO notes VALUES ('a', 'first', 1, 'a@x'), ('b', 'second', 2, 'b@x'),
  ('c', NULL, NULL, NULL);
INSERT INTO counts VALUES (1, 10, '{x,y}'), (2, 20, '{}');
INSERT INTO clocked VALUES ('11111111-1111-4111-8111-111111111111', 'theirs', '2026-01-01Z');
INSERT INTO cards VALUES (1, 'front', 'back'), (2, 'vorn', 'hinten');
INSERT INTO pairs VALUES (1, 'x', 1.00), (2, 'y"/', 123456789012345678901234567890.5);
INSERT INTO parts VALUES (1, '2010-05-05', '{"a": [1, 2]}'), (2, '2030-05-05', 'null');
INSERT INTO own VALUES (1, 'device', 'mine'), (2, 'postgres', 'not mine');
INSERT INTO children VALUES (1, 'a'), (2, 'c');
INSERT INTO mixed VALUES (1, 'server');
INSERT INTO papers VALUES (1, 'the text'), (2, NULL), (3, repeat('long ', 5000));
CREATE TABLE editions AS SELECT id, _version AS version FROM papers;
GRANT SELECT ON editions TO device;
INSERT INTO later VALUES (1, 'x');

CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
-- One mutation; version_ 0: none, 1: the record's own, 2: an older one.
CREATE FUNCTION m(n int, object_ text, key_ text, operation_ text, data_ jsonb,
    original_ jsonb DEFAULT NULL, version_ bigint DEFAULT NULL, group_ text DEFAULT NULL)
  RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('id', uid(n), 'client_sequence', n, 'object', object_,
    'record_id', key_, 'operation', operation_, 'version', version_, 'group', group_,
    'timestamp', '2026-02-02T02:02:02Z'))
    || CASE WHEN data_ IS NULL THEN '{}' ELSE jsonb_build_object('data', data_) END
    || CASE WHEN original_ IS NULL THEN '{}' ELSE jsonb_build_object('original', original_) END $$;

-- What is there. Exact: to the byte. Otherwise without what a second run makes anew.
CREATE FUNCTION digest_query(exact boolean) RETURNS text LANGUAGE sql AS $f$
  SELECT string_agg(format('SELECT %L || coalesce(string_agg(%s, E''\n''
      ORDER BY %2$s COLLATE "C"), '''') || E''\n'' AS part FROM %s t', c.oid::regclass || ': ', CASE
      WHEN exact THEN 't::text'
      WHEN n.nspname = 'public' THEN '(to_jsonb(t) - ''{_version,_modified_at}''::text[])::text'
      ELSE '(to_jsonb(t) - ''{sequence,xid,id,timestamp,version,conflict_id,opened_at,
        resolved_at,last_seen,checkpoint,server_version,client_version,reshaped_at,
        rekeyed_at,renames,enabled_at,batch_end,detail,value_hash,revision,texts_from,
        pruned_at,high_water,forgotten_at}''::text[]
        #- ''{data,conflict_id}'')::text' END, c.oid::regclass), ' UNION ALL '
      ORDER BY n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND n.nspname IN ('public', 'objectos_sync')
     AND (exact OR n.nspname = 'public' OR c.relname NOT IN ('samples', 'state', 'partitions')) $f$;
-- Identity and settings of the session.
CREATE FUNCTION bearings() RETURNS text LANGUAGE sql AS $$
  SELECT current_user || ' ' || md5(string_agg(name || '=' || setting, ',' ORDER BY name))
    FROM pg_settings WHERE name NOT LIKE 'objectos\_sync.%' $$;

CREATE TABLE places (name text PRIMARY KEY, checkpoint text);
GRANT SELECT ON places TO device;
SET ROLE device;
SELECT FROM sync_push('phone', jsonb_build_array(
  m(1, 'notes', 'p', 'insert', '{"id": "p", "body": "pushed"}'),
  m(2, 'clocked', '22222222-2222-4222-8222-222222222222', 'insert',
    '{"id": "22222222-2222-4222-8222-222222222222", "body": "phone"}'))::json);
RESET ROLE;
)sql";

constexpr const char* world_after = R"sql(
UPDATE notes SET body = 'theirs now' WHERE id = 'b';
UPDATE cards SET front = 'server front', back = 'server back';
UPDATE counts SET hits = hits + 5, tags = tags || '{z}';
UPDATE mixed SET v = 'server 2';
UPDATE papers SET body = 'All ' || body WHERE id <> 2;
DELETE FROM notes WHERE id = 'c';
UPDATE parts SET day = '2031-01-01' WHERE id = 1;
SET ROLE device;
SELECT FROM sync_push('tablet', jsonb_build_array(m(1, 'cards', '1', 'update',
  '{"front": "tablet front"}', '{"front": "front"}', 1))::json);
RESET ROLE;
)sql";

constexpr const char* verdict_columns =
    "SELECT mutation_id, status, duplicate, reason, resolution FROM ";

}  // namespace

void make_world(Session& session) {
  session.must(world);
  session.must(
      "INSERT INTO places SELECT 'begun', checkpoint FROM sync_pull('desk', '0', 1000)"
      " WHERE kind = 'checkpoint'");
  session.must(world_after);
  session.must(
      "INSERT INTO places SELECT 'end', checkpoint FROM sync_pull('desk', '0', 1000)"
      " WHERE kind = 'checkpoint'");
}

std::vector<Operation> operations(Session& session) {
  const std::string plain = session.must(R"sql(SELECT jsonb_build_array(
    m(11, 'notes', 'n1', 'insert', '{"id": "n1", "body": "new", "n": 1}'),
    m(12, 'notes', 'n2', 'insert', '{"id": "n2", "body": "newer", "n": 2}'),
    m(13, 'notes', 'n1', 'update', '{"body": "chained"}', '{"body": "new"}'),
    m(14, 'notes', 'a', 'update', '{"body": "edited"}', '{"body": "first"}',
      (SELECT _version FROM notes WHERE id = 'a')),
    m(15, 'counts', '1', 'update', '{"hits": 12, "tags": ["x", "w"]}',
      '{"hits": 10, "tags": ["x", "y"]}', 1),
    m(16, 'clocked', '11111111-1111-4111-8111-111111111111', 'update', '{"body": "later"}',
      '{}', 1),
    m(17, 'pairs', '[1,"x"]', 'delete', NULL, NULL, (SELECT _version FROM pairs WHERE a = 1)),
    m(18, 'parts', '[2,"2030-05-05"]', 'update', '{"v": "[1, null]"}', '{"v": "null"}', 1),
    m(19, 'own', '9', 'insert', '{"id": 9, "v": "from the phone"}'),
    m(20, 'notes', 'n2', 'delete', NULL)))sql");
  const std::string conflicts = session.must(R"sql(SELECT jsonb_build_array(
    m(21, 'notes', 'b', 'update', '{"body": "mine"}', '{"body": "second"}', 1),
    m(22, 'cards', '2', 'update', '{"front": "mine"}', '{"front": "vorn"}', 1),
    m(23, 'notes', 'c', 'update', '{"body": "gone"}', '{"body": null}', 1),
    m(24, 'mixed', '1', 'update', '{"v": "client"}', '{"v": "server"}', 1),
    m(25, 'pairs', '[2,"y\"/"]', 'update', '{"v": "5"}', '{"v": "1"}', 1)))sql");
  const std::string refused = session.must(R"sql(SELECT jsonb_build_array(
    m(31, 'notes', 'n1', 'insert', '{"id": "n1", "n": 1}'),
    m(32, 'notes', 'n2', 'insert', '{"id": "n2", "n": -1}'),
    m(33, 'notes', 'n3', 'insert', '{"id": "n3", "email": "a@x"}'),
    m(34, 'notes', 'n4', 'insert', '{"id": "n4", "n": "many"}'),
    m(35, 'nothing', '1', 'insert', '{"id": 1}'),
    m(36, 'children', '7', 'insert', '{"id": 7, "note": "nobody"}', NULL, NULL, 'g1'),
    m(37, 'notes', 'n5', 'insert', '{"id": "n5"}', NULL, NULL, 'g1'),
    m(38, 'notes', 'a', 'insert', '{"id": "a"}'),
    m(39, 'own', '2', 'update', '{"v": "stolen"}', '{}', 1),
    m(40, 'pairs', 'no key', 'delete', NULL)))sql");
  const std::string texts = session.must(R"sql(
    WITH t AS (SELECT n, id, op, version FROM (VALUES (51, 1, '[3,"x"]'), (52, 1, '[4,"y"]'),
      (53, 1, '[4,-1,2,"zß"]'), (54, 2, '["first"]'), (55, 3, '[30000,"x"]'), (56, 3, '[1,-1]'))
      v(n, id, op) JOIN editions USING (id))
    SELECT (SELECT jsonb_agg(m(n, 'papers', id::text, 'update', jsonb_build_object('body',
        jsonb_build_object('revision', version, 'op', op::json)), NULL, version) ORDER BY n)
      FROM t) || jsonb_build_array(m(57, 'papers', '1', 'update', '{"body": "the new text"}',
        '{"body": "the text"}')))sql");
  const std::string request = "{\"client_id\": \"phone\", \"confirmed\": 1, \"mutations\": ";
  const std::string pulled =
      "SELECT kind, object, record_id, operation, data::jsonb - "
      "'{_version,_modified_at,epoch}'::text[]"
      " FROM sync_pull('phone', ";
  const auto place = [](const char* name) {
    return std::string("(SELECT checkpoint FROM places WHERE name = '") + name + "')";
  };
  const std::string end_of_pull = ", 1000) WHERE kind NOT IN ('checkpoint', 'schema')";
  const std::string conflict = session.must("SELECT conflict_id FROM sync_conflicts() LIMIT 1");
  const std::string round = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  const std::string device = "device", owner = "postgres";
  const auto push = [&](const std::string& mutations) {
    return verdict_columns + std::string("sync_push('phone', ") + quoted(mutations) + ")";
  };
  return {
      {"push", push(plain), device},
      {"push of conflicts", push(conflicts), device},
      {"push of texts", push(texts), device},
      {"push that rejects", push(refused), device},
      {"push_frame",
       "SELECT length(sync_push_frame(" +
           bytea_literal(objectos::encode_frame(request + conflicts + "}")) + ")) > 20",
       device},
      {"push again",
       push("[" +
            session.must("SELECT m(1, 'notes', 'p', 'insert', '{\"id\": \"p\","
                         " \"body\": \"pushed\"}')") +
            "]"),
       device},
      {"pull", pulled + place("begun") + end_of_pull, device, round},
      {"pull from nothing", pulled + "'0'" + end_of_pull, device, round},
      {"pull_response",
       "SELECT jsonb_array_length(sync_pull_response('phone', " + place("begun") +
           ", 3) -> 'mutations')",
       device},
      {"pull_frame", "SELECT length(sync_pull_frame('phone', " + place("begun") + ", 1000)) > 20",
       device, round},
      {"snapshot", "SELECT object, query FROM sync_snapshot('phone')", device, round},
      {"digest", "SELECT object, records FROM sync_digest('phone', 1)", device, round},
      {"digest_records",
       "SELECT d.object, count(*) FROM sync_digest('phone', 1) AS d, "
       "sync_digest_buckets('phone', 1, d.object, 0, '{0}') AS b, "
       "sync_digest_records('phone', 1, d.object, 8, ARRAY[b.bucket]) AS r, "
       "sync_records('phone', d.object, ARRAY[r.record_id]) AS w, "
       "sync_history(d.object, r.record_id) AS h WHERE d.object IN ('notes', 'own')"
       " GROUP BY 1 ORDER BY 1",
       device, round},
      {"schema", "SELECT jsonb_array_length(sync_schema() -> 'objects')", device},
      {"hello", "SELECT sync_hello('phone', 2) ->> 'user_id'", device},
      {"listen", "SELECT sync_listen('phone') ->> 'channel'", device},
      {"presence",
       "SELECT j > 0, p.client_id, p.state FROM sync_presence_join('phone', 'notes/b', '[1]') AS j,"
       " LATERAL (SELECT * FROM sync_presence('notes/b') WHERE j > 0) AS p",
       device},
      {"presence that ends",
       "SELECT sync_presence_leave('phone', 'notes/b') IN (true, false), kind"
       " FROM sync_events('phone')",
       device},
      {"channel", "SELECT sync_channel('notes/b')", device},
      {"broadcast", "SELECT sync_broadcast('phone', 'notes/b', '[1]')::text", device},
      {"ack",
       "SELECT sync_ack(json_build_object('client_id', 'phone', 'confirmed', 1, 'checkpoint', " +
           place("end") + ", 'last_sync', NULL))",
       device},
      {"conflicts", "SELECT object, record_id, base, client, server FROM sync_conflicts()", device},
      {"resolve",
       "SELECT status, reason, resolution FROM sync_resolve('" + conflict + "', 'client_wins')",
       device},
      {"resolve with values",
       "SELECT status, reason FROM sync_resolve('" + conflict +
           "', '{\"front\": \"agreed\"}'::jsonb)",
       device},
      {"fork",
       verdict_columns + std::string("sync_fork('phone', 'phone copied', ") +
           quoted(session.must("SELECT jsonb_build_array(m(1, 'notes', 'p', 'insert',"
                               " '{\"id\": \"p\", \"body\": \"pushed\"}'),"
                               " m(3, 'notes', 'q', 'insert', '{\"id\": \"q\"}'))")) +
           ")",
       device},
      {"reserve_ids", "SELECT last - first FROM sync_reserve_ids('numbered', 100)", device},
      {"history", "SELECT operation, data, original FROM sync_history('notes', 'b')", device},
      {"clients", "SELECT client_id, high_water, confirmed FROM sync_clients() ORDER BY 1", owner},
      {"objects", "SELECT object, strategy, fields, key FROM sync_objects() ORDER BY 1", owner},
      {"forget_client", "SELECT sync_forget_client('phone')", owner},
      {"prune", "SELECT sync_prune('0') > 0", owner},
      {"capture of insert",
       "INSERT INTO notes SELECT 'bulk' || g, 'body', g FROM generate_series(1, 3) g; "
       "INSERT INTO parts VALUES (7, '2012-01-01', '{\"k\": \"v\"}'), (8, '2022-01-01', NULL)",
       device},
      {"capture of update",
       "UPDATE notes SET body = body || '!', n = n; UPDATE parts SET day = '2015-01-01';"
       "UPDATE pairs SET a = a + 10; UPDATE cards SET front = 'tablet front'",
       device},
      {"capture of texts",
       "UPDATE papers SET body = replace(coalesce(body, 'new'), 'e', 'E') || '.'", device},
      {"capture of delete", "DELETE FROM notes WHERE id <> 'p'; DELETE FROM parts", device},
      {"capture of truncate", "TRUNCATE counts, parts", device},
      {"capture of replicated rows",
       "SET LOCAL session_replication_role = replica; INSERT INTO counts VALUES (9, 9, NULL);"
       "UPDATE counts SET hits = 0; DELETE FROM counts WHERE id = 1",
       owner},
      {"enable", "SELECT sync_enable('later', 'merge', '{\"v\": \"lww\"}', history => true)", owner,
       "BEGIN", true},
      {"disable", "SELECT sync_disable('parts')", owner, "BEGIN", true},
      {"alter table",
       "ALTER TABLE notes ADD extra int DEFAULT 5; ALTER TABLE notes RENAME body TO content;"
       "ALTER TABLE counts ALTER hits TYPE bigint",
       owner, "BEGIN", true},
      {"new partition",
       "CREATE TABLE parts_next PARTITION OF parts FOR VALUES FROM ('2040-01-01') TO "
       "('2050-01-01')",
       owner, "BEGIN", true},
      {"drop table", "DROP TABLE cards; DROP TABLE parts_old", owner, "BEGIN", true},
  };
}

}  // namespace faults
