-- Manual conflicts that a later write makes moot end by themselves, and a pull tells of it. And what
-- the log says where a mutation does not say what was there.
SET client_min_messages = warning;
CREATE TABLE moot (id text PRIMARY KEY, title text, body text, n int);
INSERT INTO moot VALUES ('0', 'title', 'body', 5), ('1', 'title', 'body', 5);
SELECT sync_enable('moot', 'manual', '{"n": "counter"}');
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
CREATE FUNCTION edit(n int, record text, client json, base json, edited bigint DEFAULT NULL) RETURNS json LANGUAGE sql AS
  $$ SELECT (jsonb_build_object('id', uid(n), 'object', 'moot', 'record_id', record, 'operation', 'update', 'data', client,
       'version', edited) || CASE WHEN base IS NULL THEN '{}' ELSE jsonb_build_object('original', base) END)::json $$;
CREATE FUNCTION pushed(p text, VARIADIC m json[]) RETURNS TABLE(status text, reason text, resolution text) LANGUAGE sql AS $$
  SELECT v.status, v.reason, v.resolution FROM sync_push(p, array_to_json(m)) v $$;
CREATE VIEW conflict_ends AS SELECT record_id, client->>'title' AS title, status, resolution, resolved_by = current_user AS by_me
  FROM objectos_sync.conflicts WHERE object = 'moot' ORDER BY record_id, client->>'title';
INSERT INTO moot SELECT n, 'title', 'body', 5 FROM generate_series(2, 7) n;
SELECT version AS seen FROM sync_pull('moot reader', NULL) WHERE kind = 'mutation' AND record_id = '2' \gset
SELECT checkpoint AS before FROM sync_pull('moot reader', NULL) WHERE kind = 'checkpoint' \gset
UPDATE moot SET title = 'server' WHERE id > '1';
SELECT p.* FROM generate_series(2, 7) n, pushed('moot a', edit(n, n::text, '{"title":"client"}', '{"title":"title"}', :seen)) p;
-- someone else's write that has nothing to do with it leaves a conflict open, and so does another value
UPDATE moot SET body = 'other' WHERE id = '2';
UPDATE moot SET title = 'another' WHERE id = '2';
-- the client's value is there: whoever wrote it
UPDATE moot SET title = 'client' WHERE id = '3';
-- the record is gone
DELETE FROM moot WHERE id = '4';
-- the client that opened it has looked and written again; or has a newer conflict
SELECT * FROM pushed('moot a', edit(10, '5', '{"title":"mine"}', '{"title":"server"}'));
SELECT * FROM pushed('moot a', edit(11, '6', '{"title":"newer"}', '{"title":"client"}', :seen));
-- another client's write is no answer to it
SELECT * FROM pushed('moot b', edit(12, '7', '{"title":"theirs"}', '{"title":"server"}'));
SELECT * FROM conflict_ends;
SELECT kind, record_id, data->>'status' AS status, data->>'resolution' AS resolution
  FROM sync_pull('moot reader', :'before') WHERE kind = 'conflict' ORDER BY record_id, data->>'status';
-- a rolled back write ends nothing; resolving still ends it once, and logs it once
BEGIN;
UPDATE moot SET title = 'client' WHERE id = '7';
ROLLBACK;
SELECT conflict_id AS last FROM objectos_sync.conflicts WHERE object = 'moot' AND record_id = '7' \gset
SELECT status, resolution FROM sync_resolve(:'last', 'client_wins');
SELECT status, resolution FROM objectos_sync.conflicts WHERE conflict_id = :'last';
SELECT count(*) FROM objectos_sync.mutations WHERE object = 'moot' AND record_id = '7' AND operation = 'conflict';
TRUNCATE moot;
SELECT record_id, status, resolution FROM objectos_sync.conflicts WHERE object = 'moot' AND record_id = '2';

-- without `original`: the log tells what was changed since, and what was there
INSERT INTO moot VALUES ('8', 'title', 'body', 5), ('9', 'title', 'body', 5);
SELECT _version AS seen FROM moot WHERE id = '8' \gset
UPDATE moot SET body = 'server', n = 100 WHERE id = '8';
UPDATE moot SET n = 15 WHERE id = '8';
SELECT * FROM pushed('moot c', edit(20, '8', '{"title":"client"}', NULL, :seen));
SELECT * FROM pushed('moot d', edit(21, '8', '{"n":6}', NULL, :seen), edit(22, '8', '{"n":7}', NULL, :seen));
SELECT * FROM pushed('moot e', edit(23, '8', '{"body":"client"}', NULL, :seen));
SELECT title, body, n FROM moot WHERE id = '8';
-- the log does not reach back to that version: all counts as changed
DELETE FROM objectos_sync.mutations WHERE object = 'moot' AND record_id = '9' AND operation = 'insert';
SELECT _version AS seen FROM moot WHERE id = '9' \gset
UPDATE moot SET body = 'server' WHERE id = '9';
SELECT * FROM pushed('moot c', edit(24, '9', '{"title":"client"}', NULL, :seen));
-- nothing was logged while the object was not enabled
SELECT sync_disable('moot');
UPDATE moot SET n = 99 WHERE id = '8';
SELECT sync_enable('moot', 'manual');
SELECT * FROM pushed('moot c', edit(25, '8', '{"body":"client"}', NULL, :seen));
-- but since then, also of records that were there
SELECT _version AS seen FROM moot WHERE id = '8' \gset
UPDATE moot SET n = 98 WHERE id = '8';
SELECT * FROM pushed('moot f', edit(26, '8', '{"body":"client"}', NULL, :seen));
SELECT * FROM pushed('moot f', edit(27, '8', '{"n":1}', NULL, :seen));
SELECT title, body, n FROM moot WHERE id = '8';
SELECT sync_disable('moot');
DROP VIEW conflict_ends;
DROP TABLE moot;
DROP FUNCTION pushed, edit, uid;
