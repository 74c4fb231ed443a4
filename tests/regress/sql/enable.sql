-- Enabling and disabling: what appears on a table, and that all of it goes again.
\set VERBOSITY terse
SET client_min_messages = warning;
\setenv PGDATABASE :DBNAME
CREATE TABLE enable_notes (id text PRIMARY KEY, title text, n int);
INSERT INTO enable_notes VALUES ('a', 'first', 1), ('b', 'second', 2);
\! pg_dump -s -t 'enable_*' | grep -v '^\\' > "${TMPDIR:-/tmp}/enable_before.$PPID"

-- A table is enabled without being rewritten; the rows that are there share one version.
SELECT pg_relation_filenode('enable_notes') AS filenode \gset
SELECT sync_enable('enable_notes');
SELECT pg_relation_filenode('enable_notes') = :filenode AS not_rewritten;
SELECT count(DISTINCT _version) AS versions, bool_and(_version > 0) AS positive,
       bool_and(_modified_at <= clock_timestamp()) AS dated, min(_modified_by) = current_user AS by_me
  FROM enable_notes;

-- New rows draw versions of their own, from one sequence, upward.
INSERT INTO enable_notes VALUES ('c', 'third', 3), ('d', 'fourth', 4);
SELECT count(DISTINCT _version) FROM enable_notes;
SELECT min(_version) FILTER (WHERE id > 'b') > max(_version) FILTER (WHERE id <= 'b') AS upward
  FROM enable_notes;
SELECT column_name, data_type, is_nullable, column_default
  FROM information_schema.columns
 WHERE table_name = 'enable_notes' AND column_name LIKE '\_%' ORDER BY ordinal_position;
SELECT tgname, tgenabled FROM pg_trigger
 WHERE tgrelid = 'enable_notes'::regclass AND NOT tgisinternal ORDER BY tgname;

-- sync_objects shows it with its options and its key, in the key's order.
CREATE TABLE enable_pairs (x int, y text, note text, total numeric, PRIMARY KEY (y, x));
SELECT sync_enable('enable_pairs', 'lww', '{"note": "manual", "total": "client_wins"}', 'server_wins',
  'update_wins', 'pairs');
SELECT object, table_name, strategy, on_conflict, deletes, fields, key, enabled_at <= clock_timestamp() AS dated
  FROM sync_objects();

-- A table outside public is named with its schema; strange names are no hindrance.
CREATE SCHEMA "enable Schema";
CREATE TABLE "enable Schema"."Select ""it""" ("the 'key'" uuid PRIMARY KEY, "order" text);
SELECT sync_enable('"enable Schema"."Select ""it"""', fields => '{"order": "lww"}');
INSERT INTO "enable Schema"."Select ""it""" VALUES ('00000000-0000-0000-0000-000000000001', 'x');
UPDATE "enable Schema"."Select ""it""" SET "order" = 'y';
SELECT object, operation, record_id, data FROM objectos_sync.mutations
 WHERE object LIKE 'enable Schema%' ORDER BY sequence;

-- Dropping an enabled table takes the object with it; so does dropping its schema.
DROP TABLE enable_pairs;
DROP SCHEMA "enable Schema" CASCADE;
SELECT object FROM sync_objects();

-- Our columns stay as long as the table is enabled; other columns may go.
ALTER TABLE enable_notes DROP COLUMN _modified_by;
ALTER TABLE enable_notes ADD COLUMN passing int;
ALTER TABLE enable_notes DROP COLUMN passing;

-- Disabling forgets the object's clocks and conflicts, ended ones, too, and keeps the log.
INSERT INTO objectos_sync.field_clocks VALUES
  ('enable_notes', 'a', '[]'), ('other', 'a', '[]');
INSERT INTO objectos_sync.conflicts (conflict_id, mutation_id, client_id, object, record_id, reason, status) VALUES
  (gen_random_uuid(), gen_random_uuid(), 'c', 'enable_notes', 'a', 'concurrent_update', 'open'),
  (gen_random_uuid(), gen_random_uuid(), 'c', 'enable_notes', 'b', 'concurrent_update', 'resolved');
