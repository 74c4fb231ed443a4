-- What became of the mutations that a copied or restored file holds: sync_fork().
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
TRUNCATE objectos_sync.verdicts, objectos_sync.clients;
CREATE TABLE fork_items (id int PRIMARY KEY, n int CHECK (n >= 0));
SELECT sync_enable('fork_items');
CREATE FUNCTION fork_id(n int) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION fork_push(client text, VARIADIC numbers int[]) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(status || coalesce(' ' || reason, ''), ', ') FROM sync_push(client, (
    SELECT json_agg(json_build_object('id', fork_id(i), 'object', 'fork_items', 'record_id', i::text, 'operation',
      'insert', 'data', json_build_object('n', CASE WHEN i = 3 THEN -1 ELSE i END), 'client_sequence', i % 100))
      FROM unnest(numbers) i)) $$;
-- {"id": of number i, "client_sequence": its last two digits}
CREATE FUNCTION fork_ask(client text, fresh text, VARIADIC numbers int[]) RETURNS TABLE(n int, status text,
    duplicate boolean, reason text, has_version boolean) LANGUAGE sql AS $$
  SELECT right(mutation_id::text, 12)::int, status, duplicate, reason, version IS NOT NULL FROM sync_fork(client, fresh, (
    SELECT json_agg(json_build_object('id', fork_id(i), 'client_sequence', i % 100)) FROM unnest(numbers) i)) $$;

SELECT fork_push('phone', 1, 2, 3, 4);
-- Judged ones have their verdict; a number that is another's, or beyond, was never this one's.
SELECT * FROM fork_ask('phone', 'copy', 1, 2, 3, 104, 105);
-- Asked again by the same one: the same. By another: what was handed over is not handed over again.
SELECT * FROM fork_ask('phone', 'copy', 1, 104, 105, 106);
SELECT * FROM fork_ask('phone', 'third', 1, 104, 105, 106, 107);
-- The old identity cannot send it any more, the new one does.
SELECT fork_push('phone', 105);
SELECT fork_push('copy', 105);
SELECT fork_push('phone', 5);

-- Confirmed verdicts are gone: the log tells what was applied, and what it does not tell nobody knows.
SELECT sync_ack('{"client_id": "phone", "confirmed": 5}');
SELECT * FROM fork_ask('phone', 'fourth', 1, 2, 3, 4, 204);
DELETE FROM objectos_sync.mutations WHERE id = fork_id(2);
SELECT * FROM fork_ask('phone', 'fourth', 1, 2, 202, 203, 109);

-- Names and messages.
SELECT * FROM sync_fork('phone', 'phone', '[]');
SELECT * FROM sync_fork('phone', '', '[]');
SELECT * FROM sync_fork('phone', 'fifth', '{}');
SELECT * FROM sync_fork('phone', 'fifth', '[{"id": "x", "client_sequence": 1}]');
SELECT * FROM sync_fork('phone', 'fifth', '[{"id": "00000000-0000-4000-8000-000000000001"}]');
SELECT * FROM sync_fork(NULL, 'fifth', '[]');
SELECT count(*) FROM sync_fork('phone', 'fifth', '[]');
CREATE ROLE fork_other;
SELECT sync_grant('fork_other');
SET ROLE fork_other;
SELECT * FROM sync_fork('phone', 'mine', '[]');
SELECT count(*) FROM sync_fork('unheard of', 'copy', '[]');
RESET ROLE;
SELECT client_id, high_water FROM objectos_sync.clients ORDER BY 1;

SELECT sync_revoke('fork_other');
DROP ROLE fork_other;
SELECT sync_disable('fork_items');
DROP TABLE fork_items;
DROP FUNCTION fork_id, fork_push, fork_ask;
TRUNCATE objectos_sync.verdicts, objectos_sync.clients;
