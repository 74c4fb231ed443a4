-- Strategies that keep both sides' changes: counters, sets, and the user's own function.
SET client_min_messages = warning;
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
-- one mutation of things, made when the record had the version seen
CREATE FUNCTION edit(n int, record text, client json, base json, edited bigint DEFAULT NULL,
                     operation text DEFAULT 'update') RETURNS json LANGUAGE sql AS
  $$ SELECT json_strip_nulls(json_build_object('id', uid(n), 'object', 'things', 'record_id', record,
       'operation', operation, 'version', edited))::jsonb || jsonb_build_object('data', client, 'original', base) $$;
CREATE FUNCTION pushed(p text, VARIADIC m json[])
  RETURNS TABLE(status text, reason text, resolution text, sqlstate text, message text) LANGUAGE sql AS $$
  SELECT v.status, v.reason, v.resolution, v.detail->>'sqlstate', v.detail->>'message' FROM sync_push(p, array_to_json(m)) v $$;

CREATE TABLE things (id text PRIMARY KEY, small smallint, whole int, big bigint, exact numeric, price numeric(6,2),
  tags text[], list jsonb, raw json, numbers int[], note text);
-- what a strategy cannot be of
\set VERBOSITY default
SELECT sync_enable('things', fields => '{"note": "counter"}');
SELECT sync_enable('things', fields => '{"whole": "set"}');
SELECT sync_enable('things', 'counter');
SELECT sync_enable('things', 'set', '{"note": "lww"}');
SELECT sync_enable('things', fields => '{"whole": "text"}');
SELECT sync_enable('things', 'text');
SELECT sync_enable('things', fields => '{"note": "sum"}');
SELECT sync_enable('things', on_conflict => 'counter');
SELECT sync_enable('things', fields => '{"small": "counter", "whole": "counter", "big": "counter", "exact": "counter",
  "price": "counter", "tags": "set", "list": "set", "raw": "set", "numbers": "set"}');
SELECT fields->>'big' AS big, fields->>'tags' AS tags FROM sync_objects();

-- two clients count from the same state: both count, in either order
INSERT INTO things (id, small, whole, big, exact, price) SELECT n, 5, 5, 9007199254740993, '12345678901234567890.5', 10
  FROM generate_series(1, 2) n;
SELECT _version AS seen FROM things WHERE id = '1' \gset
\set plus '\'{"small":8,"whole":8,"big":9007199254740996,"exact":12345678901234567890.75,"price":13}\''
\set minus '\'{"small":4,"whole":4,"big":9007199254740992,"exact":12345678901234567889.5,"price":8.5}\''
\set start '\'{"small":5,"whole":5,"big":9007199254740993,"exact":12345678901234567890.5,"price":10.00}\''
SELECT * FROM pushed('count a', edit(1, '1', :plus, :start, :seen));
SELECT * FROM pushed('count b', edit(2, '1', :minus, :start, :seen));
SELECT * FROM pushed('count b', edit(3, '2', :minus, :start, :seen));
SELECT * FROM pushed('count a', edit(4, '2', :plus, :start, :seen));
SELECT small, whole, big, exact, price FROM things ORDER BY id;
-- plain SQL in between counts, too, and a chain of one client counts each step once
UPDATE things SET whole = whole + 100 WHERE id = '1';
SELECT _version AS seen FROM things WHERE id = '1' \gset
UPDATE things SET whole = whole + 1000 WHERE id = '1';
SELECT * FROM pushed('count a', edit(5, '1', '{"whole":108}', '{"whole":107}', :seen),
  edit(6, '1', '{"whole":109}', '{"whole":108}', :seen), edit(7, '1', '{"whole":106}', '{"whole":109}', :seen));
SELECT whole FROM things WHERE id = '1';
-- a client that pulled in between and sends the version it then saw: the difference counts all the same
SELECT _version AS seen FROM things WHERE id = '1' \gset
SELECT * FROM pushed('count b', edit(8, '1', '{"whole":8}', '{"whole":7}', :seen));
SELECT whole FROM things WHERE id = '1';
-- beyond the column's type: that mutation is rejected, the others stand
SELECT * FROM pushed('count a', edit(10, '1', '{"small":32767}', '{"small":1}'), edit(11, '1', '{"note":"stands"}', '{"note":null}'),
  edit(12, '1', '{"price":9999.99}', '{"price":1.00}'));
