-- objectos_sync: the one source of the SQL objects. make copies it to objectos_sync--<version>.sql.
--
-- Tables live in the schema objectos_sync and belong to the extension's owner; nobody else reads them. Functions live
-- in the schema the extension is installed into. Sections: tables, shared, enabling, capture, pull, push.
\echo Use "CREATE EXTENSION objectos_sync" to load this file. \quit

-- === tables =======================================================================================
CREATE SCHEMA objectos_sync;

-- Identity of this server history. Never dumped: a restored database is another history.
CREATE TABLE objectos_sync.state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch uuid NOT NULL DEFAULT gen_random_uuid(),
  secret bytea NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO objectos_sync.state (secret)
  SELECT sha256(string_agg(uuid_send(gen_random_uuid()), ''::bytea)) FROM generate_series(1, 4);

-- One sequence for all records, so that a record deleted and inserted again goes on upward.
CREATE SEQUENCE objectos_sync.version_seq AS bigint;
-- The default of the column _version runs with the writer's rights. USAGE allows nextval, not setval.
GRANT USAGE ON SEQUENCE objectos_sync.version_seq TO PUBLIC;
-- CACHE 1: a cached block would order the changes of one record wrongly.
CREATE SEQUENCE objectos_sync.mutation_sequence AS bigint CACHE 1;

CREATE TABLE objectos_sync.objects (
  relid regclass PRIMARY KEY,
  object text NOT NULL UNIQUE,
  strategy text NOT NULL,
  on_conflict text NOT NULL,
  deletes text NOT NULL,
  fields jsonb NOT NULL,
  enabled_at timestamptz NOT NULL DEFAULT now()
);

-- The log. sequence orders transactions' changes; within a record the order is version.
CREATE TABLE objectos_sync.mutations (
  sequence bigint NOT NULL,
  xid xid8 NOT NULL,
  id uuid NOT NULL,
  client_id text,
  client_sequence bigint,
  user_id text,
  device text,
  object text NOT NULL,
  record_id text NOT NULL,
  operation text NOT NULL,
  data jsonb,
  original jsonb,
  version bigint,
  "timestamp" timestamptz NOT NULL,
  exact boolean NOT NULL,
  -- On the first row of each batch that was written at once: the sequence of the batch's last row.
  -- The first row leads to the others, so it may not be removed before them.
  batch_end bigint
);
-- Not UNIQUE: the sequence is, and the check would cost every row.
CREATE INDEX mutations_sequence ON objectos_sync.mutations (sequence);
CREATE INDEX mutations_batches ON objectos_sync.mutations (xid, sequence)
  WHERE batch_end IS NOT NULL;
CREATE INDEX mutations_deletes ON objectos_sync.mutations (object, record_id, version)
  WHERE operation = 'delete';

