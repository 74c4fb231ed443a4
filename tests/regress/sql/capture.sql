-- What capture writes to the log.
SET client_min_messages = warning;
CREATE TABLE notes (id int PRIMARY KEY, title text, size numeric, up text GENERATED ALWAYS AS (upper(title)) STORED);
SELECT sync_enable('notes');
CREATE VIEW log AS
  SELECT object, record_id, operation, data, original, client_id, client_sequence,
         xid = pg_current_xact_id_if_assigned() AS mine, exact
    FROM objectos_sync.mutations WHERE operation <> 'schema' ORDER BY sequence;
CREATE PROCEDURE clear_log() LANGUAGE sql AS 'DELETE FROM objectos_sync.mutations';

-- insert, update of one field, delete; ids are version 4 UUIDs and sequences ascend
INSERT INTO notes VALUES (1, 'one', 1.00), (2, NULL, 'NaN');
UPDATE notes SET title = 'uno' WHERE id = 1;
DELETE FROM notes WHERE id = 2;
SELECT object, record_id, operation, data, original, client_id, exact FROM log;
SELECT count(DISTINCT id) = 4 AS distinct_ids, bool_and(id::text ~ '^.{14}4.{4}[89ab]') AS version_4,
       bool_and(user_id = current_user) AS by_me
  FROM objectos_sync.mutations WHERE operation <> 'schema';
SELECT n._version = m.version AS version_of_the_row FROM notes n
  JOIN objectos_sync.mutations m ON m.operation = 'update' AND n.id = 1;
CALL clear_log();

-- the sequence is drawn one at a time, in triggers behind the write; nothing fires before an INSERT, which would
-- take COPY's bulk insert away
-- trap: sequence-drawn-ahead, before-insert-trigger
SELECT seqcache FROM pg_sequence WHERE seqrelid = 'objectos_sync.mutation_sequence'::regclass;
SELECT p.proname, CASE WHEN t.tgtype & 2 <> 0 THEN 'before' ELSE 'after' END AS timing,
       CASE WHEN t.tgtype & 1 <> 0 THEN 'row' ELSE 'statement' END AS level,
       concat_ws(' ', CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' END, CASE WHEN t.tgtype & 8 <> 0 THEN 'delete' END,
         CASE WHEN t.tgtype & 16 <> 0 THEN 'update' END, CASE WHEN t.tgtype & 32 <> 0 THEN 'truncate' END) AS events,
       t.tgenabled AS enabled
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = 'notes'::regclass ORDER BY 1, 2, 3, 4;

-- trap: no-op-update, generated-column-in-before-trigger
-- an update that changes nothing counts, and leaves neither version nor log row
SELECT _version AS before FROM notes WHERE id = 1 \gset
UPDATE notes SET title = title;
UPDATE notes SET _version = 7, _modified_by = 'someone else';
SELECT _version = :before AS same_version, _modified_by = current_user AS same_author FROM notes;
SELECT * FROM log;

-- the version is not the writer's to choose
UPDATE notes SET title = 'eins', _version = 7;
SELECT _version > :before AS higher FROM notes;
CALL clear_log();

-- trap: changed-key
-- a changed key is a delete and an insert
UPDATE notes SET id = 3 WHERE id = 1;
SELECT record_id, operation, data, original FROM log;
CALL clear_log();

-- ON CONFLICT DO UPDATE, MERGE-like upserts, COPY
INSERT INTO notes VALUES (3, 'again', 0), (4, 'new', 0)
  ON CONFLICT (id) DO UPDATE SET title = excluded.title;
COPY notes (id, title, size) FROM stdin;
5	five	5.50
6	\N	Infinity
\.
SELECT record_id, operation, data, original FROM log;
CALL clear_log();

-- trap: savepoint-rollback, subtransaction-xid
-- one transaction id, the top-level one, and a savepoint's changes vanish with it
BEGIN;
INSERT INTO notes VALUES (7, 'seven', 7);
SAVEPOINT s;
INSERT INTO notes VALUES (8, 'eight', 8);
ROLLBACK TO s;
SAVEPOINT t;
UPDATE notes SET size = 70 WHERE id = 7;
RELEASE t;
SELECT record_id, operation, data, mine FROM log;
COMMIT;
CALL clear_log();

-- cascades and user triggers are logged; within a record the order is the version
CREATE TABLE lines (id int PRIMARY KEY, note int REFERENCES notes ON DELETE CASCADE ON UPDATE CASCADE);
SELECT sync_enable('lines');
INSERT INTO lines VALUES (1, 7);
DELETE FROM notes WHERE id = 7;
SELECT object, record_id, operation FROM log ORDER BY object, operation;
CALL clear_log();

