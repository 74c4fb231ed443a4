-- A partitioned table is one object: however its partitions are written to, and as they come and go.
\set VERBOSITY default
SET client_min_messages = warning;
\setenv PGDATABASE :DBNAME
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
\i tests/regress/include/replica.sql
CREATE FUNCTION parts_push(record_id text, operation text, data json) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', status, reason, CASE WHEN sequence IS NOT NULL THEN 'logged' END, detail->>'message')
    FROM sync_push('parts', json_build_array(jsonb_build_object('id', gen_random_uuid(), 'object', 'parts',
      'record_id', record_id, 'operation', operation, 'data', data, 'version',
      (SELECT version FROM replica.rows r WHERE r.object = 'parts' AND r.record_id = parts_push.record_id),
      'timestamp', now()) - CASE operation WHEN 'delete' THEN ARRAY['data'] ELSE '{}' END)) $$;

-- Three levels, with other column orders and dropped columns here and there.
CREATE TABLE parts (id int, region text, v text, gone int, n int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
ALTER TABLE parts DROP COLUMN gone;
CREATE TABLE parts_eu (n int, v text, passing int, region text NOT NULL, id int NOT NULL);
ALTER TABLE parts_eu DROP COLUMN passing;
ALTER TABLE parts ATTACH PARTITION parts_eu FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us') PARTITION BY RANGE (id);
CREATE TABLE parts_us_1 PARTITION OF parts_us FOR VALUES FROM (1) TO (100);
CREATE TABLE parts_us_2 PARTITION OF parts_us FOR VALUES FROM (100) TO (200);
INSERT INTO parts VALUES (1, 'eu', 'a', 1), (2, 'us', 'b', 2), (101, 'us', 'c', 3);
\! pg_dump -s -t 'parts*' | grep -v '^\\' > "${TMPDIR:-/tmp}/parts_before.$PPID"
SELECT sync_enable('parts_eu');
SELECT sync_enable('parts_us');
SELECT sync_enable('parts');
SELECT relid::regclass, root::regclass FROM objectos_sync.partitions ORDER BY relid::regclass::text;
SELECT * FROM replica.sync('a');

-- trap: partition-written-directly
-- Written through the top, the middle and the leaf.
INSERT INTO parts VALUES (3, 'eu', 'top', 1);
INSERT INTO parts_us VALUES (4, 'us', 'middle', 1);
INSERT INTO parts_eu (id, region, v) VALUES (5, 'eu', 'leaf');
UPDATE parts SET v = 'by top' WHERE id = 1;
UPDATE parts_us SET v = 'by middle' WHERE id = 2;
UPDATE parts_us_2 SET v = 'by leaf';
DELETE FROM parts_eu WHERE id = 3;
COPY parts (id, region, v) FROM stdin;
6	eu	copied
7	us	copied
\.
COPY parts_us_1 (id, region, v) FROM stdin;
8	us	copied
\.
INSERT INTO parts VALUES (8, 'us', 'again', 1), (9, 'us', 'new', 1) ON CONFLICT (id, region) DO UPDATE SET v = excluded.v;
SELECT object, record_id, operation, data FROM objectos_sync.mutations WHERE operation <> 'schema' ORDER BY sequence;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
SELECT count(*) = count(DISTINCT _version) AS own_versions FROM parts WHERE v LIKE 'by%';

-- trap: row-movement
-- A row that moves to another partition has another key: delete and insert, in one statement.
CREATE TABLE stock (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE stock_1 PARTITION OF stock FOR VALUES FROM (0) TO (10);
CREATE TABLE stock_2 PARTITION OF stock FOR VALUES FROM (10) TO (20);
SELECT sync_enable('stock');
INSERT INTO stock VALUES (1, 1), (2, 2), (11, 3);
SELECT count(*) FROM replica.sync('a');
UPDATE stock SET id = id + 10 WHERE id < 3 AND id <> 1;
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END, n = 77 WHERE id IN (1, 2);
SELECT object, record_id, operation FROM objectos_sync.mutations WHERE operation <> 'schema' ORDER BY sequence DESC LIMIT 6;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
-- There and back in one transaction; moved and refused by the other partition's trigger.
BEGIN;
UPDATE stock SET id = 5 WHERE id = 11;
UPDATE stock SET id = 11, n = 33 WHERE id = 5;
COMMIT;
SELECT * FROM replica.sync('a');
CREATE FUNCTION stock_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON stock_2 FOR EACH ROW EXECUTE FUNCTION stock_refuse();
INSERT INTO stock_1 VALUES (3, 3), (4, 4);
SELECT count(*) FROM replica.sync('a');
UPDATE stock SET id = CASE id WHEN 3 THEN 13 ELSE id END, n = 44 WHERE id IN (3, 4);
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
DROP TRIGGER refuse ON stock_2;

-- Pushes go through the top.
SELECT parts_push('[1,"us"]', 'update', '{"v": "pushed"}'), parts_push('[150,"us"]', 'insert', '{"v": "pushed"}'),
  parts_push('[5,"eu"]', 'delete', '{}'), parts_push('[5,"asia"]', 'insert', '{"v": "nowhere"}');
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- A new partition is captured from its first row on, and costs nobody a re-read.
CREATE TABLE parts_asia PARTITION OF parts FOR VALUES IN ('asia');
INSERT INTO parts_asia (id, region, v) VALUES (20, 'asia', 'leaf');
CREATE TABLE parts_us_3 PARTITION OF parts_us FOR VALUES FROM (200) TO (300);
INSERT INTO parts_us_3 (id, region, v) VALUES (200, 'us', 'leaf');
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- trap: attach-detach-not-captured
-- Attached with rows: they get our columns, and clients get them. Detached: they go, and the table is as it was.
CREATE TABLE parts_sea (id int NOT NULL, region text NOT NULL, v text, n int);
INSERT INTO parts_sea VALUES (30, 'sea', 'attached', 1), (31, 'sea', 'attached', 1);
\! pg_dump -s -t parts_sea | grep -v '^\\' > "${TMPDIR:-/tmp}/parts_sea.$PPID"
ALTER TABLE parts ATTACH PARTITION parts_sea FOR VALUES IN ('sea');
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
UPDATE parts_sea SET v = 'captured' WHERE id = 30;
SELECT * FROM replica.sync('a');
ALTER TABLE parts DETACH PARTITION parts_sea;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
ALTER TABLE parts_sea DROP CONSTRAINT parts_sea_pkey;
\! pg_dump -s -t parts_sea | grep -v '^\\' | diff "${TMPDIR:-/tmp}/parts_sea.$PPID" - && echo as it was
UPDATE parts_sea SET v = 'nobody hears';
ALTER TABLE parts ATTACH PARTITION parts_sea FOR VALUES IN ('sea');
SELECT parts_push('[30,"sea"]', 'update', '{"v": "older than the detachment"}');
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
SELECT parts_push('[30,"sea"]', 'update', '{"v": "pushed again"}');
SELECT * FROM replica.sync('a');
-- A partitioned table is attached with all below it; detached concurrently.
CREATE TABLE parts_deep (LIKE parts) PARTITION BY RANGE (id);
CREATE TABLE parts_deep_1 PARTITION OF parts_deep FOR VALUES FROM (0) TO (1000);
ALTER TABLE parts ATTACH PARTITION parts_deep FOR VALUES IN ('deep');
INSERT INTO parts_deep_1 (id, region, v) VALUES (40, 'deep', 'leaf');
SELECT * FROM replica.sync('a');
ALTER TABLE parts DETACH PARTITION parts_deep CONCURRENTLY;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~objectos%' AND tgrelid IN ('parts_deep'::regclass, 'parts_deep_1'::regclass);
DROP TABLE parts_deep;

-- Truncated, dropped, rewritten.
TRUNCATE parts_us_3;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
DROP TABLE parts_asia;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
ALTER TABLE parts ADD COLUMN extra int DEFAULT 5;
ALTER TABLE parts RENAME COLUMN v TO w;
ALTER TABLE parts ALTER COLUMN n TYPE text USING 'n' || n;
UPDATE parts_eu SET w = 'after', extra = 6;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');
TRUNCATE parts;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');
INSERT INTO parts VALUES (1, 'eu', 'again', 1);
SELECT * FROM replica.sync('a');

-- What cannot be a partition of it is refused.
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE parts_far PARTITION OF parts FOR VALUES IN ('far') SERVER nowhere;
CREATE UNLOGGED TABLE parts_brief PARTITION OF parts FOR VALUES IN ('brief');
CREATE TABLE parts_own (id int NOT NULL, region text NOT NULL, w text, n text, extra int, PRIMARY KEY (id, region));
SELECT sync_enable('parts_own');
ALTER TABLE parts ATTACH PARTITION parts_own FOR VALUES IN ('own');
DROP TRIGGER "~objectos_sync_insert" ON parts_eu;

-- A restored database has no list of partitions; what is written to one is captured all the same.
CREATE TABLE parts_listed AS TABLE objectos_sync.partitions;
DELETE FROM objectos_sync.partitions;
\c -
SET client_min_messages = warning;
INSERT INTO parts_eu (id, region) VALUES (77, 'eu');
SELECT object, record_id, operation FROM objectos_sync.mutations ORDER BY sequence DESC LIMIT 1;
DELETE FROM parts_eu WHERE id = 77;
INSERT INTO objectos_sync.partitions TABLE parts_listed;
DROP TABLE parts_listed;

-- Disabled, nothing of ours is left.
DROP TABLE parts_own, parts_us_3;
SELECT sync_disable('parts'), sync_disable('stock');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~objectos%';
SELECT attrelid::regclass, attname FROM pg_attribute WHERE attname IN ('_version', '_modified_at', '_modified_by')
  AND NOT attisdropped AND attrelid::regclass::text ~ '^(parts|stock)';
TABLE objectos_sync.partitions;
ALTER TABLE parts DETACH PARTITION parts_sea;
DROP TABLE parts_sea;
ALTER TABLE parts DROP COLUMN extra;
ALTER TABLE parts RENAME COLUMN w TO v;
ALTER TABLE parts ALTER COLUMN n TYPE int USING NULL;
\! pg_dump -s -t 'parts*' | grep -v '^\\' | diff "${TMPDIR:-/tmp}/parts_before.$PPID" - && echo as it was
\! rm -f "${TMPDIR:-/tmp}/parts_before.$PPID" "${TMPDIR:-/tmp}/parts_sea.$PPID"
DROP TABLE parts, stock;
DROP FUNCTION parts_push, stock_refuse;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
DROP SCHEMA replica CASCADE;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.verdicts;
