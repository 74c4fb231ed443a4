-- Channels: who may join, list and broadcast, what an unknown and a forbidden one say, and the limits.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
CREATE ROLE presence_ada;
CREATE ROLE presence_bob;
CREATE ROLE presence_eve;
SELECT sync_grant('presence_ada'), sync_grant('presence_bob');
CREATE TABLE page (id int PRIMARY KEY, owner name, body text);
ALTER TABLE page ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON page USING (owner = current_user);
CREATE TABLE plan (id uuid PRIMARY KEY, body text);
CREATE TABLE "odd/name" (a text, b int, PRIMARY KEY (a, b));
CREATE TABLE unsynced (id int PRIMARY KEY);
SELECT sync_enable('page'), sync_enable('plan'), sync_enable('"odd/name"');
INSERT INTO page VALUES (1, 'presence_ada', 'x'), (2, 'presence_bob', 'y');
INSERT INTO plan VALUES ('00000000-0000-4000-8000-00000000000a', 'x');
INSERT INTO "odd/name" VALUES ('k/1', 2);
GRANT SELECT ON page, "odd/name", unsynced TO presence_ada, presence_bob;
GRANT SELECT (id, _version) ON plan TO presence_ada;
CREATE FUNCTION present(channel text) RETURNS SETOF text LANGUAGE sql
  AS $$ SELECT concat_ws(' ', client_id, user_id, state) FROM sync_presence(channel) $$;

-- Without EXECUTE nobody joins.
SET ROLE presence_eve;
SELECT sync_presence_join('eve', 'page');
SELECT * FROM sync_presence('page');
SELECT objectos_sync.present();

-- An object, a record that is seen, a column grant that lets sync, a composite key, a name with a slash.
SET ROLE presence_ada;
SELECT sync_presence_join('ada', 'page') > 0 AS joined;
SELECT sync_presence_join('ada', 'page/1', '{"cursor": 3}') > 0 AS joined;
SELECT sync_presence_join('ada', 'plan') > 0 AS joined;
SELECT sync_presence_join('ada', 'odd/name') > 0 AS joined;
SELECT sync_presence_join('ada', 'odd/name/["k/1",2]') > 0 AS joined;
SELECT present('page');
SELECT present('page/1');
SELECT present('odd/name');
SELECT present('odd/name/["k/1",2]');
-- A record has one channel, however its key is written.
SELECT sync_presence_join('ada', 'plan/00000000-0000-4000-8000-00000000000A') > 0 AS joined;
SELECT present('plan/00000000-0000-4000-8000-00000000000a');

-- No such object, one that is not synced, no such record, a hidden one, no right: all the same.
SELECT sync_presence_join('ada', 'nothing');
SELECT sync_presence_join('ada', 'unsynced');
SELECT sync_presence_join('ada', 'page/77');
SELECT sync_presence_join('ada', 'page/2');
SELECT sync_presence('page/2');
SELECT sync_broadcast('ada', 'page/2', '{}');
SELECT sync_presence_update('ada', 'page/2', '{}');
SELECT sync_presence_join('ada', 'page/x');
SELECT sync_presence_join('ada', 'page/99999999999');
SELECT sync_presence_join('ada', 'page/');
SELECT sync_presence_join('ada', 'plan/zzz');
SELECT sync_presence_join('ada', 'odd/name/k/1');
SELECT sync_presence_join('ada', 'odd');
SELECT sync_presence_join('ada', '');
SELECT sync_presence_join('ada', '/');
SET ROLE presence_bob;
SELECT sync_presence_join('bob', 'plan');
SELECT sync_presence_join('bob', 'page/1');
SELECT present('page');
SELECT sync_presence_join('bob', 'page/2') > 0 AS joined;

-- State: the client's newest; the channel must have been joined.
SET ROLE presence_ada;
SELECT sync_presence_update('ada', 'page/1', '{"cursor": 4}');
SELECT present('page/1');
SELECT sync_presence_join('ada', 'page/1', '[5]') > 0 AS joined;
SELECT present('page/1');
SELECT sync_presence_update('tablet', 'page/1', '{}');
SELECT sync_presence_join('tablet', 'page/1') > 0 AS joined;
SELECT present('page/1');
SELECT sync_presence_leave('tablet', 'page/1'), sync_presence_leave('tablet', 'page/1');
SELECT sync_presence_leave('ada', 'plan/00000000-0000-4000-8000-00000000000A');
SELECT sync_presence_leave('ada', 'nothing');
SELECT present('page/1');

