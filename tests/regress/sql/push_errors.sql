-- Bad pushes: what cannot be decoded is an error and nothing is judged; what can be decoded but not
-- done gets its verdict; what fails in the middle leaves nothing; the session lives on.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE TABLE notes (id text PRIMARY KEY, body text, owner text DEFAULT current_user, size int, at timestamptz,
                    done boolean, tags text[], extra jsonb, raw bytea,
                    doubled int GENERATED ALWAYS AS (size * 2) STORED);
CREATE TABLE plain (id text PRIMARY KEY);
SELECT sync_enable('notes');
CREATE FUNCTION verdicts(client text, push text) RETURNS TABLE(status text, reason text, sqlstate text, field text, message text)
  LANGUAGE sql AS $$ SELECT v.status, v.reason, v.detail->>'sqlstate', v.detail->>'field', v.detail->>'message'
                       FROM sync_push(client, push::json) v $$;
-- one mutation, with its parts put in by name
CREATE FUNCTION one(n int, more text) RETURNS text LANGUAGE sql AS $$
  SELECT '{"id":"00000000-0000-4000-8000-' || lpad(n::text, 12, '0') || '",' || more || '}' $$;
CREATE FUNCTION note(n int, data text) RETURNS text LANGUAGE sql AS $$
  SELECT one(n, '"object":"notes","record_id":"n' || n || '","operation":"insert","data":' || data) $$;

-- no message: nothing is judged
SELECT * FROM verdicts('p', '[');
SELECT * FROM verdicts('p', '{}');
SELECT * FROM verdicts('p', '[1]');
SELECT * FROM verdicts('p', '[{"object":"notes"}]');
SELECT * FROM verdicts('p', '[{"id":"no uuid","object":"notes"}]');
SELECT * FROM verdicts('p', '[{"id":"x","id":"y"}]');
SELECT * FROM verdicts('p', '[' || note(1, '{"body":"a","body":"b"}') || ']');
SELECT * FROM verdicts('p', '[' || note(1, '{"body":"nul \u0000 inside"}') || ']');
SELECT * FROM verdicts('p', '[' || note(1, '{"extra":' || repeat('[', 200) || repeat(']', 200) || '}') || ']');
SELECT * FROM verdicts('p', '[' || note(1, '{"body":"half \ud800"}') || ']');
SELECT * FROM verdicts('', '[]');
SELECT * FROM verdicts(repeat('p', 100000), '[]');
SELECT * FROM sync_push(NULL, '[]');
SELECT * FROM sync_push('p', NULL);
SELECT * FROM sync_push_request('{"mutations":[]}');
SELECT * FROM sync_push_request('{"client_id":"p"}');
SELECT * FROM sync_push_request('{"client_id":7,"mutations":[]}');
SELECT sync_ack('{"confirmed":1}');
SELECT sync_ack('{"client_id":"p","confirmed":-1}');
SELECT count(*) FROM objectos_sync.verdicts WHERE client_id IN ('', 'p');
-- an empty push is a push
SELECT * FROM verdicts('p', '[]');

-- each bad mutation has its verdict, and the good one among them is applied
SELECT * FROM verdicts('p', '[' || concat_ws(',',
  one(1, '"object":"nothing","record_id":"1","operation":"insert","data":{}'),
  one(2, '"object":"plain","record_id":"1","operation":"insert","data":{"id":"1"}'),
  one(3, '"object":"pg_class","record_id":"1","operation":"delete"'),
  one(4, '"record_id":"1","operation":"insert","data":{}'),
  one(5, '"object":"notes","operation":"insert","data":{}'),
  one(6, '"object":"notes","record_id":"1","data":{}'),
  one(7, '"object":"notes","record_id":"1","operation":"upsert","data":{}'),
  one(8, '"object":"notes","record_id":"1","operation":"update"'),
  one(9, '"object":"notes","record_id":"1","operation":"insert","data":[1]'),
  one(10, '"object":"notes","record_id":1,"operation":"insert","data":{}'),
  one(11, '"object":"notes","record_id":"1","operation":"insert","data":{"id":"2"}'),
  one(12, '"object":"notes","record_id":"1","operation":"update","data":{"body":"x"},"version":"one"'),
  one(13, '"object":"notes","record_id":"1","operation":"update","data":{"body":"x"},"timestamp":"yesterday"'),
  one(14, '"object":"notes","record_id":"1","operation":"update","data":{"body":"x"},"client_sequence":-4'),
  note(15, '{"colour":"red"}'), note(16, '{"size":"large"}'), note(17, '{"size":1.5}'), note(18, '{"size":99999999999}'),
  note(19, '{"at":"noon"}'), note(20, '{"done":"perhaps"}'), note(21, '{"raw":"\\xzz"}'), note(22, '{"doubled":4}'),
  note(23, '{"tags":{"a":1}}'), note(24, '{"extra":"{broken"}'), note(25, '{"body":{"a":1}}'),
  note(26, '{"body":"fine","size":2,"done":true,"tags":["a",null],"extra":{"a":[1]},"raw":"\\x00ff"}')) || ']');
