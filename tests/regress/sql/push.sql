-- Pushes: applied once, answered again; chains, groups, and each bad
-- mutation rejected alone.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE TABLE contacts (id text PRIMARY KEY, name text, phone text, email text UNIQUE, age int CHECK (age >= 0));
SELECT sync_enable('contacts');
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
CREATE FUNCTION shown(p text, m json) RETURNS TABLE(status text, duplicate boolean, reason text, resolution text, detail jsonb)
  LANGUAGE sql AS $$ SELECT v.status, v.duplicate, v.reason, v.resolution, v.detail - 'message' - 'hint' - 'detail'
                       FROM sync_push(p, m) v $$;

-- an insert, an update and a delete are applied
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(1), 'object', 'contacts', 'record_id', '1',
  'operation', 'insert', 'data', json_build_object('id', '1', 'name', 'Ada', 'age', 36), 'client_sequence', 1)));
SELECT id, name, age FROM contacts;
-- trap: lost-answer
-- the same push sent twice is applied once and answered the same
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(1), 'object', 'contacts', 'record_id', '1',
  'operation', 'insert', 'data', json_build_object('age', 36, 'name', 'Ada', 'id', '1'), 'client_sequence', 1)));
SELECT count(*) FROM objectos_sync.mutations WHERE operation <> 'schema';
-- trap: fork
-- the same id or number with other bytes is a fork, and nothing is judged
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(1), 'object', 'contacts', 'record_id', '1',
  'operation', 'insert', 'data', json_build_object('id', '1', 'name', 'Eve'), 'client_sequence', 1)));
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(2), 'object', 'contacts', 'record_id', '1',
  'operation', 'update', 'data', json_build_object('name', 'Eve'), 'client_sequence', 1)));
-- so is a known id under a new number
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(7001), 'object', 'contacts', 'record_id', '7',
  'operation', 'insert', 'data', json_build_object('id', '7', 'name', 'Eve'), 'client_sequence', 2),
  json_build_object('id', uid(1), 'object', 'contacts', 'record_id', '1',
  'operation', 'update', 'data', json_build_object('name', 'Eve'), 'client_sequence', 3)));
SELECT count(*) FROM contacts WHERE name = 'Eve';
-- later mutations of one push build on the earlier ones
SELECT * FROM shown('p1', json_build_array(
  json_build_object('id', uid(3), 'object', 'contacts', 'record_id', '2', 'operation', 'insert',
    'data', json_build_object('id', '2', 'name', 'Bob'), 'client_sequence', 2),
  json_build_object('id', uid(4), 'object', 'contacts', 'record_id', '2', 'operation', 'update',
    'data', json_build_object('name', 'Rob'), 'original', json_build_object('name', 'Bob'), 'client_sequence', 3),
  json_build_object('id', uid(5), 'object', 'contacts', 'record_id', '2', 'operation', 'update',
    'data', json_build_object('name', 'Bert'), 'original', json_build_object('name', 'Rob'), 'client_sequence', 4)));
SELECT name FROM contacts WHERE id = '2';
-- an insert of an id that exists is rejected, and so is what builds on it
SELECT * FROM shown('p2', json_build_array(
  json_build_object('id', uid(6), 'object', 'contacts', 'record_id', '2', 'operation', 'insert',
    'data', json_build_object('id', '2', 'name', 'Mallory'), 'client_sequence', 1),
  json_build_object('id', uid(7), 'object', 'contacts', 'record_id', '2', 'operation', 'update',
    'data', json_build_object('name', 'Mal'), 'original', json_build_object('name', 'Mallory'), 'client_sequence', 2)));
-- trap: poisoned-mutation
-- one bad mutation blocks nobody
SELECT * FROM shown('p2', json_build_array(
  json_build_object('id', uid(8), 'object', 'contacts', 'record_id', '3', 'operation', 'insert',
    'data', json_build_object('id', '3', 'age', -1)),
  json_build_object('id', uid(9), 'object', 'contacts', 'record_id', '4', 'operation', 'insert',
    'data', json_build_object('id', '4', 'age', 4)),
  json_build_object('id', uid(10), 'object', 'contacts', 'record_id', '5', 'operation', 'insert',
    'data', json_build_object('id', '5', 'age', 'many')),
  json_build_object('id', uid(11), 'object', 'contacts', 'record_id', '6', 'operation', 'insert',
    'data', json_build_object('id', '6', 'colour', 'red')),
  json_build_object('id', uid(12), 'object', 'nothing', 'record_id', '6', 'operation', 'insert',
    'data', json_build_object('id', '6'))));
