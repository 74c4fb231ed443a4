-- A mutation with undo_of writes only what still holds what the undone mutation wrote, whatever the strategy.
SET client_min_messages = warning;
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
-- The mutation n of a record; undone: the number of the one it takes back.
CREATE FUNCTION edit(n int, o text, record text, operation text, client json, base json, seen bigint DEFAULT NULL,
                     undone int DEFAULT NULL, at text DEFAULT NULL) RETURNS json LANGUAGE sql AS
  $$ SELECT json_strip_nulls(json_build_object('id', uid(n), 'object', o, 'record_id', record, 'operation', operation,
       'version', seen, 'undo_of', uid(undone), 'timestamp', at))::jsonb
       || CASE WHEN client IS NULL THEN '{}' ELSE jsonb_build_object('data', client) END
       || CASE WHEN base IS NULL THEN '{}' ELSE jsonb_build_object('original', base) END $$;
CREATE FUNCTION pushed(p text, VARIADIC m json[])
  RETURNS TABLE(status text, reason text, resolution text, conflicts jsonb) LANGUAGE sql AS
  $$ SELECT v.status, v.reason, v.resolution, v.detail->'conflicts' FROM sync_push(p, array_to_json(m)) v $$;

CREATE TABLE people (id text PRIMARY KEY, name text, email text, visits int, tags text[], note text);
CREATE FUNCTION combined(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb LANGUAGE sql AS
  $$ SELECT to_jsonb((client #>> '{}') || '+' || (server #>> '{}')) $$;
SELECT sync_enable('people', 'merge', '{"email": "manual", "visits": "counter", "tags": "set", "note": "function:public.combined"}', 'client_wins');
INSERT INTO people VALUES ('1', 'Ada', 'a@x', 10, '{a}', 'n');
SELECT _version AS seen FROM people WHERE id = '1' \gset

-- One device edits every field, another one edits all but one of them; the first takes its edit back.
SELECT * FROM pushed('undo a', edit(1, 'people', '1', 'update',
  '{"name":"Bea","email":"b@x","visits":12,"tags":["a","b"],"note":"m"}', '{"name":"Ada","email":"a@x","visits":10,"tags":["a"],"note":"n"}', :seen));
SELECT _version AS seen FROM people WHERE id = '1' \gset
SELECT * FROM pushed('undo b', edit(2, 'people', '1', 'update',
  '{"email":"c@x","visits":112,"tags":["a","b","c"],"note":"o"}', '{"email":"b@x","visits":12,"tags":["a","b"],"note":"m"}', :seen));
SELECT status, reason, resolution, jsonb_pretty(conflicts) AS conflicts FROM pushed('undo a', edit(3, 'people', '1', 'update',
  '{"name":"Ada","email":"a@x","visits":10,"tags":["a"],"note":"n"}', '{"name":"Bea","email":"b@x","visits":12,"tags":["a","b"],"note":"m"}', :seen, 1));
SELECT id, name, email, visits, tags, note FROM people;
-- no conflict waits for a person
SELECT count(*) FROM sync_conflicts();
-- redo is the undo of the undo: what the undo wrote comes back, what it left stays
SELECT status, resolution FROM pushed('undo a', edit(4, 'people', '1', 'update', '{"name":"Bea","visits":12}', '{"name":"Ada","visits":10}', NULL, 3));
SELECT name, visits FROM people;

-- An undo of an insert: only a record that is as it was left goes.
SELECT status FROM pushed('undo a', edit(5, 'people', '2', 'insert', '{"name":"Cy"}', NULL), edit(6, 'people', '3', 'insert', '{"name":"Di"}', NULL));
UPDATE people SET note = 'seen' WHERE id = '3';
SELECT * FROM pushed('undo a', edit(7, 'people', '2', 'delete', NULL, '{"name":"Cy","note":null}', NULL, 5), edit(8, 'people', '3', 'delete', NULL, '{"name":"Di","note":null}', NULL, 6));
SELECT id, name, note FROM people WHERE id IN ('2', '3');
-- The device's own edits of the record vouch for it where nobody came in between; somebody's edit does not.
SELECT status FROM pushed('undo a', edit(9, 'people', '4', 'insert', '{"name":"Ed"}', NULL), edit(10, 'people', '4', 'update', '{"name":"Eve"}', '{"name":"Ed"}'),
  edit(11, 'people', '4', 'update', '{"name":"Ed"}', '{"name":"Eve"}', NULL, 10), edit(12, 'people', '4', 'delete', NULL, '{"id":"4","name":"Ed","email":null,"visits":null,"tags":null,"note":null}', NULL, 9));
-- An undo of an insert that knows nothing of a later edit of its own device leaves the record.
SELECT status, resolution, conflicts FROM pushed('undo a', edit(13, 'people', '5', 'insert', '{"name":"Flo"}', NULL), edit(14, 'people', '5', 'update', '{"name":"Fay"}', '{"name":"Flo"}'),
  edit(15, 'people', '5', 'delete', NULL, '{"name":"Flo"}', NULL, 13));
SELECT id, name FROM people WHERE id IN ('4', '5');

-- An undo of a delete: only where there is no record again. One that came too late rejects nobody else of its group.
SELECT status FROM pushed('undo a', edit(16, 'people', '5', 'delete', NULL, '{"name":"Fay"}'), edit(17, 'people', '3', 'delete', NULL, '{"name":"Di","note":"seen"}'));
INSERT INTO people (id, name) VALUES ('3', 'Dan');
SELECT status, reason, resolution, conflicts FROM pushed('undo a',
  (edit(18, 'people', '5', 'insert', '{"id":"5","name":"Fay"}', NULL, NULL, 16)::jsonb || '{"group":"g"}')::json,
  (edit(19, 'people', '3', 'insert', '{"id":"3","name":"Di"}', NULL, NULL, 17)::jsonb || '{"group":"g"}')::json);
SELECT id, name FROM people WHERE id IN ('3', '5') ORDER BY id;
-- What the device writes to it next is judged by itself, not as an edit of its own record.
SELECT * FROM pushed('undo a', edit(20, 'people', '3', 'insert', '{"id":"3","name":"Di"}', NULL, NULL, 17), edit(21, 'people', '3', 'update', '{"email":"d@x"}', '{"email":"old"}'));
SELECT id, name, email FROM people WHERE id = '3';

-- An edit in a record that was deleted since stays undone with it, also where updates win.
CREATE TABLE kept (id text PRIMARY KEY, name text);
SELECT sync_enable('kept', 'client_wins', deletes => 'update_wins');
INSERT INTO kept VALUES ('1', 'one'), ('2', 'two');
SELECT _version AS seen FROM kept WHERE id = '1' \gset
SELECT status FROM pushed('undo a', edit(30, 'kept', '1', 'update', '{"name":"eins"}', '{"name":"one"}', :seen));
DELETE FROM kept WHERE id = '1';
SELECT * FROM pushed('undo a', edit(31, 'kept', '1', 'update', '{"name":"one"}', '{"name":"eins"}', :seen, 30));
SELECT * FROM kept WHERE id = '1';

-- Under lww an undo passes a clock that is ahead of it, and a write older than either loses to it.
CREATE TABLE timed (id text PRIMARY KEY, name text);
SELECT sync_enable('timed', 'lww');
SELECT status FROM pushed('undo a', edit(40, 'timed', '1', 'insert', '{"name":"one"}', NULL));
SELECT status FROM pushed('undo a', edit(41, 'timed', '1', 'update', '{"name":"two"}', '{"name":"one"}', NULL, NULL, '2020-06-01T00:00:00Z'));
SELECT _version AS seen FROM timed \gset
SELECT status FROM pushed('undo a', edit(42, 'timed', '1', 'update', '{"name":"one"}', '{"name":"two"}', :seen, 41, '2019-01-01T00:00:00Z'));
SELECT id, name FROM timed;
SELECT status, resolution FROM pushed('undo b', edit(43, 'timed', '1', 'update', '{"name":"late"}', '{"name":"two"}', :seen, NULL, '2020-03-01T00:00:00Z'));
SELECT status, resolution FROM pushed('undo b', edit(44, 'timed', '1', 'update', '{"name":"later"}', '{"name":"two"}', :seen, NULL, '2020-09-01T00:00:00Z'));
SELECT id, name FROM timed;
-- the redo that came after loses, whatever its clock
SELECT status, resolution FROM pushed('undo a', edit(45, 'timed', '1', 'update', '{"name":"two"}', '{"name":"one"}', :seen, 42));
SELECT id, name FROM timed;

-- What a trigger made of the values is taken back as it stands, within the push that made it.
CREATE TABLE shouted (id text PRIMARY KEY, name text, made timestamptz DEFAULT '2026-01-01');
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON shouted FOR EACH ROW EXECUTE FUNCTION shout();
SELECT sync_enable('shouted', 'server_wins');
INSERT INTO shouted VALUES ('1', 'one');
SELECT _version AS seen FROM shouted \gset
SELECT status FROM pushed('undo a', edit(50, 'shouted', '1', 'update', '{"name":"two"}', '{"name":"ONE"}', :seen),
  edit(51, 'shouted', '1', 'update', '{"name":"one"}', '{"name":"two"}', :seen, 50));
SELECT status FROM pushed('undo a', edit(52, 'shouted', '2', 'insert', '{"name":"three"}', NULL),
  edit(53, 'shouted', '2', 'delete', NULL, '{"id":"2","name":"three","made":null}', NULL, 52));
SELECT id, name FROM shouted;
-- What would take back a rejected mutation of the same push is rejected with it: a counter's difference was never added.
SELECT _version AS seen FROM people WHERE id = '1' \gset
ALTER TABLE people ADD CHECK (visits < 1000);
SELECT status, reason FROM pushed('undo a', edit(60, 'people', '1', 'update', '{"visits":5000}', '{"visits":112}', :seen),
  edit(61, 'people', '1', 'update', '{"visits":112}', '{"visits":5000}', :seen, 60));
SELECT visits FROM people WHERE id = '1';
DROP TABLE people, kept, timed, shouted;
DROP FUNCTION uid, edit, pushed, combined, shout;