SELECT id, body, size, done, tags, extra, raw, doubled FROM notes;

-- a client id belongs to its first user, and nobody pushes without leave
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
SET ROLE regress_alice;
SELECT * FROM sync_push('alice', '[]');
RESET ROLE;
SELECT sync_grant('regress_alice'), sync_grant('regress_bob');
SET ROLE regress_alice;
SELECT * FROM verdicts('alice', '[]');
SET ROLE regress_bob;
SELECT * FROM verdicts('alice', '[]');
SELECT sync_ack('{"client_id":"alice","confirmed":0}');
-- an object that the caller may not read is not there for the caller
SELECT * FROM verdicts('bob', '[' || note(30, '{"body":"bob"}') || ']');
RESET ROLE;
-- trap: update-right-for-locking
-- rights of table and column hold: each refusal is a verdict
GRANT SELECT ON notes TO regress_bob;
GRANT UPDATE (size) ON notes TO regress_bob;
SET ROLE regress_bob;
SELECT * FROM verdicts('bob', '[' || concat_ws(',', note(31, '{"body":"bob"}'),
  one(32, '"object":"notes","record_id":"n26","operation":"update","data":{"body":"bob"},"original":{"body":"fine"}'),
  one(33, '"object":"notes","record_id":"n26","operation":"update","data":{"size":3},"original":{"size":2}'),
  one(34, '"object":"notes","record_id":"n26","operation":"delete"')) || ']');
RESET ROLE;
-- what stands in a column that the caller may not read cannot be found out
REVOKE SELECT ON notes FROM regress_bob;
GRANT SELECT (id, size, _version) ON notes TO regress_bob;
SET ROLE regress_bob;
SELECT * FROM verdicts('bob', '[' || concat_ws(',',
  one(35, '"object":"notes","record_id":"n26","operation":"update","data":{"size":4},"original":{"size":3,"body":"fine"}'),
  one(36, '"object":"notes","record_id":"n26","operation":"update","data":{"size":5},"original":{"size":3}')) || ']');
RESET ROLE;
-- row-level security: WITH CHECK refuses by verdict, and a hidden record is a record that is not there
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO regress_alice;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes TO regress_alice USING (owner = current_user);
SET ROLE regress_alice;
SELECT status, reason, sqlstate FROM verdicts('alice', '[' || concat_ws(',', note(40, '{"body":"mine"}'),
  note(41, '{"body":"for bob","owner":"regress_bob"}')) || ']');
SELECT status, reason, sqlstate FROM verdicts('alice', '[' || concat_ws(',',
  one(42, '"object":"notes","record_id":"n40","operation":"update","data":{"owner":"regress_bob"},"original":{"owner":"regress_alice"}'),
  one(43, '"object":"notes","record_id":"n26","operation":"update","data":{"body":"alice"},"original":{"body":"fine"}'),
  one(44, '"object":"notes","record_id":"n26","operation":"delete"'),
  one(45, '"object":"notes","record_id":"n26","operation":"insert","data":{"id":"n26"}'),
  one(46, '"object":"notes","record_id":"n40","operation":"update","data":{"body":"still mine"},"original":{"body":"mine"}')) || ']');
