-- sync_history and the digest functions: what they tell, and to whom.
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
CREATE TABLE notes (id int PRIMARY KEY, owner text, body text, secret text);
SELECT sync_enable('notes');
INSERT INTO notes VALUES (1, 'ann', 'one', 's1'), (2, 'bob', 'two', 's2');
UPDATE notes SET body = 'one, again' WHERE id = 1;
UPDATE notes SET body = 'one, again', secret = 's3' WHERE id = 1;
SELECT status FROM sync_push('phone', json_build_array(json_build_object(
  'id', '11111111-1111-4111-8111-111111111111', 'object', 'notes', 'record_id', '1', 'operation', 'update',
  'client_sequence', 1, 'device', 'Ann''s phone', 'timestamp', '2026-01-01T00:00:00Z',
  'version', (SELECT _version FROM notes WHERE id = 1), 'data', '{"body": "pushed"}'::json,
  'original', '{"body": "one, again"}'::json)));
DELETE FROM notes WHERE id = 1;
INSERT INTO notes VALUES (1, 'ann', 'new', NULL);

-- the newest first; a delete after the update whose version it bears
SELECT operation, client_id, device, mutation_id = '11111111-1111-4111-8111-111111111111' AS pushed, data, original
  FROM sync_history('notes', '1');
-- by pieces
SELECT operation FROM sync_history('notes', '1', 1);
SELECT operation FROM sync_history('notes', '1', 1, (SELECT _version FROM notes WHERE id = 1));
SELECT count(*) FROM sync_history('notes', '99');
SELECT * FROM sync_history('notes', '1', 0);
SELECT * FROM sync_history('notes', '1', 1001);
SELECT * FROM sync_history('no such', '1');
SELECT * FROM sync_history('notes', NULL);

-- column rights
CREATE ROLE history_reader;
SELECT * FROM sync_grant('history_reader');
SET ROLE history_reader;
SELECT * FROM sync_history('notes', '1');
SELECT * FROM sync_digest_buckets('tablet', 1, 'notes', 0, '{0}');
SELECT * FROM sync_records('tablet', 'notes', '{1}');
SELECT * FROM sync_digest('tablet', 1);
RESET ROLE;
GRANT SELECT (id, owner, body, _version) ON notes TO history_reader;
SET ROLE history_reader;
SELECT operation, data, original FROM sync_history('notes', '1');
SELECT object, records FROM sync_digest('tablet', 1);
SELECT kind, record_id, data FROM sync_records('tablet', 'notes', '{1,7}');
RESET ROLE;

-- row-level security: only while the record is visible
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = 'bob');
SET ROLE history_reader;
SELECT count(*) FROM sync_history('notes', '1');
SELECT count(*) FROM sync_history('notes', '2');
SELECT object, records FROM sync_digest('tablet', 1);
SELECT sum(records) AS records FROM sync_digest_buckets('tablet', 1, 'notes', 0, '{0}');
SELECT record_id FROM sync_digest_records('tablet', 1, 'notes', 0, '{}');
SELECT kind, record_id, length(tag) AS tag FROM sync_records('tablet', 'notes', '{1,2}');
RESET ROLE;

-- the sum of the parts is the whole's, at every depth; another seed gives other digests
CREATE TABLE many (id int PRIMARY KEY, v text);
SELECT sync_enable('many');
INSERT INTO many SELECT i, i FROM generate_series(1, 1000) i;
CREATE FUNCTION total(OUT records numeric, OUT buckets bigint, OUT outside bigint)
  LANGUAGE sql AS $$
  SELECT sum(f.records), count(*), count(*) FILTER (WHERE f.bucket >> 8 <> c.bucket)
    FROM sync_digest_buckets('tablet', 7, 'many', 0, '{0}') c,
         sync_digest_buckets('tablet', 7, 'many', 8, ARRAY[c.bucket]) f $$;
SELECT records, outside FROM total();
SELECT count(DISTINCT digest) FROM (SELECT digest FROM sync_digest('tablet', 7) WHERE object = 'many'
  UNION ALL SELECT digest FROM sync_digest('tablet', 8) WHERE object = 'many'
  UNION ALL SELECT digest FROM sync_digest('tablet', 7) WHERE object = 'many') d;
-- a replica's session settings do not matter
SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -15; SET bytea_output = 'escape';
CREATE TEMP TABLE before AS SELECT * FROM sync_digest('tablet', 7);
RESET ALL;
SELECT * FROM before EXCEPT SELECT * FROM sync_digest('tablet', 7);

SELECT * FROM sync_digest_buckets('tablet', 7, 'many', -1, '{0}');
SELECT * FROM sync_digest_buckets('tablet', 7, 'many', 57, '{0}');
SELECT * FROM sync_digest_buckets('tablet', 7, 'many', 8, ARRAY[1, NULL]);
SELECT count(*) FROM sync_digest_buckets('tablet', 7, 'many', 8, ARRAY(SELECT generate_series(1, 4097)));
SELECT count(*) FROM sync_digest_buckets('tablet', 7, 'many', NULL, '{0}');
SELECT * FROM sync_digest('', 7);
SELECT * FROM sync_records('tablet', 'many', '{x}');
SELECT * FROM sync_records('tablet', 'many', '{NULL}');
SELECT kind, has_more FROM sync_records('tablet', 'many', '{}');

-- an index for an object's history: made, used, and gone with the option or the object
CREATE VIEW history_indexes AS SELECT pg_get_expr(indpred, indrelid) AS covers FROM pg_index
  WHERE indexrelid::regclass::text LIKE 'objectos_sync.mutations_history_%';
CREATE TABLE "it's" (id int PRIMARY KEY, v int);
SELECT sync_enable('many', history => true), sync_enable('it''s', history => true);
SELECT object, history FROM sync_objects() ORDER BY 1;
SELECT * FROM history_indexes ORDER BY 1;
-- again: nothing to do
SELECT sync_enable('many', history => true);
SELECT count(*) FROM history_indexes;
INSERT INTO "it's" SELECT g, g FROM generate_series(1, 3000) g;
UPDATE "it's" SET v = v + 1;
DELETE FROM "it's";
SET enable_seqscan = off;
SELECT operation FROM sync_history('it''s', '1');
RESET enable_seqscan;
SELECT pg_stat_force_next_flush();
SELECT idx_scan > 0 AS used FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
  WHERE pg_get_expr(indpred, pg_index.indrelid) LIKE '%it''''s%';
SELECT sync_enable('many');
SELECT count(*) FROM history_indexes;
DROP TABLE "it's";
SELECT count(*) FROM history_indexes;
SELECT sync_enable('many', history => true);
SELECT sync_disable('many');
SELECT count(*) FROM history_indexes;
SELECT sync_enable('many', history => NULL);
DROP VIEW history_indexes;
DROP FUNCTION total();
DROP TABLE notes, many;
SELECT sync_revoke('history_reader');
DROP ROLE history_reader;
