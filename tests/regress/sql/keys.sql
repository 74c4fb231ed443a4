-- One record has one record_id: the key as its row spells it. Other texts of an equal value find the same record.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
\i tests/regress/include/replica.sql
CREATE EXTENSION citext;
CREATE TYPE a_mood AS ENUM ('sad', 'ok');
CREATE TYPE a_pair AS (a int, b text);
CREATE DOMAIN a_code AS text CHECK (VALUE ~ '^[A-Z]');
CREATE COLLATION key_caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE key_types (kind text PRIMARY KEY, type text, value text, other text);
INSERT INTO key_types VALUES ('int', 'int', '42', '43'), ('uuid', 'uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  'B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), ('text', 'text', 'it''s "x"', ''), ('timestamp', 'timestamp', '2024-02-29 12:00',
  'infinity'), ('timestamptz', 'timestamptz', '2024-02-29 12:00+02', '0044-03-15 BC'), ('numeric', 'numeric', '1.00', '-5'),
  ('money_amount', 'numeric(6,2)', '1.5', '2'), ('real', 'float8', '0.1', '-0'), ('email', 'citext', 'Ada', 'Bob'),
  ('mood', 'a_mood', 'ok', 'sad'), ('pair', 'a_pair', '(1,"x y")', '(2,)'), ('code', 'a_code', 'Ab', 'Cd'),
  ('span', 'int4range', '[1,2]', '(,)'), ('padded', 'char(5)', 'ab', 'cd'), ('bytes', 'bytea', '\x00ff', ''),
  ('moment', 'interval', '1 day', '-1 mon'), ('flag', 'bool', 'true', 'false'), ('day', 'date', '2024-02-29', '2024-03-01'),
  ('caseless', 'text COLLATE key_caseless', 'Ada', 'Bob'), ('net', 'inet', '10.0.0.1/8', '::1');
SELECT format('CREATE TABLE key_%s (id %s PRIMARY KEY, v int)', kind, type) FROM key_types ORDER BY kind \gexec
SELECT count(sync_enable(('key_' || kind)::regclass)) FROM key_types;

-- Insert, update, key change, delete: what a client holds is what a new one would read.
SELECT format('INSERT INTO key_%s VALUES (%L, 1)', kind, value) FROM key_types ORDER BY kind \gexec
SELECT * FROM replica.sync('a');
SELECT format('UPDATE key_%s SET v = 2', kind) FROM key_types ORDER BY kind \gexec
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
SELECT format('UPDATE key_%s SET id = %L', kind, other) FROM key_types ORDER BY kind \gexec
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- A push under the name that a pull gave meets the record, whatever the key's type.
CREATE FUNCTION key_push(object text, record_id text, operation text, data json) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', status, reason, CASE WHEN sequence IS NOT NULL THEN 'logged' END, detail->>'message')
    FROM sync_push('keys', json_build_array(jsonb_build_object('id', gen_random_uuid(), 'object', object,
      'record_id', record_id, 'operation', operation, 'data', data, 'version',
      (SELECT version FROM replica.rows r WHERE r.object = key_push.object AND r.record_id = key_push.record_id),
      'timestamp', now())
      - CASE operation WHEN 'delete' THEN ARRAY['data', 'original'] ELSE '{}' END)) $$;
SELECT object, record_id, key_push(object, record_id, 'update', '{"v": 7}') FROM replica.rows ORDER BY object;
SELECT object, record_id, operation, data FROM objectos_sync.mutations WHERE client_id = 'keys' ORDER BY sequence;
SELECT object, key_push(object, record_id, 'delete', '{}') FROM replica.rows WHERE object IN ('key_real', 'key_email', 'key_pair')
 ORDER BY object;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- Another spelling of an equal value is the same record: it is updated, logged under its own name, and not made twice.
INSERT INTO key_email VALUES ('Ada', 1);
INSERT INTO key_numeric VALUES (1.0, 1);
SELECT count(*) FROM replica.sync('a');
SELECT key_push('key_email', 'ADA', 'update', '{"v": 8}'), key_push('key_numeric', '1.000', 'update', '{"v": 8}'),
  key_push('key_caseless', 'BOB', 'update', '{"v": 8}'), key_push('key_real', '0', 'update', '{"v": 8}');
SELECT key_push('key_email', 'aDA', 'insert', '{"v": 9}'), key_push('key_numeric', '1', 'insert', '{"v": 9}');
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
-- Texts that the type does not print are turned away with the right one.
SELECT key_push('key_money_amount', '2', 'update', '{"v": 8}'), key_push('key_uuid', 'B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  'update', '{"v": 8}');
-- A respelled key is a changed key: a delete and an insert.
UPDATE key_email SET id = 'ADA' WHERE id = 'ada';
UPDATE key_numeric SET id = id * 1.00 WHERE id = 1;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- Composite keys of mixed types.
CREATE TABLE key_mixed (who citext, n numeric, at timestamptz, v int, PRIMARY KEY (n, who, at));
SELECT sync_enable('key_mixed');
INSERT INTO key_mixed VALUES ('Ada', 1.50, '2024-02-29 12:00+02', 1), ('Bob', 2, 'infinity', 1);
SELECT * FROM replica.sync('a');
SELECT key_push('key_mixed', '[1.50,"Ada","2024-02-29T10:00:00+00:00"]', 'update', '{"v": 2}'),
  key_push('key_mixed', '[2.0,"BOB","infinity"]', 'update', '{"v": 3}'),
  key_push('key_mixed', '[7,"new","2024-01-01T00:00:00+00:00"]', 'insert', '{"v": 4}'),
  key_push('key_mixed', '[7,"new"]', 'update', '{"v": 4}');
UPDATE key_mixed SET n = n + 1 WHERE who = 'ada';
DELETE FROM key_mixed WHERE who = 'bob';
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
SELECT format('DROP TABLE key_%s', kind) FROM key_types \gexec
DROP TABLE key_types, key_mixed;
DROP FUNCTION key_push;
DROP EXTENSION citext;
DROP TYPE a_mood, a_pair;
DROP DOMAIN a_code;
DROP COLLATION key_caseless;
DROP SCHEMA replica CASCADE;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.verdicts;
