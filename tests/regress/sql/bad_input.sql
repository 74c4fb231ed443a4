-- What is wrong with a call is said by SQLSTATE and sentence, and nothing is half done.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(E'\n', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE TABLE notes (id text PRIMARY KEY, body text);
CREATE TABLE keyless (v text);
CREATE TABLE plain (id int PRIMARY KEY);
SELECT sync_enable('notes');
INSERT INTO notes VALUES ('a', 'first');
CREATE VIEW everything AS SELECT
  (SELECT count(*) FROM notes) AS notes, (SELECT count(*) FROM objectos_sync.mutations) AS mutations,
  (SELECT count(*) FROM objectos_sync.verdicts) AS verdicts, (SELECT count(*) FROM objectos_sync.clients) AS clients,
  (SELECT string_agg(object, ',') FROM objectos_sync.objects) AS objects;
CREATE TABLE before AS SELECT * FROM everything;

-- Broken JSON: PostgreSQL's own sentence, for text that is none; ours, for what its json takes.
SELECT refusal($$SELECT * FROM sync_push('p', '[{"id": "00000000-0000-4000-8000-000000000001", ')$$);
SELECT refusal($$SELECT * FROM sync_push('p', 'nonsense')$$);
SELECT refusal($$SELECT * FROM sync_push_request('{"client_id": "p", "mutations": [}')$$);
SELECT refusal($$SELECT * FROM sync_push('p', '[{"id": "00000000-0000-4000-8000-000000000001", "id": "x"}]')$$);
SELECT refusal($$SELECT * FROM sync_push('p', '[{"id": "00000000-0000-4000-8000-000000000001", "object": "no\u0000tes"}]')$$);
SELECT refusal($$SELECT * FROM sync_push('p', '{}')$$);
SELECT refusal($$SELECT * FROM sync_push('p', '[7]')$$);
-- A missing field, and one of the wrong type, where no verdict can name the mutation.
SELECT refusal($$SELECT * FROM sync_push('p', '[{"object": "notes"}]')$$);
SELECT refusal($$SELECT * FROM sync_push('p', '[{"id": 7}]')$$);
SELECT refusal($$SELECT * FROM sync_push_request('{"mutations": []}')$$);
SELECT refusal($$SELECT * FROM sync_push_request('{"client_id": 7, "mutations": []}')$$);
SELECT refusal($$SELECT sync_ack('{"client_id": "p", "confirmed": "many"}')$$);
SELECT refusal($$SELECT * FROM sync_push('', '[]')$$);
-- Checkpoints that are not from here.
SELECT refusal($$SELECT * FROM sync_pull('p', 'yesterday')$$);
SELECT refusal($$SELECT * FROM sync_pull('p', 'os1.')$$);
SELECT refusal($$SELECT * FROM sync_pull('p', '-1')$$);
SELECT refusal($$SELECT * FROM sync_pull('p', '0', 0)$$);
SELECT refusal($$SELECT * FROM sync_pull('p', '0', 100, -1)$$);
-- Not enabled, no primary key, no such thing.
SELECT refusal($$SELECT sync_disable('plain')$$);
SELECT refusal($$SELECT sync_enable('keyless')$$);
SELECT refusal($$SELECT sync_enable('nowhere')$$);
SELECT refusal($$SELECT sync_enable('notes')$$);
SELECT refusal($$SELECT sync_resolve('00000000-0000-4000-8000-000000000009', 'client_wins')$$);
-- As it was.
SELECT e IS NOT DISTINCT FROM b AS unchanged FROM everything e, before b;
