-- Keys, signed mutations, login: who sync acts for behind one role.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
TRUNCATE objectos_sync.mutations, objectos_sync.verdicts, objectos_sync.clients, objectos_sync.keys;
CREATE EXTENSION pgcrypto;
CREATE ROLE regress_app;
SELECT sync_grant('regress_app');
CREATE TABLE diary (id int PRIMARY KEY, owner text NOT NULL DEFAULT sync_user_id(), body text);
ALTER TABLE diary ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON diary USING (owner = sync_user_id());
GRANT ALL ON diary TO regress_app;
SELECT sync_enable('diary');

\i tests/regress/include/signing.sql

-- Keys: their secret is told once, and read by nobody.
SELECT key_id AS ada, secret AS ada_secret FROM sync_create_key('ada', 'phone') \gset
SELECT key_id AS bob, secret AS bob_secret FROM sync_create_key('bob', valid_for => '1 day') \gset
SELECT length(:'ada_secret'), :'ada_secret' <> :'bob_secret' AS differ;
SELECT user_id, device, expires_at - created_at AS valid, revoked_at, replaced_by FROM sync_keys();
SELECT sync_create_key('');
SELECT sync_create_key(NULL);
SELECT sync_create_key('ada', valid_for => '-1 day');
SELECT sync_create_key(repeat('x', 300));

-- A signed push is its signer's: log, author, default, policy.
SET ROLE regress_app;
SELECT sync_create_key('mallory');
SELECT * FROM sync_keys();
SELECT * FROM objectos_sync.keys;
SELECT * FROM objectos_sync.signatures;
SELECT status, duplicate, reason FROM sync_push('phone', json_build_array(
  envelope(:'ada', :'ada_secret', 'phone', payload(1, 1, 'of ada')),
  envelope(:'ada', :'ada_secret', 'phone', payload(2, 2, 'of ada, too'))));
SELECT status, reason FROM sync_push('tablet', json_build_array(
  envelope(:'bob', :'bob_secret', 'tablet', payload(1, 3, 'of bob')),
  envelope(:'bob', :'bob_secret', 'tablet', payload(2, 1, 'stolen', 'update'))));
SELECT sync_user_id(), count(*) FROM diary;
RESET ROLE;
SELECT id, owner, body, _modified_by FROM diary ORDER BY id;
SELECT client_id, client_sequence, user_id, record_id FROM objectos_sync.mutations WHERE operation = 'insert' ORDER BY 1, 2;
SELECT client_id, user_id, signed_from FROM objectos_sync.clients ORDER BY 1;
SELECT s.client_id, k.user_id, m.id = (payload::json ->> 'id')::uuid AS of_its_row
  FROM objectos_sync.signatures s JOIN objectos_sync.mutations m USING (sequence) JOIN objectos_sync.keys k USING (key_id)
  ORDER BY sequence;

-- Replays are answered. Anything else ends in one error: another payload, client, key, secret or signature, an unknown
-- key, another's key, and one bad one among good ones.
SET ROLE regress_app;
CREATE TEMP TABLE tried (what text, attempt json, client text DEFAULT 'phone');
INSERT INTO tried VALUES
  ('replay', envelope(:'ada', :'ada_secret', 'phone', payload(1, 1, 'of ada'))),
  ('altered', json_build_object('key_id', :'ada', 'payload', payload(1, 1, 'of bob'), 'signature',
    sign(:'ada_secret', 'objectos_sync mutation', :'ada', 'phone', payload(1, 1, 'of ada')))),
  ('re-encoded', json_build_object('key_id', :'ada', 'payload', payload(1, 1, 'of ada') || ' ', 'signature',
    sign(:'ada_secret', 'objectos_sync mutation', :'ada', 'phone', payload(1, 1, 'of ada')))),
  ('for a login', json_build_object('key_id', :'ada', 'payload', payload(1, 1, 'of ada'), 'signature',
    sign(:'ada_secret', 'objectos_sync login', :'ada', 'phone', payload(1, 1, 'of ada')))),
  ('of another client', envelope(:'ada', :'ada_secret', 'tablet', payload(1, 1, 'of ada'))),
  ('wrong secret', envelope(:'ada', :'bob_secret', 'phone', payload(3, 4, 'x'))),
  ('unknown key', envelope('00000000-0000-4000-8000-000000000000', :'ada_secret', 'phone', payload(3, 4, 'x'))),
  ('no key', envelope('x', :'ada_secret', 'phone', payload(3, 4, 'x'))),
  ('upper case key', envelope(upper(:'ada'), :'ada_secret', 'phone', payload(3, 4, 'x'))),
  ('no signature', json_build_object('key_id', :'ada', 'payload', payload(3, 4, 'x'), 'signature', '')),
  ('upper case', json_build_object('key_id', :'ada', 'payload', payload(1, 1, 'of ada'), 'signature',
    upper(sign(:'ada_secret', 'objectos_sync mutation', :'ada', 'phone', payload(1, 1, 'of ada')))));
