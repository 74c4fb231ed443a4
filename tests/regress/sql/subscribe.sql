-- Subscriptions: which objects and which of their records a client gets, and what it hears when that changes.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.subscriptions;
\i tests/regress/include/replica.sql
CREATE ROLE sub_ada;
CREATE ROLE sub_bob;
CREATE TABLE contacts (id int PRIMARY KEY, name text, owner text, stage varchar(10), born date, private boolean,
  secret int);
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO contacts VALUES (1, 'Ann', 'sub_ada', 'new', '1990-01-01', NULL, 1),
  (2, 'Ben', 'sub_bob', 'new', '1991-01-01', true, 2), (3, 'Cay', NULL, 'old', NULL, NULL, 3);
INSERT INTO notes VALUES (1, 'n1');
SELECT sync_enable('contacts'), sync_enable('notes');
SELECT sync_grant('sub_ada'), sync_grant('sub_bob');
GRANT SELECT (id, name, owner, stage, born, private, _version, _modified_at, _modified_by), UPDATE ON contacts
  TO sub_ada, sub_bob;
GRANT SELECT ON notes TO sub_ada, sub_bob;
GRANT ALL ON SCHEMA replica TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA replica TO PUBLIC;
-- What a client holds of contacts and should not, or the other way round, by id.
CREATE FUNCTION replica.wrong(client_ text, condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT concat_ws('' '', a.record_id, ''has'', a.data->>''name'', ''wants'', b.id, b.name)
    FROM (SELECT * FROM replica.rows WHERE client = %L AND object = ''contacts'') a
    FULL JOIN (SELECT id::text, name, owner, _version FROM contacts WHERE %s) b ON b.id = a.record_id
   WHERE a.data->>''name'' IS DISTINCT FROM b.name OR a.data->>''owner'' IS DISTINCT FROM b.owner
      OR a.version IS DISTINCT FROM b._version', client_, condition);
END $$;

-- Everything, then the own ones, in the article's form.
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"owner": "$user"}}}');
SELECT * FROM replica.sync('ada');
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada''');
-- Nothing is read again while nothing changes, also if it is said again.
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"owner": ["$user"]}}}') IS NOT NULL;
SELECT * FROM replica.sync('ada');

-- A record leaves, one arrives, one leaves and comes back; what was never there is not mentioned.
RESET ROLE;
UPDATE contacts SET owner = 'sub_bob' WHERE id = 1;
UPDATE contacts SET owner = 'sub_ada', name = 'Cay''' WHERE id = 3;
UPDATE contacts SET name = 'Ben''' WHERE id = 2;
UPDATE notes SET body = 'n2';
INSERT INTO contacts VALUES (4, 'Dan', 'sub_bob'), (5, 'Eve', 'sub_ada');
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada''');
RESET ROLE;
UPDATE contacts SET owner = 'sub_bob' WHERE id = 3;
UPDATE contacts SET owner = 'sub_ada', stage = 'back' WHERE id = 3;
UPDATE contacts SET stage = 'x' WHERE id = 5;
UPDATE contacts SET id = 50 WHERE id = 5;
DELETE FROM contacts WHERE id = 2;
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada''');
-- In pages of one, every page by itself.
RESET ROLE;
UPDATE contacts SET owner = 'sub_bob' WHERE id IN (3, 50);
UPDATE contacts SET owner = 'sub_ada' WHERE id IN (1, 3);
INSERT INTO contacts VALUES (6, 'Fay', 'sub_ada');
UPDATE contacts SET owner = 'sub_bob' WHERE id = 6;
DELETE FROM contacts WHERE id = 6;
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada', 1);
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada''');

-- An expression; the other client is another user with the same words.
SET ROLE sub_bob;
SELECT sync_subscribe('bob', $$ {"objects": ["contacts", "notes"],
  "filters": {"contacts": "owner = $user AND (stage IN ('new', 'x') OR stage IS NULL AND born >= '1950-01-01')"}} $$);
SELECT * FROM replica.sync('bob');
RESET ROLE;
INSERT INTO contacts VALUES (7, 'Gus', 'sub_bob', NULL, '1949-12-31'), (8, 'Hal', 'sub_bob', 'new', NULL),
  (9, 'Ida', 'sub_bob', NULL, '1950-01-01');
SET ROLE sub_bob;
SELECT * FROM replica.sync('bob');
SELECT * FROM replica.wrong('bob',
  $$ owner = 'sub_bob' AND (stage IN ('new', 'x') OR stage IS NULL AND born >= '1950-01-01') $$);
-- Dates are read the same whatever the session says.
SET datestyle = 'SQL, DMY';
SELECT * FROM replica.sync('bob');
RESET datestyle;

-- Snapshot, digest and single records keep to it.
SELECT object, query FROM sync_snapshot('bob');
SELECT object, records FROM sync_digest('bob', 1);
SELECT object, records FROM sync_digest('ada everything', 1);
SELECT kind, record_id FROM sync_records('bob', 'contacts', '{7,8,9}');

-- An own edit that takes the record out, or makes one that is not wanted: acknowledged, and not held.
RESET ROLE;
GRANT INSERT, DELETE ON contacts TO sub_bob;
GRANT SELECT ON contacts TO sub_bob;
SET ROLE sub_bob;
SELECT replica.pulled('bob') IS NOT NULL AS "read again: more columns";
SELECT status FROM sync_push('bob', '[
 {"id": "00000000-0000-4000-8000-000000000001", "client_sequence": 1, "object": "contacts", "record_id": "8",
  "operation": "update", "data": {"owner": "sub_ada"}, "original": {"owner": "sub_bob"}},
 {"id": "00000000-0000-4000-8000-000000000002", "client_sequence": 2, "object": "contacts", "record_id": "10",
  "operation": "insert", "data": {"id": 10, "name": "Jim", "owner": "sub_ada"}}]');
SELECT kind, operation, record_id, data->>'status' AS status, data->>'absorb' AS absorb
  FROM sync_pull('bob', (SELECT checkpoint FROM replica.clients WHERE client = 'bob'), 100, 2) WHERE kind <> 'checkpoint';
SELECT kind, operation, record_id FROM sync_pull('bob', (SELECT checkpoint FROM replica.clients WHERE client = 'bob'));
SELECT replica.pulled('bob') IS NOT NULL;

-- What is refused, and stores nothing.
SELECT sync_subscribe('bob', '{"objects": ["nothing"]}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"nothing": 1}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"_version": 1}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"born": "someday"}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"born": "today"}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"id": "$user"}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": "id = 1 OR"}}');
SELECT sync_subscribe('bob', '"contacts"');
SELECT sync_subscribe(NULL, NULL);
SELECT sync_subscribe('', NULL);
SET ROLE sub_ada;
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"secret": 1}}}');
SELECT sync_subscribe('bob', '{"objects": ["contacts"]}');
SELECT sync_subscribe('bob', NULL);
\set VERBOSITY default
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"secret": 1}}}');
\set VERBOSITY terse
SELECT * FROM replica.sync('ada');
RESET ROLE;
SELECT client_id, subscription, columns->'contacts'->'columns' AS columns FROM objectos_sync.subscriptions ORDER BY 1;

-- A renamed column stays the one that is meant; one that is gone stops pulling, and widens nothing.
ALTER TABLE contacts RENAME owner TO keeper;
ALTER TABLE contacts RENAME name TO owner;
ALTER TABLE contacts RENAME stage TO name;
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
SELECT * FROM replica.sync('ada');
RESET ROLE;
ALTER TABLE contacts RENAME name TO stage;
ALTER TABLE contacts RENAME owner TO name;
ALTER TABLE contacts RENAME keeper TO owner;
REVOKE SELECT (owner) ON contacts FROM sub_ada;
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
RESET ROLE;
GRANT SELECT (owner) ON contacts TO sub_ada;
BEGIN;
ALTER TABLE contacts DROP COLUMN owner;
ALTER TABLE contacts ADD COLUMN owner text DEFAULT 'sub_ada';
GRANT SELECT (owner) ON contacts TO sub_ada;
COMMIT;
SET ROLE sub_ada;
\set VERBOSITY default
SELECT kind FROM sync_pull('ada', (SELECT checkpoint FROM replica.clients WHERE client = 'ada'));
\set VERBOSITY terse
SELECT object, query FROM sync_snapshot('ada');
SELECT object, records FROM sync_digest('ada', 1);
SELECT sync_hello('ada') IS NOT NULL AS "it can still push";
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"owner": "$user"}}}') IS NOT NULL;
SELECT * FROM replica.sync('ada');
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada''');
-- A value that no longer is one of the column's type.
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"stage": "new"}}}') IS NOT NULL;
RESET ROLE;
ALTER TABLE contacts ALTER stage TYPE int USING 1;
SET ROLE sub_ada;
SELECT * FROM replica.sync('ada');
-- Everything again.
SELECT sync_subscribe('ada', '{}');
SELECT replica.pulled('ada') IS NOT NULL;
SELECT * FROM replica.wrong('ada', 'true');
SELECT sync_subscribe('ada', '{"objects": []}');
SELECT * FROM replica.sync('ada');
SELECT sync_subscribe('ada', NULL);