-- a group is undone as a whole
SELECT * FROM shown('p2', json_build_array(
  json_build_object('id', uid(13), 'object', 'contacts', 'record_id', '7', 'operation', 'insert', 'group', 'g1',
    'data', json_build_object('id', '7')),
  json_build_object('id', uid(14), 'object', 'contacts', 'record_id', '8', 'operation', 'insert', 'group', 'g1',
    'data', json_build_object('id', '8', 'age', -8)),
  json_build_object('id', uid(15), 'object', 'contacts', 'record_id', '9', 'operation', 'insert',
    'data', json_build_object('id', '9'))));
SELECT id FROM contacts ORDER BY id COLLATE "C";
-- confirmed verdicts are dropped
SELECT sync_ack('{"client_id":"p1","confirmed":4}');
SELECT count(*) FROM objectos_sync.verdicts WHERE client_id = 'p1';
-- what was confirmed and comes again is answered from the log, and not applied
SELECT * FROM shown('p1', json_build_array(json_build_object('id', uid(1), 'object', 'contacts', 'record_id', '1',
  'operation', 'insert', 'data', json_build_object('id', '1', 'name', 'Ada', 'age', 36), 'client_sequence', 1)));

-- chains: what one push sends with the version it knew builds on its own earlier mutation
SELECT _version AS seen FROM contacts WHERE id = '1' \gset
SELECT * FROM shown('p5', json_build_array(
  json_build_object('id', uid(20), 'object', 'contacts', 'record_id', '1', 'operation', 'update', 'version', :seen,
    'data', json_build_object('name', 'Ann'), 'original', json_build_object('name', 'Ada'), 'client_sequence', 1),
  json_build_object('id', uid(21), 'object', 'contacts', 'record_id', '1', 'operation', 'update', 'version', :seen,
    'data', json_build_object('age', 40), 'original', json_build_object('age', 36), 'client_sequence', 2)));
-- … in the next push, too, when the earlier one comes along as a duplicate
SELECT * FROM shown('p5', json_build_array(
  json_build_object('id', uid(20), 'object', 'contacts', 'record_id', '1', 'operation', 'update', 'version', :seen,
    'data', json_build_object('name', 'Ann'), 'original', json_build_object('name', 'Ada'), 'client_sequence', 1),
  json_build_object('id', uid(21), 'object', 'contacts', 'record_id', '1', 'operation', 'update', 'version', :seen,
    'data', json_build_object('age', 40), 'original', json_build_object('age', 36), 'client_sequence', 2),
  json_build_object('id', uid(22), 'object', 'contacts', 'record_id', '1', 'operation', 'delete', 'version', :seen,
    'client_sequence', 3)));
-- … and a new record at the same key starts a new chain
SELECT * FROM shown('p5', json_build_array(
  json_build_object('id', uid(23), 'object', 'contacts', 'record_id', '10', 'operation', 'insert',
    'data', json_build_object('id', '10', 'name', 'first'), 'client_sequence', 4),
  json_build_object('id', uid(24), 'object', 'contacts', 'record_id', '10', 'operation', 'delete', 'client_sequence', 5),
  json_build_object('id', uid(25), 'object', 'contacts', 'record_id', '10', 'operation', 'insert',
    'data', json_build_object('id', '10', 'name', 'second'), 'client_sequence', 6),
  json_build_object('id', uid(26), 'object', 'contacts', 'record_id', '10', 'operation', 'update',
    'data', json_build_object('name', 'third'), 'original', json_build_object('name', 'second'), 'client_sequence', 7)));
SELECT id, name FROM contacts WHERE id IN ('1', '10');
-- the same entry twice in one push is applied once
SELECT * FROM shown('p5', json_build_array(
  json_build_object('id', uid(27), 'object', 'contacts', 'record_id', '11', 'operation', 'insert',
    'data', json_build_object('id', '11'), 'client_sequence', 8),
  json_build_object('id', uid(27), 'object', 'contacts', 'record_id', '11', 'operation', 'insert',
    'data', json_build_object('id', '11'), 'client_sequence', 8)));

-- every kind of constraint rejects its own mutation and no other, with its name and SQLSTATE
CREATE TABLE orders (id int PRIMARY KEY, contact text REFERENCES contacts, code text NOT NULL,
  during int4range, CONSTRAINT late FOREIGN KEY (contact) REFERENCES contacts DEFERRABLE INITIALLY DEFERRED,
  EXCLUDE USING gist (during WITH &&));
ALTER TABLE orders DROP CONSTRAINT orders_contact_fkey;
SELECT sync_enable('orders');
CREATE FUNCTION o(n int, number bigint, contact text, code text, during text DEFAULT NULL, grp text DEFAULT NULL)
  RETURNS json LANGUAGE sql AS $$ SELECT json_strip_nulls(json_build_object('id', uid(n), 'object', 'orders',
    'record_id', number::text, 'operation', 'insert', 'group', grp,
    'data', json_build_object('id', number, 'contact', contact, 'code', code, 'during', during))) $$;