-- trap: truncate-not-captured
-- TRUNCATE is one row
TRUNCATE lines;
SELECT object, record_id, operation, data, original FROM log;
CALL clear_log();

-- more rows than a batch
INSERT INTO notes SELECT g, 'n' || g, g FROM generate_series(1000, 3500) g;
UPDATE notes SET size = size + 1 WHERE id >= 1000;
SELECT operation, count(*), count(DISTINCT sequence), count(DISTINCT id) FROM objectos_sync.mutations
 GROUP BY operation ORDER BY operation;
CALL clear_log();

-- trap: session-settings
-- values in the log do not depend on the session
CREATE TABLE moments (id timestamptz PRIMARY KEY, span interval, bytes bytea, real float8, day date, j json, a int[]);
SELECT sync_enable('moments');
SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET intervalstyle = 'sql_standard';
SET bytea_output = 'escape'; SET extra_float_digits = -10;
INSERT INTO moments VALUES ('2024-01-01 12:00:00+00', '1 day 2 hours', '\x00ff', 0.1 + 0.2::float8, '2024-02-29',
  '{"a": 1, "a": 2}', '{{1,2},{3,NULL}}');
SELECT record_id, data FROM log;
RESET ALL;
SET client_min_messages = warning;

-- a jsonb of many keys (beyond where it keeps offsets) is as PostgreSQL builds it
DO $$
BEGIN
  EXECUTE (SELECT 'CREATE TABLE wide (id uuid PRIMARY KEY, '
    || string_agg(format('%I %s DEFAULT %s', repeat('k', 1 + i % 3) || i,
         (ARRAY['text', 'int', 'numeric', 'boolean', 'int[]', 'timestamptz', 'jsonb', 'uuid'])[1 + i % 8],
         CASE WHEN i % 11 = 0 THEN 'NULL' ELSE
           (ARRAY[quote_literal(repeat('ä"', i % 5)), (i * 1000)::text, (i / 7.0)::text, 'true',
              quote_literal('{1,NULL,3}'), quote_literal('2024-02-29 12:00:00.5+00'),
              quote_literal('{"deep": [1, {"er": null}]}'),
              quote_literal('00000000-0000-0000-0000-0000000000ff')])[1 + i % 8] END),
       ', ') || ')' FROM generate_series(1, 90) i);
END $$;
SELECT sync_enable('wide');
CALL clear_log();
INSERT INTO wide (id) VALUES ('00000000-0000-0000-0000-000000000001');
UPDATE wide SET kk1 = NULL, kk10 = 3.50, kk4 = '{}', k9 = 9, kkk5 = NULL;
DELETE FROM wide;
CREATE TEMP TABLE built AS
  SELECT operation, coalesce(data, original)::text::jsonb AS json FROM log;
SELECT operation, (SELECT count(*) FROM jsonb_object_keys(json)) AS keys,
       pg_column_size(json) = pg_column_size(coalesce(data, original)) AS same_size,
       (SELECT bool_and(coalesce(data, original) -> key = json -> key) FROM jsonb_object_keys(json) key) AS all_found
  FROM log JOIN built USING (operation);
DROP TABLE built;
SELECT data -> 'kk1' AS kk1, data -> 'kk4' AS kk4, data -> 'k6' AS k6, data -> 'kkk89' AS kkk89,
       data -> 'k87' AS k87, data -> 'kkk77' AS kkk77 FROM log WHERE operation = 'insert';
SELECT data, original FROM log WHERE operation = 'update';
CALL clear_log();

-- the log is nobody's but the owner's, and others' writes are captured all the same
CREATE ROLE regress_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO regress_writer;
CALL clear_log();
SET ROLE regress_writer;
INSERT INTO notes VALUES (9, 'nine', 9);
UPDATE notes SET title = 'neuf' WHERE id = 9;
SELECT count(*) FROM objectos_sync.mutations;
RESET ROLE;
SELECT record_id, operation, user_id FROM objectos_sync.mutations ORDER BY sequence;
SELECT _modified_by FROM notes WHERE id = 9;

SELECT sync_disable('notes'), sync_disable('lines'), sync_disable('moments'), sync_disable('wide');
DROP TABLE lines, notes, moments, wide;
DROP VIEW log;
DROP PROCEDURE clear_log;
DROP ROLE regress_writer;
DELETE FROM objectos_sync.mutations;