-- With row security: both must hold, and what leaves is a tag.
RESET ROLE;
UPDATE contacts SET owner = CASE WHEN id % 2 = 1 THEN 'sub_ada' ELSE 'sub_bob' END, private = NULL;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON contacts USING (owner = current_user);
SET ROLE sub_ada;
SELECT sync_subscribe('ada', '{"objects": ["contacts"], "filters": {"contacts": {"private": null}}}') IS NOT NULL;
SELECT replica.pulled('ada') IS NOT NULL;
SELECT * FROM replica.wrong('ada', 'owner = ''sub_ada'' AND private IS NULL');
RESET ROLE;
UPDATE contacts SET private = true WHERE id IN (1, 50);
SET ROLE sub_ada;
SELECT kind, object, record_id, tag IS NOT NULL AS tagged, data
  FROM sync_pull('ada', (SELECT checkpoint FROM replica.clients WHERE client = 'ada')) WHERE kind <> 'checkpoint';
SELECT object, query FROM sync_snapshot('ada');
SELECT object, records FROM sync_digest('ada', 1);
RESET ROLE;
ALTER TABLE contacts DISABLE ROW LEVEL SECURITY;

-- Conflicts of records that are not wanted are not told.
DELETE FROM objectos_sync.conflicts;
SELECT sync_enable('contacts', 'manual') IS NOT NULL;
SET ROLE sub_bob;
SELECT sync_subscribe('bob', '{"objects": ["contacts"], "filters": {"contacts": {"stage": 2}}}') IS NOT NULL;
SELECT replica.pulled('bob') IS NOT NULL;
SELECT replica.pulled('bob 2') IS NOT NULL;
RESET ROLE;
UPDATE contacts SET stage = 2 WHERE id = 7;
SET ROLE sub_bob;
SELECT count(*) FROM sync_push('bob 2', '[
 {"id": "00000000-0000-4000-8000-000000000011", "client_sequence": 1, "object": "contacts", "record_id": "7",
  "operation": "update", "data": {"name": "G"}, "original": {"name": "other"}},
 {"id": "00000000-0000-4000-8000-000000000012", "client_sequence": 2, "object": "contacts", "record_id": "9",
  "operation": "update", "data": {"name": "I"}, "original": {"name": "other"}}]');
