-- Pruning: what is old and what every client of late has pulled goes, and nobody misses anything.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
CREATE TABLE note (id int PRIMARY KEY, body text);
SELECT sync_enable('note');
-- A device of this test: its checkpoint, a pull of its own transaction, an acknowledgement.
CREATE TABLE device (client text PRIMARY KEY, checkpoint text NOT NULL DEFAULT '0');
INSERT INTO device VALUES ('near'), ('far'), ('silent');
CREATE FUNCTION pulled(who text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  page jsonb;
BEGIN
  page := sync_pull_response(who, (SELECT checkpoint FROM device WHERE client = who));
  RETURN QUERY SELECT 'reread' FROM jsonb_array_elements(page->'rereads');
  RETURN QUERY SELECT concat_ws(' ', m->>'operation', m->>'record_id', m->'data'->>'body')
    FROM jsonb_array_elements(page->'mutations') m;
  UPDATE device SET checkpoint = page->>'checkpoint' WHERE client = who;
EXCEPTION WHEN SQLSTATE 'OS001' THEN
  UPDATE device SET checkpoint = '0' WHERE client = who;
  RETURN NEXT 'resync required';
END $$;
CREATE FUNCTION acked(who text) RETURNS void LANGUAGE sql AS $$
  SELECT sync_ack(json_build_object('client_id', who, 'last_sync', NULL, 'checkpoint', checkpoint,
    'confirmed', 0)) FROM device WHERE client = who $$;
CREATE FUNCTION log_rows() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM objectos_sync.mutations';
SELECT pulled('near');
SELECT pulled('far');
SELECT pulled('silent');
-- An empty log, and one that nobody has pulled yet.
SELECT sync_prune('0');
INSERT INTO note SELECT g, 'first' FROM generate_series(1, 3) g;
SELECT sync_prune('1 day') AS too_young, sync_prune('0') AS old_enough, log_rows();
-- Nobody had acknowledged, so they who had not pulled read everything again.
SELECT pulled('near');
SELECT pulled('near');
SELECT pulled('far');
SELECT pulled('far');
SELECT acked('near');
SELECT acked('far');
-- The log is empty, yet its end is known: nothing is lost after it.
INSERT INTO note VALUES (4, 'second');
SELECT pulled('near');
SELECT acked('near');
-- 'far' has not pulled it: it holds the pruning back.
SELECT sync_prune('0'), log_rows();
SELECT pulled('far');
SELECT acked('far');
SELECT sync_prune('0'), log_rows();
SELECT sync_prune('0') AS again;
SELECT pulled('near');
SELECT pulled('far');
-- A checkpoint at low water itself, and one from an empty log, are valid.
SELECT pulled('near');
SELECT acked('near');
SELECT acked('far');
-- Who is away longer than the retention holds nothing back, and is told.
UPDATE objectos_sync.clients SET last_seen = now() - interval '31 days' WHERE client_id = 'far';
UPDATE note SET body = 'third' WHERE id = 1;
DELETE FROM note WHERE id = 2;
SELECT pulled('near');
SELECT acked('near');
SELECT sync_prune('0'), log_rows();
SELECT pulled('far');
SELECT pulled('silent');
SELECT pulled('far');
SET objectos_sync.client_retention = '60d';
SELECT acked('far');
UPDATE objectos_sync.clients SET last_seen = now() - interval '31 days' WHERE client_id = 'far';
INSERT INTO note VALUES (5, 'fourth');
SELECT pulled('near');
SELECT acked('near');
SELECT sync_prune('0') AS far_counts_again;
RESET objectos_sync.client_retention;
SELECT sync_prune('0') AS far_does_not;
-- trap: pruned-tombstone
-- An old edit of a record that was deleted: a conflict, not an insert. Of one that came back with
-- the same key after the deletion was pruned: the same, the new record is somebody else's.
CREATE FUNCTION judged(who text, number int, record text, edit jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', status, reason, resolution) FROM sync_push(who, json_build_array(
    jsonb_build_object('id', gen_random_uuid(), 'object', 'note', 'record_id', record,
      'client_sequence', number, 'timestamp', '2020-01-01T00:00:00Z') || edit)) $$;
