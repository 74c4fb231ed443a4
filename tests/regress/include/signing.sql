-- Signs and logs in, as a client would. Wants pgcrypto and a table diary (id, body).
-- What is signed, as protocol/signed_payload.h says.
CREATE FUNCTION sign(secret text, domain text, key_id text, client text, message text) RETURNS text
LANGUAGE sql SECURITY DEFINER AS $$
  SELECT encode(hmac(string_agg(int8send(length(b)) || b, '' ORDER BY place), decode(secret, 'hex'), 'sha256'), 'hex')
    FROM unnest(ARRAY[convert_to(domain, 'UTF8'), '1',
      convert_to((SELECT epoch::text FROM objectos_sync.state), 'UTF8'), convert_to(key_id, 'UTF8'),
      convert_to(client, 'UTF8'), convert_to(message, 'UTF8')]) WITH ORDINALITY AS u(b, place) $$;
CREATE FUNCTION payload(n int, record int, body text, operation text DEFAULT 'insert') RETURNS text LANGUAGE sql AS $$
  SELECT json_build_object('id', '00000000-0000-4000-8000-' || lpad(n::text, 12, '0'), 'object', 'diary', 'record_id',
    record::text, 'operation', operation, 'data', json_build_object('body', body), 'client_sequence', n)::text $$;
CREATE FUNCTION envelope(key_id text, secret text, client text, payload text) RETURNS json LANGUAGE sql AS $$
  SELECT json_build_object('key_id', key_id, 'signature', sign(secret, 'objectos_sync mutation', key_id, client, payload),
    'payload', payload) $$;
CREATE FUNCTION login(key_id text, secret text, client text) RETURNS text LANGUAGE sql AS $$
  SELECT token FROM sync_challenge(client) AS c, sync_login(client, key_id, c.challenge,
    sign(secret, 'objectos_sync login', key_id, client, c.challenge)) $$;