CREATE FUNCTION pg_temp.attempt(client text, mutations json) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT string_agg(status || CASE WHEN duplicate THEN ' again' ELSE '' END, ', ') FROM sync_push(client, mutations));
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT what, pg_temp.attempt(client, json_build_array(attempt)) FROM tried;
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(3, 4, 'good')),
  (SELECT attempt FROM tried WHERE what = 'wrong secret')));
-- Another user's client; a bad payload that is signed; no number.
SELECT pg_temp.attempt('tablet', json_build_array(envelope(:'ada', :'ada_secret', 'tablet', payload(9, 9, 'x'))));
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', '{"id": 1, "id": 2}')));
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone',
  '{"id": "00000000-0000-4000-8000-000000000009", "object": "diary", "record_id": "1", "operation": "delete"}')));
-- Two users in one push; a client that has signed goes on signing.
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(3, 4, 'x')),
  envelope(:'bob', :'bob_secret', 'phone', payload(4, 5, 'x'))));
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(3, 4, 'x')),
  payload(4, 5, 'x')::json));
SELECT pg_temp.attempt('phone', json_build_array(payload(3, 4, 'x')::json));

-- A copied file asks by what it has signed; it is its user's.
SELECT right(mutation_id::text, 2) AS id, status FROM sync_fork('phone', 'phone-2', json_build_array(
  envelope(:'ada', :'ada_secret', 'phone', payload(1, 1, 'of ada')),
  envelope(:'ada', :'ada_secret', 'phone', payload(8, 1, 'never sent'))));
SELECT sync_fork('phone', 'phone-3', json_build_array(envelope(:'ada', :'bob_secret', 'phone', payload(1, 1, 'of ada'))));
SELECT sync_fork('phone', 'tablet', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(1, 1, 'of ada'))));

-- Login: a token says who the session is.
SELECT login(:'ada', :'ada_secret', 'phone') AS token \gset
SET objectos_sync.session_token = :'token';
SELECT sync_user_id();
SELECT id, body FROM diary ORDER BY id;
SELECT sync_hello('phone') ->> 'user_id' AS user_id, sync_hello('phone') ->> 'high_water' AS high_water;
SELECT record_id, data FROM sync_pull('phone', '0') WHERE kind = 'mutation' ORDER BY record_id;
SELECT client_id, user_id FROM sync_clients();
-- Not for another client, nor for another user's.
SELECT sync_hello('tablet');
SELECT sync_ack('{"client_id": "tablet"}');
SELECT pg_temp.attempt('other', json_build_array(payload(1, 7, 'x')::json));
-- Unsigned by a client that has signed.
SELECT pg_temp.attempt('phone', json_build_array(payload(3, 7, 'x')::json));
-- A pooled connection: for one transaction, and DISCARD ALL.
RESET objectos_sync.session_token;
BEGIN;
SET LOCAL objectos_sync.session_token = :'token';
SELECT sync_user_id(), (SELECT count(*) FROM diary);
COMMIT;
SELECT sync_user_id() = current_user AS role_mode, (SELECT count(*) FROM diary);
SELECT set_config('objectos_sync.session_token', :'token', true) IS NOT NULL AS set, sync_user_id();
SELECT sync_user_id() = current_user AS role_mode;
SELECT current_setting('objectos_sync.session_token') = '' AS gone;
SELECT count(*) FROM pg_settings WHERE name = 'objectos_sync.session_token';

-- Forged tokens are errors, wherever they are used.
CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('objectos_sync.session_token', token, true);
  RETURN sync_user_id();
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT pg_temp.who(:'token');
SELECT DISTINCT pg_temp.who(overlay(:'token' PLACING CASE substr(:'token', i, 1) WHEN '0' THEN '1' ELSE '0' END FROM i FOR 1))
  FROM generate_series(1, length(:'token')) i;
SELECT pg_temp.who('x'), pg_temp.who('.'), pg_temp.who('token-1.'), pg_temp.who(:'token' || '.');
SET objectos_sync.session_token = 'token-1.6d616c6c6f7279.00';
SELECT count(*) FROM diary;
SELECT * FROM sync_pull('phone', '0');
SELECT pg_temp.attempt('phone', '[]');
INSERT INTO diary (id) VALUES (100);
RESET objectos_sync.session_token;
-- Login fails as signatures do; a challenge is its client's, and no token.
CREATE FUNCTION pg_temp.try_login(client text, key_id text, challenge text, proof text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT expires_at > now() FROM sync_login(client, key_id, challenge, proof));
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT challenge, epoch = (SELECT sync_hello('other') ->> 'epoch') AS same_epoch FROM sync_challenge('phone') \gset
\echo :same_epoch
SELECT pg_temp.try_login('phone', :'ada', :'challenge', sign(:'ada_secret', 'objectos_sync login', :'ada', 'phone', :'challenge')) AS good,
  pg_temp.try_login('other', :'ada', :'challenge', sign(:'ada_secret', 'objectos_sync login', :'ada', 'other', :'challenge')) AS other_client;
