-- trap: strange-keys
-- Any primary key: composite, text, uuid, and what is in them.
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
CREATE TABLE pair (a int, b text, v int, PRIMARY KEY (b, a));
CREATE TABLE word (w text PRIMARY KEY, v int);
CREATE TABLE thing (id uuid PRIMARY KEY, v int);
CREATE TABLE "Order Line" ("Key ""x""" int PRIMARY KEY, "select" text);
CREATE TABLE point (x numeric(6,2), y date, z boolean, PRIMARY KEY (x, y, z));
SELECT sync_enable('pair'), sync_enable('word'), sync_enable('thing'), sync_enable('"Order Line"'),
  sync_enable('point');
INSERT INTO pair VALUES (1, 'x', 1), (2, 'x', 1), (1, E'q"uo\\te', 1), (1, E'line\nbreak', 1),
  (-5, '', 1);
INSERT INTO word VALUES ('', 1), ('it''s', 1), ('a"b', 1), ('{c,d}', 1), ('NULL', 1), ('é😀', 1),
  (E'tab\t', 1), ('back\slash', 1), (' space ', 1);
INSERT INTO thing VALUES ('00000000-0000-0000-0000-00000000000a', 1),
  ('ffffffff-ffff-ffff-ffff-ffffffffffff', 1);
INSERT INTO "Order Line" VALUES (1, 'a'), (2, 'b');
INSERT INTO point VALUES (1.50, '2024-02-29', true), (-2, '0044-03-15 BC', false);
-- Re-read in pages of two: the cursor goes through every kind of key and meets each record once.
CREATE FUNCTION read_all(size int) RETURNS TABLE(object text, record_id text, times bigint)
LANGUAGE plpgsql AS $$
DECLARE
  at text := '0';
  more boolean := true;
  page jsonb;
  met text[] := '{}';
BEGIN
  WHILE more LOOP
    page := sync_pull_response('k', at, size);
    at := page->>'checkpoint';
    more := page->'has_more';
    met := met || ARRAY(SELECT (m->>'object') || '|' || (m->>'record_id')
                          FROM jsonb_array_elements(page->'mutations') m);
  END LOOP;
  RETURN QUERY SELECT split_part(m, '|', 1), substr(m, strpos(m, '|') + 1), count(*)
    FROM unnest(met) m GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
SELECT * FROM read_all(2);
SELECT count(*), sum(times) FROM read_all(1);
SELECT count(*), sum(times) FROM read_all(1000);
-- The same by the log.
SELECT checkpoint AS at FROM sync_pull('k', '0', 1000) WHERE kind = 'checkpoint' \gset
UPDATE pair SET v = 2;
UPDATE word SET v = 2;
UPDATE thing SET v = 2;
UPDATE "Order Line" SET "select" = 'c';
DELETE FROM point;
SELECT kind, operation, object, record_id, data FROM sync_pull('k', :'at', 1000)
  WHERE kind <> 'checkpoint' ORDER BY object COLLATE "C", record_id COLLATE "C";
SELECT sync_disable(c) FROM unnest('{pair,word,thing,"\"Order Line\"",point}'::regclass[]) c;
DROP TABLE pair, word, thing, "Order Line", point;
DROP FUNCTION read_all;
