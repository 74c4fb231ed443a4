-- Records that go round again although they did not change: sync_touch, and declared dependencies.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.subscriptions;
CREATE ROLE touch_owner;
CREATE ROLE touch_ada;
GRANT CREATE ON SCHEMA public TO touch_owner;
SELECT sync_grant('touch_owner'), sync_grant('touch_ada');
GRANT EXECUTE ON FUNCTION sync_enable, sync_depend, sync_undepend, sync_disable TO touch_owner;
-- A client that keeps ids and tags, and applies a whole round.
CREATE TABLE held (client text, object text, record_id text, tag text, seen boolean);
CREATE INDEX ON held (record_id);
CREATE TABLE at (client text PRIMARY KEY, checkpoint text);
GRANT ALL ON held, at TO PUBLIC;
CREATE FUNCTION told(client_ text, page int DEFAULT 100) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  next text := coalesce((SELECT checkpoint FROM at WHERE client = client_), '0');
  more boolean := true;
  all_rows jsonb[] := '{}';
  part jsonb[];
  r jsonb;
BEGIN
  WHILE more LOOP
    SELECT array_agg(to_jsonb(s) - 'data') INTO part FROM sync_pull(client_, next, page) AS s;
    next := part[cardinality(part)]->>'checkpoint';
    more := part[cardinality(part)]->'has_more';
    all_rows := all_rows || part;
  END LOOP;
  FOREACH r IN ARRAY all_rows LOOP
    IF r->>'kind' = 'mutation' AND r->>'operation' <> 'delete' THEN
      DELETE FROM held h WHERE (h.client, h.object, h.record_id) = (client_, r->>'object', r->>'record_id');
      INSERT INTO held VALUES (client_, r->>'object', r->>'record_id', r->>'tag', true);
    ELSIF r->>'kind' = 'mutation' OR r->>'kind' = 'removal' THEN
      DELETE FROM held h WHERE h.client = client_ AND h.object = r->>'object'
        AND (h.tag = r->>'tag' OR h.record_id = r->>'record_id');
    ELSIF r->>'kind' = 'reread' AND r->>'operation' = 'begin' THEN
      UPDATE held h SET seen = false WHERE h.client = client_ AND h.object = r->>'object';
    ELSIF r->>'kind' = 'reread' THEN
      DELETE FROM held h WHERE h.client = client_ AND h.object = r->>'object' AND NOT seen;
    END IF;
    IF r->>'kind' NOT IN ('schema', 'checkpoint') THEN
      RETURN NEXT concat_ws(' ', r->>'kind', r->>'operation', r->>'object', r->>'record_id',
        CASE WHEN r->>'tag' IS NOT NULL THEN 'tagged' END);
    END IF;
  END LOOP;
  INSERT INTO at VALUES (client_, next) ON CONFLICT (client) DO UPDATE SET checkpoint = excluded.checkpoint;
END $$;
CREATE FUNCTION holds(client_ text, object_ text) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(record_id, ' ' ORDER BY record_id COLLATE "C") FROM held WHERE client = client_ AND object = object_ $$;

SET ROLE touch_owner;
CREATE TABLE tasks (id int PRIMARY KEY, project int, what text);
CREATE TABLE members (project int, who name, PRIMARY KEY (project, who));
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;  -- also for the owner: it sees nothing itself
CREATE POLICY members ON tasks FOR SELECT TO touch_ada
  USING (EXISTS (SELECT FROM members m WHERE m.project = tasks.project AND m.who = current_user));
CREATE POLICY writing ON tasks TO touch_owner USING (false) WITH CHECK (true);
GRANT SELECT ON tasks, members TO touch_ada;
INSERT INTO tasks SELECT g, g % 3, 'task ' || g FROM generate_series(1, 9) g;
INSERT INTO members VALUES (1, 'touch_ada');
SELECT sync_enable('tasks');
SET ROLE touch_ada;
SELECT * FROM told('ada');

-- Nobody tells that a membership came: an operator's sync_touch does.
RESET ROLE;
INSERT INTO members VALUES (2, 'touch_ada');
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT sync_touch('tasks', '{2,5,8}');
SET ROLE touch_owner;
SELECT sync_touch('tasks', '{002,5,8}');
SELECT sync_touch('tasks', '{}');
SELECT sync_touch('tasks', '{x}');
SELECT sync_touch('nothing', '{1}');
SELECT sync_touch('tasks', ARRAY(SELECT g::text FROM generate_series(1, 10001) g));
SELECT operation, record_id, version, user_id FROM (SELECT * FROM objectos_sync.mutations) m WHERE operation = 'touch';
RESET ROLE;
SELECT operation, record_id, version, user_id FROM objectos_sync.mutations WHERE operation = 'touch' ORDER BY sequence;
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT holds('ada', 'tasks');
-- A membership goes; what the client was shown by touch is taken by touch.
RESET ROLE;
DELETE FROM members WHERE project = 2;
SELECT sync_touch('tasks', '{2,5,8,77}');
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT holds('ada', 'tasks');
SELECT count(*) FROM sync_history('tasks', '1');

