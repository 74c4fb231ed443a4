-- sync_status(): what is, and what is wrong and how to mend it.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
CREATE TABLE note (id int PRIMARY KEY, body text);
SELECT sync_enable('note');
INSERT INTO note VALUES (1, 'a'), (2, 'b');
SELECT count(*) FROM sync_push('c', '[{"id": "00000000-0000-4000-8000-000000000001", "object": "note",
  "record_id": "1", "operation": "update", "data": {"body": "A"}, "original": {"body": "a"}}]');
SELECT checkpoint AS place FROM sync_pull('c', '0') WHERE kind = 'checkpoint' \gset
SET objectos_sync.sample_interval = 0;
SELECT sync_ack(json_build_object('client_id', 'c', 'confirmed', 0, 'checkpoint', :'place'));
RESET objectos_sync.sample_interval;
UPDATE note SET body = 'B' WHERE id = 2;
SELECT fact, unit FROM sync_status() WHERE fact NOT LIKE '%.%' AND fact NOT IN ('fsync', 'full_page_writes');
SELECT fact, value, unit FROM sync_status() WHERE fact IN ('recovery', 'objects', 'log_rows', 'clients',
  'clients_away', 'client_lag_max', 'conflicts_open', 'prepared_transactions');
SELECT value::bigint = (SELECT max(sequence) FROM objectos_sync.mutations) AS head_is_newest
  FROM sync_status() WHERE fact = 'head';
SELECT sync_prune('0');
SELECT value::bigint = (SELECT min(sequence) - 1 FROM objectos_sync.mutations) AS below_the_log
  FROM sync_status() WHERE fact = 'low_water';
SELECT value::bigint < 60 AS just_pruned FROM sync_status() WHERE fact = 'pruned_seconds_ago';
SELECT fact, value, unit FROM sync_status() WHERE fact LIKE 'objectos\_sync.%';
-- Nothing is wrong (the tests' cluster runs without fsync).
SELECT fact, problem, hint FROM sync_status()
  WHERE problem IS NOT NULL AND fact NOT IN ('fsync', 'full_page_writes');
-- A trigger of ours is disabled; a fault is being injected; a client is away.
ALTER TABLE note DISABLE TRIGGER "~objectos_sync_update";
SET objectos_sync.inject_fault = 'error:nowhere';
UPDATE objectos_sync.clients SET last_seen = now() - interval '31 days';
SELECT fact, problem, hint FROM sync_status()
  WHERE problem IS NOT NULL AND fact NOT IN ('fsync', 'full_page_writes');
SELECT value FROM sync_status() WHERE fact = 'clients_away';
RESET objectos_sync.inject_fault;
ALTER TABLE note ENABLE TRIGGER "~objectos_sync_update";
-- Restored from a dump: what is enabled is older than the extension.
UPDATE objectos_sync.objects SET enabled_at = enabled_at - interval '1 year';
SELECT problem, hint FROM sync_status() WHERE fact = 'epoch';
SELECT epoch AS old FROM objectos_sync.state \gset
SELECT last_value AS versions FROM objectos_sync.version_seq \gset
SELECT sync_new_epoch() <> :'old' AS another;
SELECT problem, hint FROM sync_status() WHERE fact = 'epoch';
SELECT last_value - :versions > 4000000000 AS far_ahead FROM objectos_sync.version_seq;
SELECT kind FROM sync_pull('c', :'place');
SELECT kind, record_id FROM sync_pull('c', '0') WHERE kind <> 'checkpoint' AND kind <> 'schema' ORDER BY 2;
-- Progress of clients, for the operator; nonsense in the table is no number.
UPDATE objectos_sync.clients SET checkpoint = 'nonsense';
SELECT client_id, user_id = current_user AS own, bound, away FROM objectos_sync.client_progress;
SELECT objectos_sync.checkpoint_bound(:'place') > 0 AS a_number, objectos_sync.checkpoint_bound('0') AS never,
  objectos_sync.checkpoint_bound(NULL) AS nothing;
-- For those who are let, and nobody else.
CREATE ROLE regress_monitor;
SET ROLE regress_monitor;
SELECT count(*) FROM sync_status();
SELECT sync_new_epoch();
SELECT * FROM objectos_sync.client_progress;
RESET ROLE;
GRANT EXECUTE ON FUNCTION sync_status() TO regress_monitor;
SET ROLE regress_monitor;
SELECT count(*) > 20 AS told FROM sync_status();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sync_status() FROM regress_monitor;
DROP ROLE regress_monitor;
-- Settings: only superusers, only within their ranges.
SET objectos_sync.client_retention = '-1';
SET objectos_sync.sample_interval = '2d';
SET objectos_sync.sample_interval = '90min';
SHOW objectos_sync.sample_interval;
RESET objectos_sync.sample_interval;
SET objectos_sync.no_such = 1;
-- Every function says what it does.
SELECT p.oid::regprocedure FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'objectos_sync'
 WHERE obj_description(p.oid, 'pg_proc') IS NULL;
SELECT sync_disable('note');
DROP TABLE note;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.verdicts;
