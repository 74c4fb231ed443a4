-- A checkpoint is taken as it was given, or refused; it is never read as "from the start".
\set VERBOSITY terse
SET client_min_messages = warning;
-- Objects that other tests left are none of this one's.
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
CREATE TABLE note (id int PRIMARY KEY, body text);
SELECT sync_enable('note');
INSERT INTO note VALUES (1, 'a');
SELECT checkpoint AS good FROM sync_pull('c', '0') WHERE kind = 'checkpoint' \gset
-- '0' and NULL are "never synced": both read everything again.
SELECT kind, operation, record_id FROM sync_pull('c', '0') WHERE kind <> 'checkpoint';
SELECT kind, operation, record_id FROM sync_pull('c', NULL) WHERE kind <> 'checkpoint';
SELECT kind, operation, record_id, has_more FROM sync_pull('c', :'good');
-- The same checkpoint may be used again: a pull changes nothing.
INSERT INTO note VALUES (2, 'b');
SELECT kind, operation, record_id FROM sync_pull('c', :'good');
SELECT kind, operation, record_id FROM sync_pull('c', :'good');
-- trap: checkpoint-text
-- Cut short, lengthened, edited by hand, something else altogether.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE FUNCTION refused(checkpoint text, client text DEFAULT 'c', size int DEFAULT 100,
  confirmed bigint DEFAULT 0) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  PERFORM sync_pull(client, checkpoint, size, confirmed);
  RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' / ', sqlstate, sqlerrm, nullif(hint, ''));
END
$$;
SELECT refused(:'good') AS good, refused('') AS empty, refused('00') AS zeros, refused('-1') AS minus,
  refused('42') AS number \gx
SELECT DISTINCT refused(left(:'good', n)) FROM generate_series(1, length(:'good') - 1) n;
SELECT DISTINCT refused(overlay(:'good' PLACING CASE substr(:'good', n, 1) WHEN '7' THEN '8' ELSE '7'
  END FROM n FOR 1)) FROM generate_series(1, length(:'good')) n;
SELECT refused(:'good' || ' ') AS space, refused(' ' || :'good') AS before,
  refused(upper(:'good')) AS upper, refused(repeat('os1.', 1000000)) AS long \gx
-- trap: other-history
-- Of another history: another epoch, by a checkpoint that is sound in itself.
SELECT epoch AS mine FROM objectos_sync.state \gset
UPDATE objectos_sync.state SET epoch = '00000000-0000-4000-8000-000000000001';
SELECT split_part(refused(:'good'), ' / ', 1) AS state, split_part(refused(:'good'), ' / ', 3) AS hint;
UPDATE objectos_sync.state SET epoch = :'mine';
SELECT refused(:'good');
-- The log was taken back to before the checkpoint, and refilled.
BEGIN;
SELECT checkpoint AS later FROM sync_pull('c', '0') WHERE kind = 'checkpoint' \gset
COMMIT;
UPDATE objectos_sync.mutations SET id = '00000000-0000-4000-8000-000000000002'
  WHERE sequence = (SELECT max(sequence) FROM objectos_sync.mutations);
SELECT split_part(refused(:'later'), ' / ', 1) AS refilled, refused(:'good') AS before_it;
DELETE FROM objectos_sync.mutations
  WHERE sequence = (SELECT max(sequence) FROM objectos_sync.mutations);
SELECT split_part(refused(:'later'), ' / ', 1) AS gone;
-- A page has at least one row and at most a million; nobody is nobody.
SELECT size, refused(:'good', size => size) FROM (VALUES (0), (-1), (1), (1000000), (1000001)) AS v(size);
SELECT refused(:'good', client => '') AS empty, refused(:'good', client => NULL) AS nobody,
  refused(:'good', confirmed => -1) AS confirmed \gx
-- A transaction that has written has no cut: its own changes are not in progress to itself.
BEGIN;
INSERT INTO note VALUES (3, 'c');
SELECT kind FROM sync_pull('c', :'good');
ROLLBACK;
BEGIN;
SELECT txid_current() > 0;
SELECT kind FROM sync_pull('c', '0');
ROLLBACK;
BEGIN;
SELECT id FROM note WHERE id = 2 FOR UPDATE;
SELECT * FROM sync_snapshot('c');
ROLLBACK;
-- In a READ ONLY transaction all of it works.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT kind, record_id FROM sync_pull('c', '0');
SELECT object FROM sync_snapshot('c');
SELECT sync_hello('never seen') ->> 'known' AS known;
SELECT jsonb_typeof(sync_schema());
COMMIT;
SELECT sync_disable('note');
DROP TABLE note;
DROP FUNCTION refused;
