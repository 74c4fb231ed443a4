-- The registry of clients, and verdicts that go when they are confirmed: what was judged once is
-- never applied again.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
TRUNCATE objectos_sync.verdicts, objectos_sync.clients, objectos_sync.conflicts;
CREATE TABLE notes (id text PRIMARY KEY, body text, other text);
SELECT sync_enable('notes', 'lww');
CREATE ROLE regress_ann;
CREATE ROLE regress_ben;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO regress_ann, regress_ben;
SELECT sync_grant('regress_ann'), sync_grant('regress_ben');
CREATE FUNCTION m(n int, record text, op text, data json DEFAULT NULL, at text DEFAULT NULL, original json DEFAULT NULL)
  RETURNS json LANGUAGE sql AS $$
  SELECT json_strip_nulls(json_build_object('id', '00000000-0000-4000-8000-' || lpad(n::text, 12, '0'),
    'object', 'notes', 'record_id', record, 'operation', op, 'data', data, 'timestamp', at,
    'original', original, 'client_sequence', n, 'device', 'a phone')) $$;

-- push's own `confirmed` and sync_ack both drop verdicts, and only those that were given
SET ROLE regress_ann;
SELECT status FROM sync_push('ann-1', json_build_array(m(1, 'a', 'insert', '{"body":"A"}'), m(2, 'b', 'insert', '{"body":"B"}')));
SELECT status FROM sync_push_request(json_build_object('client_id', 'ann-1', 'confirmed', 1,
  'mutations', json_build_array(m(3, 'c', 'insert', '{"body":"C"}'))));
RESET ROLE;
SELECT client_sequence FROM objectos_sync.verdicts ORDER BY 1;
SET ROLE regress_ann;
SELECT sync_ack('{"client_id":"ann-1","confirmed":99}');
RESET ROLE;
SELECT count(*) FROM objectos_sync.verdicts;
SELECT high_water, confirmed FROM objectos_sync.clients;
-- a number that was judged never counts again: known to the log, it is answered; else it is a fork
SET ROLE regress_ann;
SELECT status, duplicate, version IS NOT NULL AS version, sequence IS NOT NULL AS sequence
  FROM sync_push('ann-1', json_build_array(m(2, 'b', 'insert', '{"body":"B"}')));
SELECT status FROM sync_push('ann-1', json_build_array(m(4, 'd', 'insert', '{"body":"D"}'),
  json_build_object('id', '00000000-0000-4000-8000-0000000000ff', 'object', 'notes', 'record_id', 'x',
    'operation', 'insert', 'data', json_build_object('body', 'X'), 'client_sequence', 2)));
SELECT status FROM sync_push('ann-1', json_build_array(m(4, 'd', 'insert', '{"body":"D"}')));
SELECT status FROM sync_push('ann-1', json_build_array(m(4, 'd', 'insert', '{"body":"other bytes"}')));
RESET ROLE;
SELECT id, body FROM notes ORDER BY id;

-- a client's own edit builds on its earlier one, also when that one's verdict is gone and the clock was set back
SET ROLE regress_ann;
SELECT status FROM sync_push('ann-1', json_build_array(m(5, 'a', 'update', '{"body":"noon"}', '2024-01-01T12:00:00Z', '{"body":"A"}')));
SELECT sync_ack('{"client_id":"ann-1","confirmed":5}');
SELECT status FROM sync_push('ann-1', json_build_array(m(6, 'a', 'update', '{"body":"set back"}', '2024-01-01T11:00:00Z', '{"body":"noon"}')));
SELECT body FROM notes WHERE id = 'a';
RESET ROLE;
-- … and another's earlier edit still loses
SELECT status, resolution FROM sync_push('own-1', json_build_array(m(7, 'a', 'update', '{"body":"another"}', '2024-01-01T10:30:00Z', '{"body":"A"}')));
SELECT body FROM notes WHERE id = 'a';

-- everybody sees their own clients, the owner all of them
SET ROLE regress_ben;
SELECT status FROM sync_push('ben-1', '[]');
SELECT client_id, user_id FROM sync_clients();
SET ROLE regress_ann;
SELECT checkpoint AS now FROM sync_pull('ann-1', '0') WHERE kind = 'checkpoint' \gset
SELECT sync_ack(json_build_object('client_id', 'ann-1', 'checkpoint', :'now', 'confirmed', 6));
RESET ROLE;
INSERT INTO notes VALUES ('e', 'E'), ('f', 'F');
SELECT client_id, user_id = current_user AS own, device, last_seen <= clock_timestamp() AS seen, checkpoint = :'now' AS here,
       high_water, confirmed, lag, open_conflicts FROM sync_clients();
UPDATE objectos_sync.clients SET checkpoint = 'no checkpoint' WHERE client_id = 'ben-1';
SELECT client_id, lag FROM sync_clients() WHERE client_id = 'ben-1';
-- open conflicts are counted
SELECT sync_disable('notes');
SELECT sync_enable('notes', 'manual');
SET ROLE regress_ben;
SELECT status FROM sync_push('ben-1', json_build_array(m(11, 'e', 'update', '{"body":"B"}', NULL, '{"body":"before"}')));
SELECT client_id, open_conflicts FROM sync_clients();
-- only who may execute it forgets a client
SELECT sync_forget_client('ben-1');
RESET ROLE;
SELECT sync_forget_client('ben-1'), sync_forget_client('ben-1'), sync_forget_client('nobody');
SELECT client_id FROM sync_clients();
SELECT count(*) FROM objectos_sync.verdicts WHERE client_id = 'ben-1';
-- a forgotten client that comes back stays the user's, and what it sent is not applied again
SELECT status FROM sync_push('ben-1', '[]');  -- another user
SET ROLE regress_ben;
SELECT status, duplicate FROM sync_push('ben-1', json_build_array(m(11, 'e', 'update', '{"body":"B"}', NULL, '{"body":"before"}')));
SELECT status FROM sync_push('ben-1', json_build_array(m(12, 'f', 'update', '{"body":"again"}', NULL, '{"body":"F"}')));
SELECT client_id, high_water FROM sync_clients();
RESET ROLE;
SELECT id, body FROM notes ORDER BY id;
SELECT sync_revoke('regress_ann'), sync_revoke('regress_ben');
SELECT sync_disable('notes');
DROP TABLE notes;
DROP FUNCTION m;
TRUNCATE objectos_sync.conflicts;
DROP ROLE regress_ann, regress_ben;