SELECT kind, record_id FROM sync_pull('bob', (SELECT checkpoint FROM replica.clients WHERE client = 'bob'))
 WHERE kind = 'conflict';
-- sync_status() says which filter columns want an index.
RESET ROLE;
SELECT sync_subscribe('hint', '{"objects": ["contacts"], "filters": {"contacts": {"owner": "x", "id": 1, "stage": 2}}}') IS NOT NULL;
SELECT problem, hint FROM sync_status() WHERE fact = 'subscriptions';  -- the table is small
BEGIN;
INSERT INTO contacts (id, name) SELECT 1000000 + g, md5(g::text) FROM generate_series(1, 20000) g;
ROLLBACK;
SELECT fact, value, problem, hint FROM sync_status() WHERE fact = 'subscriptions';
CREATE INDEX ON contacts (owner, stage);
SELECT problem, hint FROM sync_status() WHERE fact = 'subscriptions';
CREATE INDEX ON contacts (stage);
SELECT problem, hint FROM sync_status() WHERE fact = 'subscriptions';

-- Operators of the caller's own are not asked; nor those of a domain. (The queries here do ask them, in WHERE.)
RESET ROLE;
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
CREATE DOMAIN evil.word AS text;
CREATE FUNCTION evil.yes(evil.word, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = evil.word, RIGHTARG = text, FUNCTION = evil.yes);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);
CREATE DOMAIN evil.text AS pg_catalog.text;
CREATE TABLE words (id int PRIMARY KEY, w evil.word, t text, a text[], c char(3), e numeric);
INSERT INTO words VALUES (1, 'a', 'a', '{a,b}', 'a', 1.0), (2, 'b', 'b', '{c}', 'b', 2.50);
SELECT sync_enable('words');
SET search_path = evil, pg_catalog, public;
SELECT sync_subscribe('words', '{"objects": ["words"], "filters": {"words": "w = ''a'' AND t IN (''a'', ''x'')"}}') IS NOT NULL;
SELECT kind, record_id FROM sync_pull('words', '0') WHERE kind = 'mutation';
SELECT query FROM sync_snapshot('words');
SELECT sync_subscribe('words', '{"objects": ["words"], "filters": {"words": {"a": ["{a,b}", "{x}"], "c": "a", "e": 1}}}') IS NOT NULL;
SELECT kind, record_id FROM sync_pull('words', '0') WHERE kind = 'mutation';
SELECT sync_subscribe('words', '{"objects": ["words"], "filters": {"words": "w <> ''a'' AND c > ''a'' AND e <= 2.5"}}') IS NOT NULL;
SELECT kind, record_id FROM sync_pull('words', '0') WHERE kind = 'mutation';
RESET search_path;

-- Forgotten with the client.
SELECT sync_forget_client('bob');
SELECT client_id FROM objectos_sync.subscriptions ORDER BY 1;
SELECT sync_disable('contacts'), sync_disable('notes'), sync_disable('words');
SELECT sync_revoke('sub_ada'), sync_revoke('sub_bob');
DROP TABLE contacts, notes, words;
DROP SCHEMA replica, evil CASCADE;
DROP ROLE sub_ada, sub_bob;
DELETE FROM objectos_sync.subscriptions;
DELETE FROM objectos_sync.clients WHERE user_id LIKE 'sub%';