SELECT status, reason, detail->>'sqlstate' AS sqlstate, detail->>'constraint' AS "constraint", detail->>'field' AS field
  FROM shown('p6', json_build_array(
    o(30, 1, '2', 'fine', '[1,5)'), o(31, 2, 'nobody', 'foreign key'), o(32, 3, '2', NULL),
    o(33, 4, '2', 'overlap', '[4,9)'), o(34, 5000000000, '2', 'too large'), o(35, 6, '2', 'fine', '[5,9)'),
    json_build_object('id', uid(36), 'object', 'contacts', 'record_id', '2', 'operation', 'delete'),
    json_build_object('id', uid(37), 'object', 'contacts', 'record_id', '2', 'operation', 'update',
      'data', json_build_object('email', 'taken'), 'original', json_build_object('email', NULL)),
    json_build_object('id', uid(38), 'object', 'contacts', 'record_id', '4', 'operation', 'update',
      'data', json_build_object('email', 'taken'), 'original', json_build_object('email', NULL)),
    json_build_object('id', uid(39), 'object', 'contacts', 'record_id', '4', 'operation', 'update',
      'data', json_build_object('email', 'free'), 'original', json_build_object('email', NULL))));
SELECT id, code FROM orders ORDER BY id;
SELECT id, email FROM contacts WHERE email IS NOT NULL ORDER BY id;
-- trap: foreign-key-order
-- within a group a deferrable constraint may wait for its end
SELECT * FROM shown('p6', json_build_array(o(40, 20, 'late', 'before its contact', grp => 'g2'),
  json_build_object('id', uid(41), 'object', 'contacts', 'record_id', 'late', 'operation', 'insert', 'group', 'g2',
    'data', json_build_object('id', 'late'))));
-- trap: child-of-rejected-parent
-- a trigger's own error is the user's, and a child of a rejected parent is rejected
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'not today' USING HINT = 'Try tomorrow.'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON contacts FOR EACH ROW WHEN (NEW.id = 'refused') EXECUTE FUNCTION refuse();
SELECT v.status, v.reason, v.detail - 'detail' - 'schema' AS detail FROM sync_push('p6', json_build_array(
  json_build_object('id', uid(42), 'object', 'contacts', 'record_id', 'refused', 'operation', 'insert',
    'data', json_build_object('id', 'refused')), o(43, 21, 'refused', 'child'))) v;
-- a rejection is remembered like any other verdict
UPDATE contacts SET id = 'nobody' WHERE id = '9';
SELECT status, duplicate, reason, detail->>'constraint' AS "constraint"
  FROM shown('p6', json_build_array(o(31, 2, 'nobody', 'foreign key')));
-- a group's rejection leaves no conflict, clock or log row behind
SELECT count(*) FROM objectos_sync.mutations WHERE id IN (uid(13)::uuid, uid(14)::uuid);
-- NULL, '' and a field that is not there are three things, going up and coming down
-- trap: null-missing-empty
CREATE TABLE words (id int PRIMARY KEY, w text DEFAULT 'default', j jsonb DEFAULT '0');
SELECT sync_enable('words');
SELECT status FROM sync_push('p7', json_build_array(
  '{"id":"00000000-0000-4000-8000-000000000071","object":"words","record_id":"1","operation":"insert","data":{"w":null,"j":null}}'::json,
  '{"id":"00000000-0000-4000-8000-000000000072","object":"words","record_id":"2","operation":"insert","data":{"w":"","j":"null"}}'::json,
  '{"id":"00000000-0000-4000-8000-000000000073","object":"words","record_id":"3","operation":"insert","data":{}}'::json,
  '{"id":"00000000-0000-4000-8000-000000000074","object":"words","record_id":"4","operation":"insert","data":{"w":"","j":"\"\""}}'::json));
SELECT id, w IS NULL AS null, w, j IS NULL AS null, j FROM words ORDER BY id;
SELECT record_id, data FROM sync_pull('p8', '0') WHERE kind = 'mutation' AND object = 'words' ORDER BY record_id;
SELECT status, reason FROM sync_push('p7', json_build_array(
  '{"id":"00000000-0000-4000-8000-000000000075","object":"words","record_id":"1","operation":"update","data":{"w":""},"original":{"w":null}}'::json,
  '{"id":"00000000-0000-4000-8000-000000000076","object":"words","record_id":"2","operation":"update","data":{"w":null},"original":{"w":""}}'::json,
  '{"id":"00000000-0000-4000-8000-000000000077","object":"words","record_id":"4","operation":"update","data":{"w":"x"},"original":{"w":null}}'::json));
SELECT id, w IS NULL AS null, w FROM words ORDER BY id;
SELECT sync_disable('words');
DROP TABLE words;
SELECT sync_disable('orders');
DROP TABLE orders;
DROP FUNCTION o(int, bigint, text, text, text, text);
SELECT sync_disable('contacts');
DROP TABLE contacts;
DROP FUNCTION shown, uid, refuse;