RESET ROLE;
SELECT id, body, owner = current_user AS ours, size FROM notes ORDER BY id;
-- a policy that raises turns away what it is about
CREATE FUNCTION broken(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / (length($1) - length($1)) = 0; END $$;
CREATE POLICY breaking ON notes AS RESTRICTIVE TO regress_alice USING (broken(owner));
SET ROLE regress_alice;
SELECT status, reason, sqlstate FROM verdicts('alice', '[' ||
  one(47, '"object":"notes","record_id":"n40","operation":"update","data":{"body":"x"},"original":{"body":"still mine"}') || ']');
RESET ROLE;
DROP POLICY breaking ON notes;

-- trap: interrupts
-- a timeout in the middle of a push leaves nothing
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON notes FOR EACH ROW WHEN (NEW.body = 'slow') EXECUTE FUNCTION slow();
SET statement_timeout = '200ms';
SELECT * FROM verdicts('late', '[' || concat_ws(',', note(50, '{"body":"fast"}'), note(51, '{"body":"slow"}')) || ']');
RESET statement_timeout;
SELECT (SELECT count(*) FROM notes WHERE id IN ('n50', 'n51')) AS notes,
       (SELECT count(*) FROM objectos_sync.verdicts WHERE client_id = 'late') AS verdicts,
       (SELECT count(*) FROM objectos_sync.clients WHERE client_id = 'late') AS clients,
       (SELECT count(*) FROM objectos_sync.mutations WHERE client_id = 'late') AS mutations;
DROP TRIGGER slow ON notes;
-- an error inside the C++ code is an ERROR, and nothing of the push stays
SELECT pg_backend_pid() AS pid \gset
SET objectos_sync.inject_fault = 'bad_alloc:push_judge';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
SET objectos_sync.inject_fault = 'exception:push_judge';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
SET objectos_sync.inject_fault = 'error:push_judge';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
SET objectos_sync.inject_fault = 'internal:push_values';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
SET objectos_sync.inject_fault = 'bad_alloc:push_store';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
SET objectos_sync.inject_fault = 'error:log_flush';
SELECT * FROM verdicts('late', '[' || note(50, '{"body":"fast"}') || ']');
RESET objectos_sync.inject_fault;
SELECT count(*) FROM notes WHERE id = 'n50';
SELECT status, duplicate FROM sync_push('late', ('[' || note(50, '{"body":"fast"}') || ']')::json);
SELECT pg_backend_pid() = :pid AS same_backend, current_user = session_user AS same_user;
-- so does a serialization failure, even one that a user's trigger makes
CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'clash' USING ERRCODE = 'serialization_failure'; END $$;
CREATE TRIGGER clash BEFORE INSERT ON notes FOR EACH ROW WHEN (NEW.body = 'clash') EXECUTE FUNCTION clash();
SELECT * FROM verdicts('late', '[' || concat_ws(',', note(52, '{"body":"before"}'), note(53, '{"body":"clash"}')) || ']');
SELECT count(*) FROM notes WHERE id = 'n52';
-- and a push goes down with its transaction
BEGIN READ ONLY;
SELECT * FROM verdicts('late', '[' || note(54, '{"body":"read only"}') || ']');
ROLLBACK;
BEGIN;
SELECT status FROM verdicts('late', '[' || note(55, '{"body":"rolled back"}') || ']');
ROLLBACK;
SELECT status FROM verdicts('late', '[' || note(55, '{"body":"again"}') || ']');
-- a savepoint of the caller's survives what happens inside
BEGIN;
SAVEPOINT s;
SELECT * FROM verdicts('late', '[');
ROLLBACK TO s;
SELECT status, reason FROM verdicts('late', '[' || concat_ws(',', note(56, '{"size":1}'), note(57, '{"size":"x"}')) || ']');
COMMIT;
SELECT id, size FROM notes WHERE id IN ('n55', 'n56') ORDER BY id;
SELECT sync_revoke('regress_alice'), sync_revoke('regress_bob');
SELECT sync_disable('notes');
DROP TABLE notes, plain;
DROP FUNCTION verdicts, one, note, slow, clash, broken;
DROP ROLE regress_alice, regress_bob;