SELECT small, price, note FROM things WHERE id = '1';
-- NULL counts as 0; without its base a difference is not known
UPDATE things SET whole = NULL WHERE id = '2';
SELECT * FROM pushed('count a', edit(13, '2', '{"whole":2}', '{"whole":null}'));
SELECT * FROM pushed('count b', edit(14, '2', '{"whole":3}', '{"whole":null}'));
SELECT * FROM pushed('count b', edit(15, '2', '{"whole":50}', NULL));
SELECT whole FROM things WHERE id = '2';

-- sets: what one adds and what another removes, in either order
INSERT INTO things (id, tags, list, raw, numbers) SELECT n, '{red,green}', '["red", {"a": 1}]', '["red"]', '{10,9}'
  FROM generate_series(3, 4) n;
SELECT _version AS seen FROM things WHERE id = '3' \gset
\set was '\'{"tags":["red","green"],"list":"[\\"red\\", {\\"a\\": 1}]","raw":"[\\"red\\"]","numbers":[10,9]}\''
\set adds '\'{"tags":["red","green","it\'\'s \\"new\\""],"list":"[\\"red\\", {\\"a\\": 1}, {\\"b\\": [2]}]","raw":"[\\"red\\", 1]","numbers":[10,9,100]}\''
\set drops '\'{"tags":["green","blue"],"list":"[{\\"a\\": 1}, null]","raw":"[2, 1.0]","numbers":[9,11]}\''
SELECT * FROM pushed('count a', edit(20, '3', :adds, :was, :seen));
SELECT * FROM pushed('count b', edit(21, '3', :drops, :was, :seen));
SELECT * FROM pushed('count b', edit(22, '4', :drops, :was, :seen));
SELECT * FROM pushed('count a', edit(23, '4', :adds, :was, :seen));
SELECT id, tags, list, raw, numbers FROM things WHERE id IN ('3', '4') ORDER BY id;
-- nobody else was there: the client's order and its duplicates stay
SELECT * FROM pushed('count a', edit(24, '3', '{"numbers":[3,1,3]}', '{"numbers":[9,11,100]}'));
SELECT numbers FROM things WHERE id = '3';
-- no list at all: not merged
UPDATE things SET list = '{"no": "list"}' WHERE id = '3';
SELECT * FROM pushed('count a', edit(25, '3', '{"list":"[1]"}', '{"list":"[]"}'));
SELECT list FROM things WHERE id = '3';
SELECT sync_disable('things');

-- what comes back under update_wins comes back with its last count
SELECT sync_enable('things', deletes => 'update_wins', fields => '{"whole": "counter"}');
INSERT INTO things (id, whole) VALUES ('5', 5);
SELECT _version AS seen FROM things WHERE id = '5' \gset
UPDATE things SET whole = 7 WHERE id = '5';
DELETE FROM things WHERE id = '5';
SELECT * FROM pushed('count a', edit(30, '5', '{"whole":6}', '{"whole":5}', :seen));
SELECT whole FROM things WHERE id = '5';
SELECT sync_disable('things');

