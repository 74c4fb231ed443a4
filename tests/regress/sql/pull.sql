-- What a pull hands out: re-reading in pages, then one net effect per record.
-- Versions, sequences, ids, times and checkpoints differ from run to run; they are compared, not shown.
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
CREATE TABLE phone (name text PRIMARY KEY, checkpoint text);

-- Pulls one page, keeps the new checkpoint, shows the rest. The checkpoint is stored by another
-- statement, since a pull reads only.
CREATE FUNCTION pulled(phone_name text, size int DEFAULT 100, confirmed bigint DEFAULT 0)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  p jsonb[];
  r jsonb;
BEGIN
  SELECT array_agg(to_jsonb(s) - 'data' || jsonb_build_object('data', s.data::text))
    INTO p
    FROM sync_pull(phone_name, (SELECT checkpoint FROM phone WHERE name = phone_name), size,
                   confirmed) AS s;
  FOREACH r IN ARRAY p LOOP
    IF r->>'kind' = 'checkpoint' THEN
      INSERT INTO phone VALUES (phone_name, r->>'checkpoint')
        ON CONFLICT (name) DO UPDATE SET checkpoint = excluded.checkpoint;
      RETURN NEXT CASE WHEN (r->>'has_more')::boolean THEN 'more' ELSE 'all' END;
    ELSIF r->>'kind' = 'schema' THEN
      RETURN NEXT 'schema ' || (SELECT string_agg(o->>'object' || '(' ||
        (SELECT string_agg(c->>'name', ',') FROM jsonb_array_elements(o->'columns') c) || ')', ' ')
        FROM jsonb_array_elements((r->>'data')::jsonb->'objects') o);
    ELSE
      RETURN NEXT concat_ws(' ', r->>'kind', r->>'operation', r->>'object', r->>'record_id',
        r->>'data', CASE WHEN r->>'tag' IS NOT NULL THEN 'tagged' END);
    END IF;
  END LOOP;
END
$$;

-- First sync: all is re-read, in key order, in pages.
CREATE TABLE item (id int PRIMARY KEY, name text, amount numeric);
INSERT INTO item SELECT i, 'item ' || i, i + 0.50 FROM generate_series(1, 5) i;
SELECT sync_enable('item');
SELECT pulled('a', 2);
SELECT pulled('a', 2);
-- What changes meanwhile comes by the log, after the re-reading.
UPDATE item SET name = 'changed' WHERE id = 1;
DELETE FROM item WHERE id = 2;
SELECT pulled('a', 2);
SELECT pulled('a', 2);
SELECT pulled('a');
-- Nothing new, and nothing twice.
SELECT pulled('a');

-- An update carries its changed fields only; NULL is a value like any other.
UPDATE item SET amount = NULL WHERE id = 1;
SELECT pulled('a');
-- Several changes of a record are one, with all the fields they changed.
UPDATE item SET name = 'x' WHERE id = 3;
UPDATE item SET amount = 7 WHERE id = 3;
UPDATE item SET name = 'y' WHERE id = 3;
SELECT pulled('a');
-- Changed again beyond the page: the row as it is now, whole.
UPDATE item SET name = 'z' WHERE id = 3;
UPDATE item SET name = 'other' WHERE id = 4;
UPDATE item SET amount = 8 WHERE id = 3;
SELECT pulled('a', 1);
SELECT pulled('a', 1);
SELECT pulled('a', 1);
-- An update that changes nothing is not told.
UPDATE item SET name = name;
SELECT pulled('a');
-- Inserted and deleted: a delete. Deleted and inserted again: the new row, whole.
INSERT INTO item VALUES (9, 'short');
DELETE FROM item WHERE id = 9;
DELETE FROM item WHERE id = 5;
INSERT INTO item VALUES (5, 'again');
SELECT pulled('a');
-- Another key is another record.
UPDATE item SET id = 55 WHERE id = 5;
SELECT pulled('a');
-- What a savepoint takes back was never there.
BEGIN;
SAVEPOINT s;
UPDATE item SET name = 'taken back';
ROLLBACK TO s;
UPDATE item SET name = 'stays' WHERE id = 1;
COMMIT;
SELECT pulled('a');
-- The checkpoint does not depend on who else pulls.
SELECT count(*) FILTER (WHERE p LIKE 'mutation insert%') AS rows FROM pulled('b') p;

-- TRUNCATE, and what comes after it.
TRUNCATE item;
INSERT INTO item VALUES (1, 'first after');
SELECT pulled('a');

-- trap: nested-statements-first
-- Side effects of a statement: within a record the order is the version's.
CREATE TABLE self (id int PRIMARY KEY, v int);
CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN UPDATE self SET v = v + 1 WHERE id = new.id AND v < 3; RETURN NULL; END $$;
CREATE TRIGGER grow AFTER INSERT OR UPDATE ON self FOR EACH ROW EXECUTE FUNCTION grow();
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY,
  mother int REFERENCES parent ON DELETE CASCADE, friend int REFERENCES parent ON DELETE SET NULL);
SELECT sync_enable('self'), sync_enable('parent'), sync_enable('child');
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1);
SELECT pulled('a');
INSERT INTO self VALUES (1, 1);
SELECT pulled('a');
UPDATE self SET v = 0;
SELECT pulled('a');
-- A page may end between the statement and what it set off (logged before it): the row is there, whole,
-- when both were examined.
INSERT INTO self VALUES (2, 2);
SELECT pulled('a', 1);
SELECT pulled('a', 1);
DELETE FROM parent WHERE id = 1;
SELECT pulled('a');
SELECT id, mother, friend FROM child;
DROP TABLE self, child, parent;
SELECT pulled('a');
SELECT sync_disable('item');
DROP TABLE item, phone;
DROP FUNCTION pulled, grow;
