-- A client in SQL: keeps what sync_pull() sends, by the rules that docs and clients go by. A test reads it with
-- \i tests/regress/include/replica.sql, calls replica.sync(client) after what it tries, and asks
-- replica.differences(client) whether a client that began anew would hold anything else.
CREATE SCHEMA replica;
CREATE TABLE replica.rows (client text, object text, record_id text, data jsonb, version bigint, seen boolean,
  PRIMARY KEY (client, object, record_id));
CREATE TABLE replica.clients (client text PRIMARY KEY, checkpoint text);

CREATE FUNCTION replica.apply(client_ text, r jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE r->>'kind'
  WHEN 'schema' THEN
    DELETE FROM replica.rows WHERE client = client_ AND object NOT IN
      (SELECT o->>'object' FROM jsonb_array_elements((r->>'data')::jsonb->'objects') o);
  WHEN 'reread' THEN
    IF r->>'operation' = 'end' THEN
      DELETE FROM replica.rows WHERE client = client_ AND object = r->>'object' AND NOT seen;
    ELSE
      UPDATE replica.rows SET seen = false WHERE client = client_ AND object = r->>'object';
    END IF;
  WHEN 'removal' THEN  -- by id; those by tag are none of this client's
    DELETE FROM replica.rows WHERE client = client_ AND object = r->>'object' AND record_id = r->>'record_id';
  WHEN 'truncate' THEN
    DELETE FROM replica.rows WHERE client = client_ AND object = r->>'object' AND version < (r->>'version')::bigint;
  WHEN 'mutation' THEN
    IF r->>'operation' = 'delete' THEN
      DELETE FROM replica.rows WHERE client = client_ AND object = r->>'object' AND record_id = r->>'record_id'
        AND version <= (r->>'version')::bigint;
    ELSIF r->>'operation' = 'insert' THEN
      INSERT INTO replica.rows VALUES (client_, r->>'object', r->>'record_id', (r->>'data')::jsonb,
        (r->>'version')::bigint, true)
      ON CONFLICT (client, object, record_id) DO UPDATE SET data = excluded.data, version = excluded.version,
        seen = true WHERE rows.version <= excluded.version;
    ELSE
      UPDATE replica.rows SET data = data || (r->>'data')::jsonb, version = (r->>'version')::bigint
       WHERE client = client_ AND object = r->>'object' AND record_id = r->>'record_id'
         AND version <= (r->>'version')::bigint;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'an update of % %, which the client does not have', r->>'object', r->>'record_id';
      END IF;
    END IF;
  ELSE
    NULL;
  END CASE;
END $$;

-- Pulls everything new; one line for each row that came, without schema and checkpoint.
CREATE FUNCTION replica.sync(client_ text, page int DEFAULT 100) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  at text := coalesce((SELECT checkpoint FROM replica.clients WHERE client = client_), '0');
  more boolean := true;
  rows jsonb[] := '{}';
  part jsonb[];
  r jsonb;
BEGIN
  WHILE more LOOP
    SELECT array_agg(to_jsonb(s) - 'data' || jsonb_build_object('data', s.data::text)) INTO part
      FROM sync_pull(client_, at, page) AS s;
    at := part[cardinality(part)]->>'checkpoint';
    more := part[cardinality(part)]->'has_more';
    rows := rows || part;
  END LOOP;
  FOREACH r IN ARRAY rows LOOP
    PERFORM replica.apply(client_, r);
    IF r->>'kind' NOT IN ('schema', 'checkpoint') THEN
      RETURN NEXT concat_ws(' ', r->>'kind', r->>'operation', r->>'object', r->>'record_id', r->>'data');
    ELSIF r->>'kind' = 'schema' THEN
      RETURN NEXT 'schema';
    END IF;
  END LOOP;
  INSERT INTO replica.clients VALUES (client_, at) ON CONFLICT (client) DO UPDATE SET checkpoint = excluded.checkpoint;
END $$;

CREATE FUNCTION replica.pulled(client_ text) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(s, E'\n') FROM replica.sync(client_) s $$;

-- What a client that starts anew has otherwise; no row when there is no difference.
CREATE FUNCTION replica.differences(client_ text) RETURNS TABLE(object text, record_id text, has text, should_have text)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM replica.sync('fresh');
  RETURN QUERY
    SELECT coalesce(a.object, b.object), coalesce(a.record_id, b.record_id), a.version || ' ' || a.data::text, b.version || ' ' || b.data::text
      FROM (SELECT * FROM replica.rows r WHERE r.client = client_) a
      FULL JOIN (SELECT * FROM replica.rows r WHERE r.client = 'fresh') b USING (object, record_id)
     WHERE a.data IS DISTINCT FROM b.data OR a.version IS DISTINCT FROM b.version;
  DELETE FROM replica.rows r WHERE r.client = 'fresh';
  DELETE FROM replica.clients c WHERE c.client = 'fresh';
END $$;
