-- Statements of many rows: numbers drawn together, stamps written into the row where it stands.
SET client_min_messages = warning;
CREATE TABLE notes (id int PRIMARY KEY, title text, size int);
SELECT sync_enable('notes');
TRUNCATE objectos_sync.mutations;
ALTER TABLE objectos_sync.mutations SET (autovacuum_enabled = off); -- it would offer room in the middle of the test
CREATE VIEW log AS SELECT * FROM objectos_sync.mutations WHERE operation <> 'schema';

-- a statement's sequences follow one another, over more than two batches, and the next one's are higher
INSERT INTO notes SELECT i, 'note', i FROM generate_series(1, 2500) i;
SELECT count(*), count(DISTINCT sequence), max(sequence) - min(sequence) AS span FROM log;
SELECT max(sequence) AS newest FROM log \gset
INSERT INTO notes VALUES (0, 'single', 0);
SELECT sequence > :newest AS higher FROM log ORDER BY sequence DESC LIMIT 1;

-- so are those of a statement that found fewer changes than rows
SELECT max(sequence) AS newest FROM log \gset
UPDATE notes SET size = size + id % 2;
SELECT count(*), count(DISTINCT sequence), min(sequence) > :newest AS higher FROM log WHERE sequence > :newest;
SELECT max(sequence) AS newest FROM log \gset
UPDATE notes SET title = 'single, too' WHERE id = 0;
SELECT sequence > :newest AS higher FROM log ORDER BY sequence DESC LIMIT 1;

-- the log rows of a long statement do not fill up the ends of older pages, one row each
INSERT INTO notes SELECT i, repeat('wide ', 60), i FROM generate_series(3001, 4000) i;
SELECT max(sequence) AS newest FROM log \gset
UPDATE notes SET size = 1 WHERE id BETWEEN 3001 AND 4000;
SELECT count(DISTINCT (ctid::text::point)[0]) < 40 AS few_pages FROM objectos_sync.mutations WHERE sequence > :newest;
DELETE FROM notes WHERE id > 3000;

-- every row has a version of its own, above the one it had, and that of its newest log row
CREATE TABLE before AS SELECT id, _version FROM notes;
UPDATE notes SET title = title || '!';
SELECT count(DISTINCT n._version) AS versions, bool_and(n._version > b._version) AS higher,
       bool_and(n._version = m.newest) AS logged
  FROM notes n JOIN before b USING (id)
  JOIN (SELECT record_id, max(version) AS newest FROM log GROUP BY record_id) m ON m.record_id = n.id::text;
SELECT max(_version) AS newest FROM notes \gset
INSERT INTO notes VALUES (-1, 'last', 0);
SELECT _version > :newest AS higher FROM notes WHERE id = -1;

-- a trigger that writes the same rows again, in the middle of the statement
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE notes SET size = -1 WHERE id = NEW.id AND size <> -1; RETURN NULL; END $$;
CREATE TRIGGER touch AFTER UPDATE ON notes FOR EACH ROW WHEN (NEW.id % 100 = 0) EXECUTE FUNCTION touch();
SELECT max(sequence) AS newest FROM log \gset
UPDATE notes SET title = 'touched' WHERE id BETWEEN 1 AND 500;
SELECT array_agg(DISTINCT m.n) AS rows_of_a_record, bool_and(n._version = m.newest) AS newest,
       count(*) FILTER (WHERE n.size = -1) AS touched
  FROM notes n JOIN (SELECT record_id, count(*) AS n, max(version) AS newest, count(DISTINCT version) AS versions
                       FROM log WHERE sequence > :newest GROUP BY record_id) m ON m.record_id = n.id::text
 WHERE m.n = m.versions;
DROP TRIGGER touch ON notes;

-- authors of names as long as the one that is there, longer and shorter; what stands behind the stamp stays
ALTER TABLE notes ADD COLUMN tail text DEFAULT 'a tail that must not move';
CREATE ROLE sync_bulk_ada; CREATE ROLE sync_bulk_bob; CREATE ROLE sync_bulk_eve_long_name; CREATE ROLE sync_b;
GRANT SELECT, UPDATE ON notes TO sync_bulk_ada, sync_bulk_bob, sync_bulk_eve_long_name, sync_b;
CREATE FUNCTION write_as(who name) RETURNS TABLE(author text, at_now boolean, tail text, "rows" bigint)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', who);
  UPDATE notes SET size = notes.size + 1;
  RESET ROLE;
  RETURN QUERY SELECT n._modified_by, n._modified_at = now(), n.tail, count(*) FROM notes n GROUP BY 1, 2, 3;
END $$;
SELECT * FROM write_as('sync_bulk_ada');
SELECT * FROM write_as('sync_bulk_bob');
SELECT * FROM write_as('sync_bulk_eve_long_name');
SELECT * FROM write_as('sync_b');

-- a trigger that runs before the stamp hands on a row of its own
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := upper(NEW.title); RETURN NEW; END $$;
CREATE TRIGGER a_shout BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION shout();
UPDATE notes SET size = 0 WHERE id < 3;
SELECT id, title, size, tail, _modified_by = current_user AS me FROM notes WHERE id < 3 ORDER BY id;
SELECT record_id, data FROM (SELECT * FROM log ORDER BY sequence DESC LIMIT 4) l ORDER BY record_id::int;

SELECT sync_disable('notes');
ALTER TABLE objectos_sync.mutations RESET (autovacuum_enabled);
DELETE FROM objectos_sync.mutations;
DROP TABLE notes, before;
DROP FUNCTION touch, write_as, shout;
DROP VIEW log;
DROP ROLE sync_bulk_ada, sync_bulk_bob, sync_bulk_eve_long_name, sync_b;