CREATE TABLE objectos_sync.clients (
  client_id text PRIMARY KEY,
  user_id text NOT NULL,
  device text,
  high_water bigint NOT NULL DEFAULT 0,
  confirmed bigint NOT NULL DEFAULT 0,
  checkpoint text,
  last_seen timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE objectos_sync.verdicts (
  client_id text NOT NULL,
  mutation_id uuid NOT NULL,
  client_sequence bigint,
  fingerprint bytea NOT NULL,
  status text NOT NULL,
  version bigint,
  sequence bigint,
  reason text,
  resolution text,
  server_version bigint,
  client_version bigint,
  detail jsonb,
  PRIMARY KEY (client_id, mutation_id)
);
CREATE INDEX verdicts_client_sequence ON objectos_sync.verdicts (client_id, client_sequence);

CREATE TABLE objectos_sync.conflicts (
  conflict_id uuid PRIMARY KEY,
  mutation_id uuid NOT NULL,
  client_id text NOT NULL,
  object text NOT NULL,
  record_id text NOT NULL,
  reason text NOT NULL,
  base jsonb,
  client jsonb,
  server jsonb,
  client_version bigint,
  server_version bigint,
  opened_at timestamptz NOT NULL DEFAULT now(),
  status text NOT NULL DEFAULT 'open',
  resolution text,
  resolved_by text,
  resolved_at timestamptz
);
CREATE INDEX conflicts_record ON objectos_sync.conflicts (object, record_id);
-- Every write of an object whose conflicts may wait looks here.
CREATE INDEX conflicts_open ON objectos_sync.conflicts (object) WHERE status = 'open';

-- Under lww: who wrote a field's value last. Outlives the log.
CREATE TABLE objectos_sync.field_clocks (
  object text NOT NULL,
  record_id text NOT NULL,
  field text NOT NULL,
  "timestamp" timestamptz NOT NULL,
  mutation_id uuid NOT NULL,
  value_hash text NOT NULL,
  PRIMARY KEY (object, record_id, field)
);

-- === shared =======================================================================================
CREATE FUNCTION sync_user_id() RETURNS text
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'objectos_sync_user_id';
COMMENT ON FUNCTION sync_user_id() IS 'the user that sync acts for: the current role';

CREATE FUNCTION objectos_sync.json_form(value anyelement) RETURNS text
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'objectos_json_form';
COMMENT ON FUNCTION objectos_sync.json_form(anyelement)
  IS 'the text that a client stores for a value: its JSON form, strings bare';

-- Snapshots call json_form as the caller.
GRANT USAGE ON SCHEMA objectos_sync TO PUBLIC;

-- === enabling =====================================================================================
CREATE FUNCTION sync_enable(table_name regclass, strategy text DEFAULT 'merge',
    fields jsonb DEFAULT '{}', on_conflict text DEFAULT 'lww',
    deletes text DEFAULT 'deletion_wins', object text DEFAULT NULL) RETURNS text
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_enable'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_enable(regclass, text, jsonb, text, text, text)
  IS 'make a table an object that clients sync; returns the object''s name';

CREATE FUNCTION sync_disable(table_name regclass) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_disable'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_disable(regclass) IS 'take sync away from a table again';

CREATE FUNCTION sync_objects() RETURNS TABLE(object text, table_name regclass, strategy text,
    on_conflict text, deletes text, fields jsonb, key text[], enabled_at timestamptz)
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'objectos_sync_objects'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_objects() IS 'the objects that are enabled';

-- Dropping the extension with objects enabled is an error; a table that is dropped leaves the list.
CREATE FUNCTION objectos_sync.guard_extension() RETURNS event_trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_guard_extension';
CREATE EVENT TRIGGER objectos_sync_guard ON ddl_command_start
  WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
  EXECUTE FUNCTION objectos_sync.guard_extension();
CREATE FUNCTION objectos_sync.forget_dropped() RETURNS event_trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_forget_dropped';
CREATE EVENT TRIGGER objectos_sync_forget ON sql_drop
  EXECUTE FUNCTION objectos_sync.forget_dropped();

-- === capture ======================================================================================
CREATE FUNCTION objectos_sync.stamp() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_stamp';
CREATE FUNCTION objectos_sync.capture() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_capture';

-- === pull =========================================================================================
CREATE FUNCTION sync_schema() RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_schema';
COMMENT ON FUNCTION sync_schema() IS 'the objects and columns that the caller may read';

CREATE FUNCTION sync_pull(client_id text, checkpoint text, max_mutations int DEFAULT 100,
    confirmed bigint DEFAULT 0)
  RETURNS TABLE(kind text, sequence bigint, id uuid, object text, record_id text, operation text,
    data json, version bigint, "timestamp" timestamptz, user_id text, tag text, checkpoint text,
    has_more boolean)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_pull';
COMMENT ON FUNCTION sync_pull(text, text, int, bigint)
  IS 'what is new to a checkpoint, as one net effect per record, and the next checkpoint';

CREATE FUNCTION sync_pull_response(client_id text, checkpoint text, max_mutations int DEFAULT 100,
    confirmed bigint DEFAULT 0) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_pull_response';
COMMENT ON FUNCTION sync_pull_response(text, text, int, bigint)
  IS 'the same as one JSON message';

CREATE FUNCTION sync_pull_frame(client_id text, checkpoint text, max_mutations int DEFAULT 100,
    confirmed bigint DEFAULT 0) RETURNS bytea
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_pull_frame';
COMMENT ON FUNCTION sync_pull_frame(text, text, int, bigint)
  IS 'the same compressed into a frame, as clients ask for it; ids of net effects are left out';

CREATE FUNCTION sync_snapshot(client_id text)
  RETURNS TABLE(checkpoint text, schema jsonb, object text, query text, columns jsonb)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_snapshot';
COMMENT ON FUNCTION sync_snapshot(text)
  IS 'a checkpoint, and the COPY statements that read its state in this transaction';

CREATE FUNCTION sync_hello(client_id text, high_water bigint DEFAULT NULL) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_hello';
COMMENT ON FUNCTION sync_hello(text, bigint)
  IS 'who the server takes the caller for, and what it knows of the client';

-- === push =========================================================================================
CREATE FUNCTION sync_push(client_id text, mutations json) RETURNS TABLE(
    mutation_id uuid, status text,
    duplicate boolean, version bigint, sequence bigint, reason text, resolution text,
    server_version bigint, client_version bigint, detail jsonb)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_push';
COMMENT ON FUNCTION sync_push(text, json) IS 'apply a client''s mutations; one verdict for each';

CREATE FUNCTION sync_push_request(request json) RETURNS TABLE(
    mutation_id uuid, status text,
    duplicate boolean, version bigint, sequence bigint, reason text, resolution text,
    server_version bigint, client_version bigint, detail jsonb)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_push_request';
COMMENT ON FUNCTION sync_push_request(json) IS 'sync_push of a whole PushRequest message';

CREATE FUNCTION sync_push_frame(request bytea) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_push_frame';
COMMENT ON FUNCTION sync_push_frame(bytea)
  IS 'the same for a PushRequest in a frame; the verdicts come in a frame, too';

CREATE FUNCTION sync_ack(ack json) RETURNS void
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_ack';
COMMENT ON FUNCTION sync_ack(json)
  IS 'store how far a client has come; drops the verdicts it has confirmed';

CREATE FUNCTION sync_conflicts() RETURNS TABLE(conflict_id uuid, mutation_id uuid, object text,
    record_id text, reason text, base jsonb, client jsonb, server jsonb, client_id text,
    status text, opened_at timestamptz)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_conflicts';
COMMENT ON FUNCTION sync_conflicts() IS 'manual conflicts of the records that the caller sees';

CREATE FUNCTION sync_resolve(conflict_id uuid, choice text) RETURNS TABLE(
    mutation_id uuid, status text,
    duplicate boolean, version bigint, sequence bigint, reason text, resolution text,
    server_version bigint, client_version bigint, detail jsonb)
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_resolve';
COMMENT ON FUNCTION sync_resolve(uuid, text)
  IS 'end a conflict with client_wins or server_wins';

CREATE FUNCTION sync_resolve(conflict_id uuid, "values" jsonb) RETURNS TABLE(
    mutation_id uuid, status text,
    duplicate boolean, version bigint, sequence bigint, reason text, resolution text,
    server_version bigint, client_version bigint, detail jsonb)
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_resolve_values';
COMMENT ON FUNCTION sync_resolve(uuid, jsonb) IS 'end a conflict with values of the caller''s own';

-- === rights =======================================================================================
-- Nobody calls the client functions until sync_grant(role). Enabling is granted by hand, function by
-- function; besides, it asks for the table's owner.
CREATE FUNCTION objectos_sync.client_functions() RETURNS SETOF regprocedure
  LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
  BEGIN ATOMIC
    SELECT p.oid::regprocedure
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
        AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass
      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'objectos_sync'
     WHERE p.proname IN ('sync_schema', 'sync_pull', 'sync_pull_response', 'sync_pull_frame', 'sync_snapshot',
       'sync_hello', 'sync_push', 'sync_push_request', 'sync_push_frame', 'sync_ack', 'sync_conflicts',
       'sync_resolve', 'sync_objects');
  END;

-- Runs with the caller's rights: only the functions' owner, or who may grant them, can pass them on.
CREATE FUNCTION sync_grant(role regrole) RETURNS void
  LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT objectos_sync.client_functions() LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', f, role);
  END LOOP;
END
$$;
COMMENT ON FUNCTION sync_grant(regrole) IS 'let a role sync';

CREATE FUNCTION sync_revoke(role regrole) RETURNS void
  LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT objectos_sync.client_functions() LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %s', f, role);
  END LOOP;
END
$$;
COMMENT ON FUNCTION sync_revoke(regrole) IS 'take sync away from a role again';

DO $$
DECLARE
  f regprocedure;
BEGIN
  -- The extension's members are recorded as they are created, so the list is whole here. Writers of a table run
  -- sync_user_id in a default, its owner names the trigger functions, and snapshots call json_form.
  FOR f IN
    SELECT p.oid::regprocedure
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
        AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass
      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'objectos_sync'
     WHERE p.proname NOT IN ('sync_user_id', 'json_form', 'stamp', 'capture')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
END
$$;
