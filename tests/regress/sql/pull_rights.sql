-- Nothing the caller may not SELECT leaves: column grants, row security, whole objects.
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
CREATE ROLE pull_ada;
CREATE ROLE pull_bob;
CREATE ROLE pull_team;
CREATE TABLE staff (id int PRIMARY KEY, name text, salary int);
CREATE TABLE diary (id text PRIMARY KEY, owner name, body text);
CREATE TABLE secret (id int PRIMARY KEY);
ALTER TABLE diary ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON diary USING (owner = current_user);
INSERT INTO staff VALUES (1, 'Ada', 100), (2, 'Bob', 90);
INSERT INTO diary VALUES ('a1', 'pull_ada', 'dear'), ('b1', 'pull_bob', 'diary');
INSERT INTO secret VALUES (1);
SELECT sync_enable('staff'), sync_enable('diary'), sync_enable('secret');
SELECT sync_grant('pull_ada'), sync_grant('pull_bob');
GRANT SELECT (id, name, _version) ON staff TO pull_ada, pull_bob;
GRANT SELECT ON diary TO pull_ada, pull_bob;
CREATE TABLE at (phone text PRIMARY KEY, checkpoint text);
GRANT ALL ON at TO PUBLIC;
CREATE FUNCTION told(client text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  p jsonb[];
  r jsonb;
BEGIN
  SELECT array_agg(to_jsonb(s) - 'data' || jsonb_build_object('data', s.data::text)) INTO p
    FROM sync_pull(client, (SELECT checkpoint FROM at WHERE phone = client)) AS s;
  FOREACH r IN ARRAY p LOOP
    IF r->>'kind' = 'schema' THEN
      RETURN NEXT 'schema ' || (SELECT string_agg(o->>'object' || '(' ||
        (SELECT string_agg(c->>'name', ',') FROM jsonb_array_elements(o->'columns') c) || ')', ' ')
        FROM jsonb_array_elements((r->>'data')::jsonb->'objects') o);
    ELSIF r->>'kind' = 'checkpoint' THEN
      INSERT INTO at VALUES (client, r->>'checkpoint')
        ON CONFLICT (phone) DO UPDATE SET checkpoint = excluded.checkpoint;
    ELSE
      RETURN NEXT concat_ws(' ', r->>'kind', r->>'operation', r->>'object', r->>'record_id',
        r->>'data', CASE WHEN r->>'tag' ~ '^[0-9a-f]{32}$' THEN 'tagged' END,
        CASE WHEN r->>'id' IS NOT NULL THEN 'id' END,
        CASE WHEN r->>'version' IS NOT NULL THEN 'version' END, r->>'user_id');
    END IF;
  END LOOP;
END
$$;
-- Without EXECUTE nobody syncs.
SET ROLE pull_team;
SELECT * FROM told('team');
SET ROLE pull_ada;
SELECT * FROM told('ada');
SET ROLE pull_bob;
SELECT * FROM told('bob');
-- A client id belongs to who used it first.
RESET ROLE;
INSERT INTO objectos_sync.clients (client_id, user_id) VALUES ('ada', 'pull_ada');
SET ROLE pull_bob;
SELECT kind FROM sync_pull('ada', '0');
-- Columns that may not be read are neither named nor sent; a change of them alone moves the version.
RESET ROLE;
UPDATE staff SET salary = 120 WHERE id = 1;
UPDATE staff SET name = 'Robert', salary = 95 WHERE id = 2;
SET ROLE pull_ada;
SELECT * FROM told('ada');
-- Who sees nothing of what happened moves on all the same: pages count what was examined.
-- trap: empty-view-never-advances
RESET ROLE;
INSERT INTO secret SELECT g FROM generate_series(2, 8) g;
SET ROLE pull_ada;
CREATE FUNCTION pg_temp.moves() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  next text := (SELECT checkpoint FROM at WHERE phone = 'ada');
  last text;
  rest boolean;
  rows bigint;
BEGIN
  LOOP
    last := next;
    SELECT max(p.checkpoint), bool_or(p.has_more), count(*) - 1 INTO next, rest, rows FROM sync_pull('ada', last, 3) p;
    RETURN NEXT format('%s rows, %s, %s', rows, CASE WHEN next <> last THEN 'moved' ELSE 'stood' END, CASE WHEN rest THEN 'more' ELSE 'end' END);
    EXIT WHEN NOT rest;
  END LOOP;
END $$;
SELECT * FROM pg_temp.moves();
SELECT * FROM told('ada');
-- Under row security: another's changes are a tag that says nothing; a row that one sees is whole.
RESET ROLE;
UPDATE diary SET body = 'secret' WHERE id = 'b1';
UPDATE diary SET body = 'my' WHERE id = 'a1';
INSERT INTO diary VALUES ('b2', 'pull_bob', 'more');
SET ROLE pull_ada;
SELECT * FROM told('ada');
-- Given away, it is a removal to the one and a row to the other.
RESET ROLE;
UPDATE diary SET owner = 'pull_bob' WHERE id = 'a1';
SET ROLE pull_ada;
SELECT * FROM told('ada');
SET ROLE pull_bob;
SELECT * FROM told('bob');
-- Deleted: by tag only.
RESET ROLE;
DELETE FROM diary WHERE id = 'a1';
SET ROLE pull_bob;
SELECT * FROM told('bob');
-- The tag of a record is the client's own, and the same every time.
RESET ROLE;
INSERT INTO diary VALUES ('b3', 'pull_bob', '3');
SET ROLE pull_bob;
SELECT count(*) AS rows, count(DISTINCT tag) AS tags FROM (
  SELECT tag FROM sync_pull('bob', '0') WHERE record_id = 'b3' UNION ALL
  SELECT tag FROM sync_pull('bob', '0') WHERE record_id = 'b3' UNION ALL
  SELECT tag FROM sync_pull('bob 2', '0') WHERE record_id = 'b3') AS t;
-- Rights that change: the object is read again.
RESET ROLE;
SELECT * FROM told('bob') LIMIT 0;
GRANT SELECT (salary) ON staff TO pull_bob;
GRANT SELECT ON secret TO pull_bob;
SET ROLE pull_bob;
SELECT * FROM told('bob');
RESET ROLE;
CREATE POLICY team ON diary FOR SELECT USING (pg_has_role('pull_team', 'member'));
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
-- trap: role-grant-fires-no-event
GRANT pull_team TO pull_ada;
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
REVOKE pull_team FROM pull_ada;
REVOKE SELECT (name) ON staff FROM pull_ada;
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
-- A policy asks another table: what holds there decides here, too.
CREATE TABLE shares (diary_id text, reader name, via text);
CREATE TABLE circles (via text, open boolean);
GRANT SELECT ON shares, circles TO pull_ada;
INSERT INTO shares VALUES ('b1', 'pull_ada', 'x');
INSERT INTO circles VALUES ('x', true);
ALTER POLICY team ON diary USING (id IN (SELECT diary_id FROM shares WHERE reader = current_user));
CREATE POLICY circle ON shares USING (via IN (SELECT via FROM circles WHERE open));
SET ROLE pull_ada;
SELECT * FROM told('ada');
SELECT * FROM told('ada');
RESET ROLE;
ALTER POLICY circle ON shares USING (false);
SET ROLE pull_ada;
SELECT * FROM told('ada');  -- no policy holds there yet
RESET ROLE;
ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
ALTER POLICY circle ON shares USING (via IN (SELECT via FROM circles WHERE open));
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
ALTER TABLE circles ENABLE ROW LEVEL SECURITY;
SET ROLE pull_ada;
SELECT * FROM told('ada');
RESET ROLE;
DROP POLICY team ON diary;
DROP TABLE shares, circles;
REVOKE SELECT ON diary FROM pull_ada;
SET ROLE pull_ada;
SELECT * FROM told('ada');
-- Objects under row security are not in a snapshot: COPY cannot tell what a tag stands for.
SELECT object, query FROM sync_snapshot('ada');
SET ROLE pull_bob;
SELECT object, query FROM sync_snapshot('bob');
RESET ROLE;
SELECT sync_disable('staff'), sync_disable('diary'), sync_disable('secret');
SELECT sync_revoke('pull_ada'), sync_revoke('pull_bob');
DROP TABLE staff, diary, secret, at;
DROP FUNCTION told;
DROP ROLE pull_ada, pull_bob, pull_team;
DELETE FROM objectos_sync.clients WHERE user_id LIKE 'pull%';