-- Declared, the memberships tell it themselves.
SET ROLE touch_ada;
SELECT sync_depend('tasks', 'project', 'members', 'project');
RESET ROLE;
GRANT EXECUTE ON FUNCTION sync_depend TO touch_ada;
SET ROLE touch_ada;
SELECT sync_depend('tasks', 'project', 'members', 'project');
SET ROLE touch_owner;
SELECT sync_depend('tasks', 'project', 'members', 'who');
SELECT sync_depend('tasks', 'nothing', 'members', 'project');
SELECT sync_depend('tasks', 'project', 'members', 'nothing');
SELECT sync_depend('nothing', 'project', 'members', 'project');
CREATE VIEW seen AS SELECT * FROM members;
SELECT sync_depend('tasks', 'project', 'seen', 'project');
SELECT sync_depend('tasks', 'project', 'members', 'project');
SELECT sync_depend('tasks', 'project', 'members', 'project');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'members'::regclass;
SET ROLE touch_owner;
INSERT INTO members VALUES (2, 'touch_ada'), (2, 'someone'), (7, 'touch_ada');
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT holds('ada', 'tasks');
SET ROLE touch_owner;
UPDATE members SET project = 0 WHERE project = 2 AND who = 'touch_ada';
SET ROLE touch_ada;
SELECT * FROM told('ada', 1);
SELECT holds('ada', 'tasks');
SET ROLE touch_owner;
DELETE FROM members WHERE project = 1;
DELETE FROM members WHERE project = 1;
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT holds('ada', 'tasks');
-- All at once: the object is read again.
SET ROLE touch_owner;
TRUNCATE members;
SET ROLE touch_ada;
SELECT * FROM told('ada');
SET ROLE touch_owner;
INSERT INTO members SELECT g, 'touch_ada' FROM generate_series(1, 10001) g;
SET ROLE touch_ada;
SELECT * FROM told('ada');
SELECT holds('ada', 'tasks');
-- Many records of one value: too.
RESET ROLE;
INSERT INTO tasks SELECT g, 0, 'many' FROM generate_series(100, 10200) g;
SET ROLE touch_ada;
SELECT count(*), count(DISTINCT t) FROM told('ada', 20000) t;
SET ROLE touch_owner;
INSERT INTO members VALUES (0, 'touch_ada');
SET ROLE touch_ada;
SELECT count(*), min(t COLLATE "C"), max(t COLLATE "C") FROM told('ada', 20000) t;
SELECT count(*) FROM held WHERE client = 'ada';
RESET ROLE;
DELETE FROM tasks WHERE id >= 100;
DELETE FROM held WHERE record_id::int >= 100;
SET ROLE touch_ada;
SELECT count(*) FROM told('ada', 20000) t;
SELECT holds('ada', 'tasks');

-- With a filter beside it, and without row security.
RESET ROLE;
ALTER TABLE tasks DISABLE ROW LEVEL SECURITY;
SET ROLE touch_ada;
SELECT sync_subscribe('ada', '{"objects": ["tasks"], "filters": {"tasks": "project = 1"}}') IS NOT NULL;
SELECT count(*) FROM told('ada') t;
SET ROLE touch_owner;
SELECT sync_touch('tasks', '{1,2}');
SET ROLE touch_ada;
SELECT * FROM told('ada');
-- A column that is not there any more: the object is read again, and nobody's writing stops.
RESET ROLE;
ALTER TABLE members RENAME project TO team;
UPDATE members SET who = 'nobody' WHERE team = 5;
SET ROLE touch_ada;
SELECT * FROM told('ada');
-- The rows of the other table are read as their writer, the records as the table's owner: nobody's functions run.
RESET ROLE;
ALTER TABLE members RENAME team TO project;
CREATE FUNCTION spy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE POLICY spying ON tasks TO touch_owner USING (spy());
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
SET ROLE touch_owner;
SELECT count(*) FROM tasks;
SET ROLE touch_ada;
SELECT count(*) FROM told('ada');
SET ROLE touch_owner;
UPDATE members SET who = 'somebody' WHERE project = 1;
SET ROLE touch_ada;
SELECT * FROM told('ada');
RESET ROLE;
ALTER TABLE tasks DISABLE ROW LEVEL SECURITY;
DROP POLICY spying ON tasks;
-- Its owner lost the right to it.
CREATE TABLE teams (id int PRIMARY KEY);
ALTER TABLE tasks OWNER TO CURRENT_USER;
UPDATE members SET who = 'else' WHERE project = 5;
GRANT UPDATE (what) ON tasks TO touch_owner;
UPDATE members SET who = 'else' WHERE project = 5;
SELECT sync_undepend('tasks', 'project', 'members', 'project');
SELECT sync_undepend('tasks', 'project', 'members', 'project');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'members'::regclass;
-- An object that is not enabled any more depends on nothing.
SELECT sync_depend('tasks', 'project', 'members', 'project');
SELECT sync_disable('tasks');
DELETE FROM members;
DROP TABLE members CASCADE;
DROP TABLE tasks, teams, held, at;
DROP FUNCTION told, holds, spy;
SELECT sync_revoke('touch_owner'), sync_revoke('touch_ada');
REVOKE CREATE ON SCHEMA public FROM touch_owner;
DROP OWNED BY touch_owner, touch_ada;
DROP ROLE touch_owner, touch_ada;
DELETE FROM objectos_sync.subscriptions;
DELETE FROM objectos_sync.clients WHERE user_id LIKE 'touch%';