SELECT DISTINCT pg_temp.try_login('phone', k, c, p) FROM (VALUES
  (:'ada', :'challenge', sign(:'bob_secret', 'objectos_sync login', :'ada', 'phone', :'challenge')),
  (:'bob', :'challenge', sign(:'ada_secret', 'objectos_sync login', :'bob', 'phone', :'challenge')),
  (:'ada', :'challenge', sign(:'ada_secret', 'objectos_sync mutation', :'ada', 'phone', :'challenge')),
  (:'ada', 'x', sign(:'ada_secret', 'objectos_sync login', :'ada', 'phone', 'x')),
  (:'ada', :'token', sign(:'ada_secret', 'objectos_sync login', :'ada', 'phone', :'token')),
  ('x', :'challenge', 'x'), (:'ada', :'challenge', '')) AS t(k, c, p);
SELECT pg_temp.who(:'challenge');

-- It ends by itself; and with its key.
RESET ROLE;
SET objectos_sync.token_lifetime = 1;
SET ROLE regress_app;
SELECT login(:'ada', :'ada_secret', 'phone') AS short \gset
SELECT pg_temp.who(:'short');
SELECT pg_sleep(1.1);
SELECT pg_temp.who(:'short');
RESET ROLE;
RESET objectos_sync.token_lifetime;

-- Rotation: both keys sign while the grace lasts. Revocation: neither.
SELECT key_id AS ada2, secret AS ada2_secret FROM sync_rotate_key(:'ada', grace => '1 hour') \gset
SELECT user_id, device, expires_at IS NOT NULL AS ends, replaced_by = :'ada2' AS replaced FROM sync_keys() WHERE user_id = 'ada';
SELECT sync_rotate_key(:'ada');
SELECT sync_rotate_key('00000000-0000-4000-8000-000000000000');
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(3, 4, 'old key')),
  envelope(:'ada2', :'ada2_secret', 'phone', payload(4, 5, 'new key'))));
SELECT pg_temp.who(:'token');
SELECT sync_revoke_key(:'ada'), sync_revoke_key(:'ada'), sync_revoke_key('00000000-0000-4000-8000-000000000000');
SELECT pg_temp.who(:'token');
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada', :'ada_secret', 'phone', payload(5, 6, 'x'))));
SELECT pg_temp.try_login('phone', :'ada', :'challenge', sign(:'ada_secret', 'objectos_sync login', :'ada', 'phone', :'challenge'));
-- What the old key signed once is answered when the new one has signed it.
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada2', :'ada2_secret', 'phone', payload(3, 4, 'old key'))));
-- Expired, as revoked.
UPDATE objectos_sync.keys SET expires_at = now() WHERE key_id = :'bob';
SELECT pg_temp.attempt('tablet', json_build_array(envelope(:'bob', :'bob_secret', 'tablet', payload(5, 6, 'x'))));
SELECT sync_rotate_key(:'bob');

-- The verdicts are confirmed and gone; the number is known for ever.
SELECT sync_ack('{"client_id": "phone", "confirmed": 4}');
SELECT login(:'ada2', :'ada2_secret', 'phone') AS token \gset
SET objectos_sync.session_token = :'token';
SELECT sync_ack('{"client_id": "phone", "confirmed": 4}');
RESET objectos_sync.session_token;
SELECT count(*) FROM objectos_sync.verdicts WHERE client_id = 'phone';
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada2', :'ada2_secret', 'phone', payload(4, 5, 'new key'))));
SELECT pg_temp.attempt('phone', json_build_array(envelope(:'ada2', :'ada2_secret', 'phone', payload(4, 15, 'other'))));

-- Unsigned pushes are turned away where signatures are required.
SELECT fact, value FROM sync_status() WHERE fact IN ('signatures_required', 'keys');
SELECT pg_temp.attempt('plain', '[]');
SELECT sync_require_signatures(true);
SELECT fact, value FROM sync_status() WHERE fact = 'signatures_required';
SELECT pg_temp.attempt('plain', json_build_array(payload(1, 20, 'x')::json));
SELECT status FROM sync_push_request(json_build_object('client_id', 'phone', 'mutations', json_build_array(
  envelope(:'ada2', :'ada2_secret', 'phone', payload(5, 6, 'signed')))));
SELECT sync_resolve('00000000-0000-4000-8000-000000000000', 'client_wins');
SELECT sync_require_signatures(false);
SET ROLE regress_app;
SELECT sync_require_signatures(true);
RESET ROLE;

-- Signatures go with their mutations.
SELECT count(*) > 0 AS some FROM objectos_sync.signatures;
SET objectos_sync.client_retention = 0;
SELECT sync_prune('0') > 0 AS pruned;
SELECT count(*) FROM objectos_sync.signatures;
SELECT sync_revoke('regress_app');
SELECT sync_disable('diary');
DROP TABLE diary;
DROP FUNCTION login, envelope, payload, sign(text, text, text, text, text);
DROP EXTENSION pgcrypto;
DROP TABLE pg_temp.tried;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