-- What this session did itself, it is not told. Nothing is transactional.
SELECT kind, channel, payload FROM sync_events('ada');
SELECT sequence AS place FROM sync_events('ada') \gset
BEGIN;
SELECT sync_broadcast('ada', 'page', '{"typing": true}');
ROLLBACK;
SELECT kind, channel, payload FROM sync_events('ada', :place);
SELECT sequence - :place AS events FROM sync_events('ada', :place);
SELECT kind FROM sync_events('ada', 0);
SELECT kind FROM sync_events('ada', 9223372036854775807);
SELECT kind FROM sync_events('ada', -5);

-- Another user's client id, and none.
RESET ROLE;
INSERT INTO objectos_sync.clients (client_id, user_id) VALUES ('desk', 'presence_bob');
SET ROLE presence_ada;
SELECT sync_presence_join('desk', 'page');
SELECT sync_presence_update('desk', 'page', '{}');
SELECT sync_presence_leave('desk', 'page');
SELECT sync_broadcast('desk', 'page', '{}');
SELECT * FROM sync_events('desk');
SELECT sync_presence_join('', 'page');
SELECT sync_presence_join(repeat('x', 257), 'page');
SELECT sync_presence_join(NULL, 'page');
SELECT sync_presence_join('ada', NULL);
SELECT sync_presence_join('ada', 'page', NULL);
SELECT sync_broadcast('ada', 'page', NULL);
SELECT * FROM sync_presence(NULL);
SELECT * FROM sync_events(NULL);

-- Limits: 1,024 bytes of state or payload, 256 of a name, 64 channels of a session, 100 events a second.
\set VERBOSITY default
SELECT sync_broadcast('ada', 'page', to_jsonb(repeat('x', 1023)));
SELECT sync_presence_update('ada', 'page', to_jsonb(repeat('x', 1023)));
SELECT sync_presence_join('ada', 'page/' || repeat('1', 252));
SET objectos_sync.events_per_second = 0;
\set VERBOSITY terse
SELECT sync_broadcast('ada', 'page', to_jsonb(repeat('x', 1022)));
RESET ROLE;
SET objectos_sync.events_per_second = 0;
SET ROLE presence_ada;
SELECT sync_broadcast('ada', 'page', to_jsonb(repeat('x', 1022)));
SELECT count(sync_presence_join('client ' || n, 'page')) FROM generate_series(1, 58) AS n;
\set VERBOSITY default
SELECT sync_presence_join('client 59', 'page');
RESET ROLE;
SET objectos_sync.events_per_second = 3;
SET ROLE presence_ada;
SELECT count(sync_broadcast('ada', 'page', '1')) FROM generate_series(1, 20);
\set VERBOSITY terse
-- To leave costs none.
SELECT count(sync_presence_leave('client ' || n, 'page')) FROM generate_series(1, 58) AS n;
RESET ROLE;
RESET objectos_sync.events_per_second;

-- What may not be read any more is neither listed nor joined; to leave it is always allowed.
REVOKE SELECT ON page FROM presence_ada;
SET ROLE presence_ada;
SELECT * FROM sync_presence('page');
SELECT sync_presence_update('ada', 'page/1', '{}');
SELECT sync_presence_leave('ada', 'page/1');
SELECT sync_presence_leave('ada', 'page/1');
RESET ROLE;
SELECT value, unit FROM sync_status() WHERE fact = 'present';
-- The members go with their session.
\c
SET client_min_messages = warning;
SET statement_timeout = '20s';
DO $$ BEGIN WHILE objectos_sync.present() > 0 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT value, unit FROM sync_status() WHERE fact = 'present';
DROP FUNCTION present;
SELECT sync_disable('page'), sync_disable('plan'), sync_disable('"odd/name"');
DROP TABLE page, plan, "odd/name", unsynced;
SELECT sync_revoke('presence_ada'), sync_revoke('presence_bob');
DROP ROLE presence_ada, presence_bob, presence_eve;
