-- A client's own mutations come back as acknowledgements. The row's data is left out (absorb) only if
-- the client has confirmed their verdicts and the row is exactly what it sent.
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
CREATE TABLE memo (id int PRIMARY KEY, title text, body text, touched int DEFAULT 0);
SELECT sync_enable('memo');
INSERT INTO memo VALUES (1, 'one', 'a'), (2, 'two', 'b'), (3, 'three', 'c');
CREATE FUNCTION push(client text, number int, record text, operation text, data jsonb,
  original jsonb DEFAULT '{}') RETURNS TABLE(verdict text, again boolean) LANGUAGE sql AS $$
  SELECT status, duplicate FROM sync_push(client, json_build_array(json_strip_nulls(
    json_build_object('id', '00000000-0000-4000-8000-' || lpad(number::text, 12, '0'),
      'object', 'memo', 'record_id', record, 'operation', operation, 'data', data,
      'original', original, 'client_sequence', number, 'timestamp', '2024-01-01T00:00:00Z'))));
$$;
CREATE FUNCTION told(client text, at text, confirmed bigint DEFAULT 0)
RETURNS TABLE(kind text, operation text, record_id text, data json) LANGUAGE sql AS $$
  SELECT p.kind, p.operation, p.record_id, p.data
    FROM sync_pull(client, at, 100, confirmed) AS p WHERE p.kind <> 'checkpoint';
$$;
SELECT checkpoint AS at FROM sync_pull('mine', '0') WHERE kind = 'checkpoint' \gset
SELECT * FROM push('mine', 1, '1', 'update', '{"title": "ONE"}', '{"title": "one"}');
-- Not confirmed: the row comes too. Confirmed: it does not. To others it is a change like any other.
SELECT * FROM told('mine', :'at');
SELECT * FROM told('mine', :'at', 1);
SELECT * FROM told('other', :'at', 1);
-- Pushed again, it is still one mutation.
SELECT * FROM push('mine', 1, '1', 'update', '{"title": "ONE"}', '{"title": "one"}');
-- Somebody else wrote the record too: the row comes, although all verdicts are confirmed.
UPDATE memo SET body = 'theirs' WHERE id = 1;
SELECT * FROM told('mine', :'at', 1);
-- trap: server-rewrites-row
-- The server changed what was sent: the row comes.
SELECT checkpoint AS at FROM sync_pull('mine', '0') WHERE kind = 'checkpoint' \gset
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN new.title := upper(new.title); RETURN new; END $$;
CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION tidy();
SELECT * FROM push('mine', 2, '2', 'update', '{"title": "second"}', '{"title": "two"}');
SELECT * FROM told('mine', :'at', 2);
DROP TRIGGER tidy ON memo;
-- An insert that lets defaults work is not what was sent; a whole one is.
SELECT checkpoint AS at FROM sync_pull('mine', '0') WHERE kind = 'checkpoint' \gset
SELECT * FROM push('mine', 3, '4', 'insert', '{"id": 4, "title": "four"}');
SELECT * FROM push('mine', 4, '5', 'insert', '{"id": 5, "title": "five", "body": "e", "touched": 9}');
SELECT * FROM told('mine', :'at', 4);
-- A delete; and one that was undone by somebody else.
SELECT checkpoint AS at FROM sync_pull('mine', '0') WHERE kind = 'checkpoint' \gset
SELECT * FROM push('mine', 5, '5', 'delete', NULL);
SELECT * FROM told('mine', :'at', 5);
INSERT INTO memo VALUES (5, 'reborn');
SELECT * FROM told('mine', :'at', 5);
-- A chain of one's own, confirmed in part.
SELECT checkpoint AS at FROM sync_pull('mine', '0') WHERE kind = 'checkpoint' \gset
SELECT * FROM push('mine', 6, '3', 'update', '{"body": "d"}', '{"body": "c"}');
SELECT * FROM push('mine', 7, '3', 'update', '{"body": "e"}', '{"body": "d"}');
SELECT * FROM told('mine', :'at', 6);
SELECT * FROM told('mine', :'at', 7);
-- The response as one JSON message has the keys of PullResponse.
SELECT string_agg(k, ',' ORDER BY k COLLATE "C") AS first
  FROM jsonb_object_keys(sync_pull_response('mine', '0')) k;
SELECT string_agg(k, ',' ORDER BY k COLLATE "C") AS later
  FROM jsonb_object_keys(sync_pull_response('mine', :'at')) k;
SELECT r->'has_more' AS has_more, jsonb_array_length(r->'acknowledgements') AS acknowledgements,
  (SELECT string_agg(k, ',' ORDER BY k COLLATE "C") FROM jsonb_object_keys(r->'mutations'->0) k)
    AS mutation
  FROM sync_pull_response('mine', :'at') AS r;
SELECT sync_disable('memo');
DROP TABLE memo;
DROP FUNCTION push, told, tidy;