SELECT sync_disable('enable_notes');
SELECT object FROM objectos_sync.field_clocks;
SELECT record_id, status FROM objectos_sync.conflicts;
SELECT count(*) FROM objectos_sync.mutations WHERE object = 'enable_notes';
DELETE FROM objectos_sync.field_clocks;
DELETE FROM objectos_sync.conflicts;

-- A dump of the schema is what it was before, and the rows are untouched.
\! pg_dump -s -t 'enable_*' | grep -v '^\\' | diff "${TMPDIR:-/tmp}/enable_before.$PPID" - && grep 'CREATE TABLE' "${TMPDIR:-/tmp}/enable_before.$PPID"
\! rm -f "${TMPDIR:-/tmp}/enable_before.$PPID"
TABLE enable_notes ORDER BY id;
INSERT INTO enable_notes VALUES ('e', 'not captured', 5);
SELECT count(*) FROM objectos_sync.mutations WHERE object = 'enable_notes';

-- Enabled again, versions go on upward, so what was deleted before outranks nothing.
SELECT max(version) AS newest FROM objectos_sync.mutations \gset
SELECT sync_enable('enable_notes');
SELECT min(_version) > :newest AS upward FROM enable_notes;

-- A transaction that is rolled back leaves nothing.
CREATE TABLE enable_undone (id int PRIMARY KEY);
BEGIN;
SELECT sync_enable('enable_undone');
ROLLBACK;
SELECT object FROM sync_objects();
\d enable_undone

-- The owner of a table enables and disables it, when the functions are granted; DDL runs as that owner.
CREATE ROLE enable_owner;
CREATE SCHEMA enable_own AUTHORIZATION enable_owner;
GRANT EXECUTE ON FUNCTION sync_enable, sync_disable TO enable_owner;
SET ROLE enable_owner;
CREATE TABLE enable_own.things (id int PRIMARY KEY, v text);
INSERT INTO enable_own.things VALUES (1, 'x');
SELECT sync_enable('enable_own.things');
SELECT _modified_by FROM enable_own.things;
INSERT INTO enable_own.things VALUES (2, 'y');
UPDATE enable_own.things SET v = 'z' WHERE id = 1;
SELECT id, v, _modified_by FROM enable_own.things ORDER BY id;
TABLE objectos_sync.mutations;
SELECT sync_disable('enable_own.things');
TABLE enable_own.things ORDER BY id;
RESET ROLE;

-- What PUBLIC may execute, and what sync_grant adds to that for a role.
CREATE ROLE enable_client;
CREATE VIEW enable_executable AS
  SELECT p.proname::text AS function, count(*) AS variants FROM pg_proc p
    JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'objectos_sync'
   WHERE has_function_privilege('enable_client', p.oid, 'EXECUTE') GROUP BY 1 ORDER BY p.proname::text COLLATE "C";
TABLE enable_executable;
SELECT sync_grant('enable_client');
TABLE enable_executable;
SELECT sync_revoke('enable_client');
TABLE enable_executable;

-- The extension cannot be dropped while objects are enabled, by no way; the hint says what to run first.
\set VERBOSITY default
CREATE TABLE "enable ""more""" (id int PRIMARY KEY);
SELECT sync_enable('"enable ""more"""');
DROP EXTENSION objectos_sync;
DROP EXTENSION objectos_sync CASCADE;
DROP SCHEMA public CASCADE;
DROP OWNED BY CURRENT_USER CASCADE;
SELECT sync_disable('public."enable ""more"""');
SELECT sync_disable('enable_notes');
BEGIN;
DROP EXTENSION objectos_sync;
SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'objectos%';
ROLLBACK;

DROP VIEW enable_executable;
DROP TABLE enable_notes, enable_undone, "enable ""more""";
DROP SCHEMA enable_own CASCADE;
REVOKE EXECUTE ON FUNCTION sync_enable, sync_disable FROM enable_owner;
DROP ROLE enable_owner, enable_client;
DELETE FROM objectos_sync.mutations;