SELECT _version AS third FROM note WHERE id = 3 \gset
DELETE FROM note WHERE id = 3;
SELECT pulled('near');
SELECT acked('near');
SELECT sync_prune('0') > 0 AS pruned, log_rows();
SELECT judged('silent', 1, '3', jsonb_build_object('operation', 'update', 'version', :third,
  'data', '{"body": "old"}'::jsonb, 'original', '{"body": "first"}'::jsonb));
SELECT count(*) FROM note WHERE id = 3;
INSERT INTO note VALUES (3, 'first');
SELECT judged('silent', 2, '3', jsonb_build_object('operation', 'update', 'version', :third,
  'data', '{"body": "old"}'::jsonb, 'original', '{"body": "first"}'::jsonb));
SELECT judged('silent', 3, '3', jsonb_build_object('operation', 'delete', 'version', :third,
  'original', '{"body": "first"}'::jsonb));
SELECT body FROM note WHERE id = 3;
-- The newest deletion of a record is what is remembered, as long as the setting says.
DELETE FROM note WHERE id = 3;
SELECT pulled('near');
SELECT acked('near');
SELECT sync_prune('0') > 0;
SELECT record_id, version > :third + 1 AS newer FROM objectos_sync.tombstones ORDER BY 1;
UPDATE objectos_sync.tombstones SET pruned_at = now() - interval '6 years' WHERE record_id = '2';
SELECT sync_prune('0');
SELECT record_id FROM objectos_sync.tombstones ORDER BY 1;
-- Samples: one an interval as clients acknowledge, one for each prune; those behind low water go.
SELECT count(*) FROM objectos_sync.samples;
SELECT acked('near'), acked('near');
SELECT count(*) FROM objectos_sync.samples;
SET objectos_sync.sample_interval = 0;
SELECT acked('near'), acked('near');
SELECT count(*) FROM objectos_sync.samples;
RESET objectos_sync.sample_interval;
-- A sample that is old enough is enough, though younger rows are there.
SELECT pulled('near');
SELECT acked('near');
INSERT INTO note SELECT g, 'old' FROM generate_series(10, 12) g;
SELECT pulled('near');
SELECT acked('near');
SELECT sync_prune('1 day');
INSERT INTO note VALUES (20, 'young');
SELECT pulled('near');
SELECT acked('near');
UPDATE objectos_sync.samples SET taken_at = taken_at - interval '2 days';
SELECT sync_prune('1 day'), log_rows();
SELECT record_id FROM objectos_sync.mutations;
-- A prune in a transaction that has written itself leaves what it wrote.
BEGIN;
INSERT INTO note VALUES (21, 'own');
SELECT sync_prune('0');
COMMIT;
SELECT record_id FROM objectos_sync.mutations ORDER BY sequence;
SELECT pulled('near');
-- What a client stored is its own text: nonsense holds nothing back, and breaks nothing.
SELECT acked('near');
UPDATE objectos_sync.clients SET checkpoint = 'nonsense' WHERE client_id = 'far';
SELECT sync_prune('0') > 0 AS pruned, log_rows();
-- A fault in the middle changes nothing.
INSERT INTO note VALUES (30, 'kept');
SELECT pulled('near');
SELECT acked('near');
SET objectos_sync.inject_fault = 'exception:prune_removed';
SELECT sync_prune('0');
SET objectos_sync.inject_fault = 'bad_alloc:prune_tombstones';
SELECT sync_prune('0');
RESET objectos_sync.inject_fault;
SELECT log_rows();
SELECT pulled('near');
-- Arguments, and who may call.
SELECT sync_prune('-1 day');
SELECT sync_prune(NULL);
CREATE ROLE regress_pruner;
SELECT sync_grant('regress_pruner');
SET ROLE regress_pruner;
SELECT sync_prune('0');
RESET ROLE;
SELECT sync_revoke('regress_pruner');
DROP ROLE regress_pruner;
SELECT sync_disable('note');
DROP TABLE note, device;
DROP FUNCTION pulled, acked, log_rows, judged;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