-- a user's function decides what both sides changed: of a field, or of all fields together
CREATE SCHEMA "Rules";
CREATE FUNCTION "Rules".higher(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
  AS $$ SELECT greatest(client, server) $$;
CREATE FUNCTION "Rules".picky(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  CASE client #>> '{}'
    WHEN 'raise' THEN RAISE EXCEPTION 'not % for %', client, context->>'field' USING ERRCODE = 'XY123';
    WHEN 'null' THEN RETURN NULL;
    WHEN 'divide' THEN RETURN to_jsonb(1 / 0);
    WHEN 'missing' THEN PERFORM nowhere.nothing();
    WHEN 'kind' THEN RETURN '{"no": "number"}';
    WHEN 'check' THEN RETURN '"forbidden"';
    WHEN 'who' THEN RETURN to_jsonb(current_user || ' ' || (context->>'object') || ' ' || (context->>'record_id'));
    ELSE RETURN to_jsonb(concat_ws('+', base #>> '{}', client #>> '{}', server #>> '{}'));
  END CASE;
END $$;
CREATE FUNCTION public.whole_row(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb LANGUAGE sql
  AS $$ SELECT CASE WHEN client ? 'big' THEN '[1]' ELSE server || jsonb_build_object('note', concat_ws('/', base->>'note',
    client->>'note', server->>'note'), 'small', client->'whole') || CASE WHEN client->>'whole' = '13' THEN '{"id": "6"}' ELSE '{}'::jsonb END END $$;
CREATE FUNCTION public.no_merge(jsonb, jsonb, jsonb, jsonb) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
ALTER TABLE things ADD CHECK (note <> 'forbidden');
SELECT sync_enable('things', fields => '{"note": "function:Rules.higher"}');
SELECT sync_enable('things', fields => '{"note": "function:nowhere"}');
SELECT sync_enable('things', fields => '{"note": "function:public.no_merge"}');
SELECT sync_enable('things', 'function:public.nothing');
SELECT sync_enable('things', fields => '{"note": "function:\"Rules\".picky", "whole": "function:\"Rules\".Higher"}');
INSERT INTO things (id, note, whole) VALUES ('6', 'base', 1);
SELECT _version AS seen FROM things WHERE id = '6' \gset
SELECT * FROM pushed('count a', edit(40, '6', '{"note":"alone"}', '{"note":"base"}', :seen));
UPDATE things SET note = 'server', whole = 4;
SELECT * FROM pushed('count a', edit(41, '6', '{"note":"client","whole":3}', '{"note":"base","whole":1}', :seen));
SELECT note, whole FROM things WHERE id = '6';
SELECT * FROM pushed('count a', edit(42, '6', '{"note":"who","whole":9}', '{"note":"base","whole":1}', :seen));
SELECT note = current_user || ' things 6' AS as_caller, whole FROM things WHERE id = '6';
-- its error, or an answer that is none, rejects that mutation and no other
SELECT * FROM pushed('count a', edit(43, '6', '{"note":"raise"}', '{"note":"base"}', :seen),
  edit(44, '6', '{"note":"null"}', '{"note":"base"}', :seen), edit(45, '6', '{"note":"divide"}', '{"note":"base"}', :seen),
  edit(46, '6', '{"note":"missing"}', '{"note":"base"}', :seen), edit(47, '6', '{"note":"kind"}', '{"note":"base"}', :seen),
  edit(48, '6', '{"note":"check"}', '{"note":"base"}', :seen), edit(49, '6', '{"whole":10}', '{"whole":1}', :seen));
SELECT note = current_user || ' things 6' AS as_before, whole FROM things WHERE id = '6';
-- the pushing role calls it: who may not, is told so
CREATE ROLE regress_pusher;
SELECT sync_grant('regress_pusher');
GRANT SELECT, INSERT, UPDATE, DELETE ON things TO regress_pusher;
GRANT USAGE ON SCHEMA "Rules" TO regress_pusher;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA "Rules" FROM PUBLIC;
SET ROLE regress_pusher;
SELECT * FROM pushed('count p', edit(50, '6', '{"note":"who"}', '{"note":"base"}', :seen));
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "Rules" TO regress_pusher;
SET ROLE regress_pusher;
SELECT * FROM pushed('count p', edit(51, '6', '{"note":"who"}', '{"note":"base"}', :seen));
RESET ROLE;
SELECT note FROM things WHERE id = '6';
-- it is not there any more
DROP FUNCTION "Rules".picky;
SELECT * FROM pushed('count a', edit(52, '6', '{"note":"late"}', '{"note":"base"}', :seen));
SELECT sync_disable('things');
-- as the object's strategy it takes and gives objects; a field it leaves out stays the server's
SELECT sync_enable('things', 'function:public.whole_row', '{"exact": "counter"}');
UPDATE things SET note = 'base', whole = 1, small = 0, exact = 1, big = 1;
SELECT _version AS seen FROM things WHERE id = '6' \gset
UPDATE things SET note = 'server', whole = 2, exact = 2, big = 2;
SELECT * FROM pushed('count a', edit(60, '6', '{"note":"client","whole":12,"exact":4}', '{"note":"base","whole":1,"exact":1}', :seen));
SELECT note, whole, small, exact FROM things WHERE id = '6';
SELECT * FROM pushed('count a', edit(61, '6', '{"whole":13}', '{"whole":1}', :seen));
SELECT * FROM pushed('count a', edit(62, '6', '{"big":13}', '{"big":1}', :seen));
SELECT sync_disable('things');
-- whoever may not execute it, cannot enable it
CREATE TABLE own (id text PRIMARY KEY, n int);
ALTER TABLE own OWNER TO regress_pusher;
REVOKE EXECUTE ON FUNCTION "Rules".higher FROM regress_pusher;
GRANT EXECUTE ON FUNCTION sync_enable(regclass, text, jsonb, text, text, text, boolean) TO regress_pusher;
SET ROLE regress_pusher;
SELECT sync_enable('own', fields => '{"n": "function:\"Rules\".higher"}');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sync_enable(regclass, text, jsonb, text, text, text, boolean) FROM regress_pusher;
SELECT sync_revoke('regress_pusher');
DROP TABLE things, own;
DROP SCHEMA "Rules" CASCADE;
DROP OWNED BY regress_pusher;
DROP ROLE regress_pusher;
DROP FUNCTION public.whole_row, public.no_merge, pushed, edit, uid;
