-- objectos_sync: the one source of the SQL objects. make copies it to objectos_sync--<version>.sql.
--
-- Tables live in the schema objectos_sync and belong to the extension's owner; nobody else reads them. Functions live
-- in the schema the extension is installed into. Sections: tables, shared, enabling, capture, pull, push,
-- identity, operating, rights.
\echo Use "CREATE EXTENSION objectos_sync" to load this file. \quit

-- === tables =======================================================================================
CREATE SCHEMA objectos_sync;

-- Identity of this server history. Never dumped: a restored database is another history.
CREATE TABLE objectos_sync.state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch uuid NOT NULL DEFAULT gen_random_uuid(),
  secret bytea NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now(),
  epoch_at timestamptz NOT NULL DEFAULT now(),
  -- How far the log is pruned: a checkpoint's text (protocol/low_water.h); none: never yet.
  low_water text,
  low_water_taken_at timestamptz,
  pruned_at timestamptz,
  require_signatures boolean NOT NULL DEFAULT false
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
  enabled_at timestamptz NOT NULL DEFAULT now(),
  history boolean NOT NULL DEFAULT false -- has an index of its own on the log
);

-- What an object looks like to this database's catalog, and since when in this log. No dump holds it, for numbers of
-- columns, types and log rows mean nothing elsewhere: settle_restored() looks anew.
CREATE TABLE objectos_sync.shapes (
  relid oid PRIMARY KEY,
  column_names jsonb NOT NULL, -- by attnum, when the shape was last looked at
  shape text NOT NULL,         -- key and columns, as far as log rows and records depend on them
  reshaped_at bigint NOT NULL, -- sequence of the newest `schema` row: what is older, everybody reads again
  rekeyed_at bigint NOT NULL,  -- the same of a changed key: record ids before it mean nothing now
  -- Columns that were renamed or dropped: [{"at": sequence of the `schema` row, "names": {old: new or null}}, …], the
  -- oldest first. Log rows before `at` have the old names.
  renames jsonb NOT NULL DEFAULT '[]',
  -- Of versions below it nobody logged what became of texts: the object was not enabled yet, its fields were no texts, or
  -- it was in another cluster.
  texts_from bigint NOT NULL DEFAULT nextval('objectos_sync.version_seq')
);

-- The partitions of enabled tables, at every level. A dropped one can be told by nothing else.
CREATE TABLE objectos_sync.partitions (
  relid oid PRIMARY KEY,
  root oid NOT NULL
);
CREATE INDEX partitions_root ON objectos_sync.partitions (root);

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
CREATE INDEX mutations_sequence ON objectos_sync.mutations (sequence) WITH (deduplicate_items = off);
CREATE INDEX mutations_batches ON objectos_sync.mutations (xid, sequence)
  WHERE batch_end IS NOT NULL;
CREATE INDEX mutations_deletes ON objectos_sync.mutations (object, record_id, version)
  WHERE operation = 'delete';
-- A client's mutation whose verdict is gone. Each client writes at its own end of the index.
CREATE INDEX mutations_client ON objectos_sync.mutations (client_id, client_sequence)
  WHERE client_sequence IS NOT NULL;

CREATE TABLE objectos_sync.clients (
  client_id text PRIMARY KEY,
  user_id text NOT NULL,
  device text,
  high_water bigint NOT NULL DEFAULT 0,
  confirmed bigint NOT NULL DEFAULT 0,
  checkpoint text,
  last_seen timestamptz NOT NULL DEFAULT now(),
  forgotten_at timestamptz,
  signed_from bigint -- the client_sequence from which on it has signed: unsigned ones are refused
);

-- What users sign with. Written without statements, read by no role but the owner, and in no dump.
CREATE TABLE objectos_sync.keys (
  key_id uuid PRIMARY KEY,
  user_id text NOT NULL,
  device text,
  secret bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by uuid
);

-- The signed form of mutations in the log, by its sequence. Written in bulk, pruned with the log.
CREATE TABLE objectos_sync.signatures (
  sequence bigint NOT NULL,
  client_id text NOT NULL,
  key_id uuid NOT NULL,
  epoch uuid NOT NULL,
  signature bytea NOT NULL,
  payload text NOT NULL,
  -- A MAC of the log row under the secret in state, for sync_audit().
  seal bytea NOT NULL
);
CREATE INDEX signatures_sequence ON objectos_sync.signatures (sequence) WITH (deduplicate_items = off);

-- What each client wants; none: everything. columns says which columns the filters named when they were given:
-- {object: {"relid": oid, "columns": {name: attnum}}}, so that a renamed column stays the same.
CREATE TABLE objectos_sync.subscriptions (
  client_id text PRIMARY KEY,
  subscription jsonb NOT NULL,
  columns jsonb NOT NULL,
  subscribed_at timestamptz NOT NULL
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

-- Under lww: who wrote a field's value last. Outlives the log. One row for a record; field_clock_store.h says what
-- `clocks` holds. The keys compare as bytes: they are looked up, and never shown in order.
CREATE TABLE objectos_sync.field_clocks (
  object text COLLATE "C" NOT NULL,
  record_id text COLLATE "C" NOT NULL,
  clocks json NOT NULL,
  PRIMARY KEY (object, record_id)
);

-- What was committed to text fields: operations, by the version of the record that each made. Written in bulk, pruned
-- with the log, where the newest that is pruned stays without its operation.
CREATE TABLE objectos_sync.text_ops (
  object text COLLATE "C" NOT NULL,
  record_id text COLLATE "C" NOT NULL,
  field smallint NOT NULL, -- attnum
  revision bigint NOT NULL,
  sequence bigint NOT NULL, -- of the log row
  client_id text,           -- of a pushed edit; others are plain SQL
  mutation_id uuid,
  operation text,           -- JSON; NULL: the text was replaced by one that no operation leads to
  PRIMARY KEY (object, record_id, field, revision)
);

-- Checkpoints of the server's own, one an hour: low water is chosen among them.
CREATE TABLE objectos_sync.samples (
  taken_at timestamptz NOT NULL,
  checkpoint text NOT NULL
);
CREATE INDEX samples_taken_at ON objectos_sync.samples (taken_at);

-- What stays of a pruned delete: an edit from before it must not reach a record of the same key that came after it.
CREATE TABLE objectos_sync.tombstones (
  object text NOT NULL,
  record_id text NOT NULL,
  version bigint NOT NULL,
  pruned_at timestamptz NOT NULL,
  PRIMARY KEY (object, record_id)
);
CREATE INDEX tombstones_pruned_at ON objectos_sync.tombstones (pruned_at);

-- === shared =======================================================================================
CREATE FUNCTION sync_user_id() RETURNS text
  LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'objectos_sync_user_id';
COMMENT ON FUNCTION sync_user_id()
  IS 'the user that sync acts for: whose signed push it is, whose token the session has, or the current role';

CREATE FUNCTION objectos_sync.json_form(value anyelement) RETURNS text
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'objectos_json_form';
COMMENT ON FUNCTION objectos_sync.json_form(anyelement)
  IS 'the text that a client stores for a value: its JSON form, strings bare';

-- Snapshots call json_form as the caller.
GRANT USAGE ON SCHEMA objectos_sync TO PUBLIC;

-- === enabling =====================================================================================
CREATE FUNCTION sync_enable(table_name regclass, strategy text DEFAULT 'merge',
    fields jsonb DEFAULT '{}', on_conflict text DEFAULT 'lww',
    deletes text DEFAULT 'deletion_wins', object text DEFAULT NULL,
    history boolean DEFAULT false) RETURNS text
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_enable'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_enable(regclass, text, jsonb, text, text, text, boolean)
  IS 'make a table an object that clients sync; returns the object''s name';

CREATE FUNCTION sync_disable(table_name regclass) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_disable'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_disable(regclass) IS 'take sync away from a table again';

CREATE FUNCTION sync_objects() RETURNS TABLE(object text, table_name regclass, strategy text,
    on_conflict text, deletes text, fields jsonb, key text[], enabled_at timestamptz,
    history boolean)
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'objectos_sync_objects'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_objects() IS 'the objects that are enabled';

-- Dropping the extension with objects enabled is an error; a table that is dropped leaves the list.
CREATE FUNCTION objectos_sync.guard_extension() RETURNS event_trigger
  LANGUAGE c SET search_path = pg_catalog, pg_temp
  AS 'MODULE_PATHNAME', 'objectos_guard_extension';
COMMENT ON FUNCTION objectos_sync.guard_extension() IS 'refuses to drop the extension while objects are enabled';
CREATE EVENT TRIGGER objectos_sync_guard ON ddl_command_start
  WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
  EXECUTE FUNCTION objectos_sync.guard_extension();
CREATE FUNCTION objectos_sync.forget_dropped() RETURNS event_trigger
  LANGUAGE c SET search_path = pg_catalog, pg_temp
  AS 'MODULE_PATHNAME', 'objectos_forget_dropped';
COMMENT ON FUNCTION objectos_sync.forget_dropped() IS 'takes dropped tables out of the objects';
CREATE EVENT TRIGGER objectos_sync_forget ON sql_drop
  EXECUTE FUNCTION objectos_sync.forget_dropped();

-- Changes of enabled tables are log rows; partitions come and go with what belongs to them.
-- After a restore they are not followed until the table is whole: its key and triggers come after its data.
CREATE FUNCTION objectos_sync.settle_restored() RETURNS void
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_settle_restored';
COMMENT ON FUNCTION objectos_sync.settle_restored() IS 'shapes and partitions of restored tables that are whole';
CREATE FUNCTION objectos_sync.settle_before() RETURNS event_trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_settle_before';
COMMENT ON FUNCTION objectos_sync.settle_before() IS 'event trigger: settle_restored() before what changes tables';
-- Fired in the order of their names: before objectos_sync_attach.
CREATE EVENT TRIGGER objectos_sync_arrive ON ddl_command_start
  WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'DROP TABLE', 'DROP TRIGGER',
    'DROP TYPE', 'DROP DOMAIN', 'DROP SCHEMA', 'DROP OWNED')
  EXECUTE FUNCTION objectos_sync.settle_before();
CREATE FUNCTION objectos_sync.prepare_attach() RETURNS event_trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_prepare_attach';  -- reads names as the statement does
COMMENT ON FUNCTION objectos_sync.prepare_attach() IS 'event trigger: columns for a table that becomes a partition';
CREATE EVENT TRIGGER objectos_sync_attach ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
  EXECUTE FUNCTION objectos_sync.prepare_attach();
CREATE FUNCTION objectos_sync.note_rewrite() RETURNS event_trigger
  LANGUAGE c SET search_path = pg_catalog, pg_temp
  AS 'MODULE_PATHNAME', 'objectos_note_rewrite';
COMMENT ON FUNCTION objectos_sync.note_rewrite() IS 'event trigger: values that a rewrite changed';
CREATE EVENT TRIGGER objectos_sync_rewrite ON table_rewrite
  EXECUTE FUNCTION objectos_sync.note_rewrite();
CREATE FUNCTION objectos_sync.follow_schema() RETURNS event_trigger
  LANGUAGE c SET search_path = pg_catalog, pg_temp
  AS 'MODULE_PATHNAME', 'objectos_follow_schema';
COMMENT ON FUNCTION objectos_sync.follow_schema() IS 'event trigger: changes of enabled tables';
CREATE EVENT TRIGGER objectos_sync_schema ON ddl_command_end
  WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TYPE')
  EXECUTE FUNCTION objectos_sync.follow_schema();
-- What clients see of an object may be another from now on. (GRANT of a role is no event.)
CREATE FUNCTION objectos_sync.tell_schema() RETURNS event_trigger
  LANGUAGE c SET search_path = pg_catalog, pg_temp
  AS 'MODULE_PATHNAME', 'objectos_tell_schema';
COMMENT ON FUNCTION objectos_sync.tell_schema() IS 'event trigger: clients that listen look again';
CREATE EVENT TRIGGER objectos_sync_tell ON ddl_command_end
  WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER SCHEMA', 'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP TYPE',
    'DROP DOMAIN', 'GRANT', 'REVOKE', 'CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'CREATE FUNCTION', 'ALTER FUNCTION',
    'DROP FUNCTION')
  EXECUTE FUNCTION objectos_sync.tell_schema();
-- Also in the role replica, in which rows are captured, too.
ALTER EVENT TRIGGER objectos_sync_guard ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_forget ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_arrive ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_attach ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_rewrite ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_schema ENABLE ALWAYS;
ALTER EVENT TRIGGER objectos_sync_tell ENABLE ALWAYS;

-- === capture ======================================================================================
CREATE FUNCTION objectos_sync.stamp() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_stamp';
COMMENT ON FUNCTION objectos_sync.stamp() IS 'trigger: version, time and author of an update';
CREATE FUNCTION objectos_sync.capture() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_capture';
COMMENT ON FUNCTION objectos_sync.capture() IS 'trigger: writes changes to the log';
-- Row by row, for sessions in the role replica: what logical replication applies.
CREATE FUNCTION objectos_sync.capture_row() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_capture_row';
COMMENT ON FUNCTION objectos_sync.capture_row() IS 'trigger: the same, for what is applied in the role replica';

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

CREATE FUNCTION sync_listen(client_id text) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_listen';
COMMENT ON FUNCTION sync_listen(text)
  IS 'count this session among those that are told of commits: {channel, sent_by, reason}; LISTEN to the channel, then pull';

CREATE FUNCTION objectos_sync.notifier() RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_notifier';
COMMENT ON FUNCTION objectos_sync.notifier() IS 'the background worker that tells of commits: {state, pid, listeners, problem}';

CREATE FUNCTION sync_channel(channel text) RETURNS text
  LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_channel';
COMMENT ON FUNCTION sync_channel(text) IS 'the name that events have of a channel, however its record id is written';

CREATE FUNCTION sync_presence_join(client_id text, channel text, state jsonb DEFAULT '{}') RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_presence_join';
COMMENT ON FUNCTION sync_presence_join(text, text, jsonb)
  IS 'be in a channel (object or object/record_id) until this session ends; the sequence after which sync_events() tells of others';

CREATE FUNCTION sync_presence_update(client_id text, channel text, state jsonb) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_presence_update';
COMMENT ON FUNCTION sync_presence_update(text, text, jsonb) IS 'show the others in a channel another state';

CREATE FUNCTION sync_presence_leave(client_id text, channel text) RETURNS boolean
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_presence_leave';
COMMENT ON FUNCTION sync_presence_leave(text, text) IS 'leave a channel; false: this session was not in it';

CREATE FUNCTION sync_presence(channel text)
  RETURNS TABLE(client_id text, user_id text, state jsonb, since timestamptz)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_presence';
COMMENT ON FUNCTION sync_presence(text) IS 'who is in a channel, each client once';

CREATE FUNCTION sync_broadcast(client_id text, channel text, payload jsonb) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_broadcast';
COMMENT ON FUNCTION sync_broadcast(text, text, jsonb)
  IS 'say something small to all in a channel; it is not stored, and out even if the transaction rolls back';

CREATE FUNCTION sync_events(client text, after bigint DEFAULT NULL)
  RETURNS TABLE(sequence bigint, kind text, channel text, client_id text, user_id text, payload jsonb)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_events';
COMMENT ON FUNCTION sync_events(text, bigint)
  IS 'what others did in the channels of this session since; the last row, now or lost, has the sequence for the next call';

CREATE FUNCTION objectos_sync.present() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_present';
COMMENT ON FUNCTION objectos_sync.present() IS 'how many members the channels of this database have';

CREATE FUNCTION sync_hello(client_id text, high_water bigint DEFAULT NULL) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_hello';
COMMENT ON FUNCTION sync_hello(text, bigint)
  IS 'who the server takes the caller for, and what it knows of the client';

CREATE FUNCTION sync_subscribe(client_id text, subscription jsonb) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_subscribe';
COMMENT ON FUNCTION sync_subscribe(text, jsonb)
  IS 'say which objects and which of their records a client gets; NULL or {}: everything';

-- What decides who sees a record may stand elsewhere: such a change is no change of the record.
CREATE FUNCTION sync_touch(object text, record_ids text[]) RETURNS bigint
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_touch';
COMMENT ON FUNCTION sync_touch(text, text[])
  IS 'send records round again, to those who see them now and those who do no more; the caller may UPDATE the object';

CREATE FUNCTION sync_depend(object text, object_column text, on_table regclass, on_column text) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_depend'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_depend(text, text, regclass, text)
  IS 'rows of another table decide who sees records: these go round again when those change';

CREATE FUNCTION sync_undepend(object text, object_column text, on_table regclass, on_column text) RETURNS boolean
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_undepend'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_undepend(text, text, regclass, text) IS 'take a dependency away again';

CREATE FUNCTION objectos_sync.touch_dependents() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'objectos_touch_dependents';
COMMENT ON FUNCTION objectos_sync.touch_dependents() IS 'trigger: sends records round again that depend on the table';

-- What verify() compares (protocol/record_digest.h); in a pull round, in its cut.
CREATE FUNCTION sync_digest(client_id text, seed bigint)
  RETURNS TABLE(object text, records bigint, digest text)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_digest';
COMMENT ON FUNCTION sync_digest(text, bigint)
  IS 'the number of records and their digest, of each object that the caller may read';

CREATE FUNCTION sync_digest_buckets(client_id text, seed bigint, object text, bits int, buckets bigint[])
  RETURNS TABLE(bucket bigint, records bigint, digest text)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_digest_buckets';
COMMENT ON FUNCTION sync_digest_buckets(text, bigint, text, int, bigint[])
  IS 'the same of the parts of some of an object''s buckets';

CREATE FUNCTION sync_digest_records(client_id text, seed bigint, object text, bits int, buckets bigint[])
  RETURNS TABLE(record_id text, digest text)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_digest_records';
COMMENT ON FUNCTION sync_digest_records(text, bigint, text, int, bigint[])
  IS 'the digest of each record in some of an object''s buckets';

CREATE FUNCTION sync_records(client_id text, object text, record_ids text[])
  RETURNS TABLE(kind text, sequence bigint, id uuid, object text, record_id text, operation text,
    data json, version bigint, "timestamp" timestamptz, user_id text, tag text, checkpoint text,
    has_more boolean)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_records';
COMMENT ON FUNCTION sync_records(text, text, text[])
  IS 'some records whole, as a pull sends them; has_more: ask again for those that did not come';

-- Looks through the log; where it is asked often, an index is worth its upkeep (docs/verify.md).
CREATE FUNCTION sync_history(object text, record_id text, max_steps int DEFAULT 100,
    before_version bigint DEFAULT NULL)
  RETURNS TABLE(sequence bigint, version bigint, operation text, user_id text, client_id text, device text,
    mutation_id uuid, "timestamp" timestamptz, data jsonb, original jsonb)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_history';
COMMENT ON FUNCTION sync_history(text, text, int, bigint)
  IS 'who changed a record what when, the newest first: columns that the caller may read, while the record is visible to it';

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

CREATE FUNCTION sync_fork(client_id text, new_client_id text, mutations json) RETURNS TABLE(
    mutation_id uuid, status text,
    duplicate boolean, version bigint, sequence bigint, reason text, resolution text,
    server_version bigint, client_version bigint, detail jsonb)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_fork';
COMMENT ON FUNCTION sync_fork(text, text, json)
  IS 'a copied or restored file takes a new identity: what became of the mutations it holds';

CREATE FUNCTION sync_reserve_ids(object text, count bigint)
  RETURNS TABLE(column_name text, first bigint, last bigint, step bigint)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_reserve_ids';
COMMENT ON FUNCTION sync_reserve_ids(text, bigint)
  IS 'a block of keys from an object''s own sequence, for records that a client makes offline';

CREATE FUNCTION sync_ack(ack json) RETURNS void
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_ack';
COMMENT ON FUNCTION sync_ack(json)
  IS 'store how far a client has come; drops the verdicts it has confirmed';

CREATE FUNCTION sync_clients() RETURNS TABLE(client_id text, user_id text, device text,
    last_seen timestamptz, checkpoint text, high_water bigint, confirmed bigint, lag bigint,
    open_conflicts bigint)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_clients';
COMMENT ON FUNCTION sync_clients()
  IS 'the clients and how far each has come: the caller''s own, to the owner everybody''s';

CREATE FUNCTION sync_forget_client(client_id text) RETURNS boolean
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_forget_client';
COMMENT ON FUNCTION sync_forget_client(text)
  IS 'take a client out of the registry with its verdicts; what it sent stays judged';

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

-- === identity =====================================================================================
CREATE FUNCTION sync_create_key(user_id text, device text DEFAULT NULL, valid_for interval DEFAULT NULL)
  RETURNS TABLE(key_id uuid, secret text, expires_at timestamptz)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_create_key'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_create_key(text, text, interval)
  IS 'a key for a user; its secret is told this once';

CREATE FUNCTION sync_rotate_key(key_id uuid, grace interval DEFAULT '7 days', valid_for interval DEFAULT NULL)
  RETURNS TABLE(key_id uuid, secret text, expires_at timestamptz)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_rotate_key'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_rotate_key(uuid, interval, interval)
  IS 'a new key for the same user and device; the old one is good for the grace';

CREATE FUNCTION sync_revoke_key(key_id uuid) RETURNS boolean
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'objectos_sync_revoke_key'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_revoke_key(uuid) IS 'end a key at once; false if there is none to end';

CREATE FUNCTION sync_keys() RETURNS TABLE(key_id uuid, user_id text, device text, created_at timestamptz,
    expires_at timestamptz, revoked_at timestamptz, replaced_by uuid)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_keys'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_keys() IS 'all keys, without their secrets';

CREATE FUNCTION sync_challenge(client_id text) RETURNS TABLE(challenge text, epoch text)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_challenge'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_challenge(text) IS 'what a client signs to log in; good for a minute';

CREATE FUNCTION sync_login(client_id text, key_id text, challenge text, proof text)
  RETURNS TABLE(token text, expires_at timestamptz)
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'objectos_sync_login'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_login(text, text, text, text)
  IS 'a token for the setting objectos_sync.session_token, for a challenge signed with a key';

CREATE FUNCTION sync_require_signatures(required boolean) RETURNS boolean
  LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE objectos_sync.state SET require_signatures = required RETURNING require_signatures;
$$;
COMMENT ON FUNCTION sync_require_signatures(boolean) IS 'whether pushes that are not signed are turned away';

CREATE FUNCTION sync_audit("from" bigint DEFAULT 0, "to" bigint DEFAULT 9223372036854775807)
  RETURNS TABLE(sequence bigint, mutation_id uuid, client_id text, client_sequence bigint, user_id text,
    finding text, detail text)
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_audit'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_audit(bigint, bigint)
  IS 'verify the signed mutations in a part of the log: a row for each thing that was tampered with, last what was looked at';

-- === operating ====================================================================================
CREATE FUNCTION sync_prune(older_than interval DEFAULT '30 days') RETURNS bigint
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'objectos_sync_prune'
  SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION sync_prune(interval)
  IS 'remove from the log what is old and what every client of late has pulled; returns how many mutations went';

CREATE FUNCTION objectos_sync.checkpoint_bound(checkpoint text) RETURNS bigint
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'objectos_checkpoint_bound';
COMMENT ON FUNCTION objectos_sync.checkpoint_bound(text)
  IS 'the number of the last mutation that a checkpoint has examined; NULL for a text that is none';

-- The versions go far ahead: a client may hold an edit of a version that the lost history gave out and this one has yet
-- to give to something else.
CREATE FUNCTION sync_new_epoch() RETURNS uuid
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT setval('objectos_sync.version_seq', nextval('objectos_sync.version_seq') + (1::bigint << 32));
  DELETE FROM objectos_sync.samples;
  UPDATE objectos_sync.clients SET checkpoint = NULL;
  SELECT objectos_sync.settle_restored();
  UPDATE objectos_sync.shapes SET texts_from = nextval('objectos_sync.version_seq');
  UPDATE objectos_sync.state SET epoch = gen_random_uuid(), epoch_at = clock_timestamp(),
    low_water = NULL, low_water_taken_at = NULL
  RETURNING epoch;
$$;
COMMENT ON FUNCTION sync_new_epoch()
  IS 'declare the history a new one, after a restore or a rollback: every client reads its objects again and keeps its queue';

-- Clients as the operator sees them, with how far they are behind.
CREATE VIEW objectos_sync.client_progress AS
  SELECT c.client_id, c.user_id, c.last_seen,
         objectos_sync.checkpoint_bound(c.checkpoint) AS bound,
         c.last_seen < now() - current_setting('objectos_sync.client_retention')::interval AS away
    FROM objectos_sync.clients c;

CREATE FUNCTION sync_status() RETURNS TABLE(fact text, value text, unit text, problem text, hint text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH head AS (SELECT coalesce(max(sequence), 0) AS sequence FROM objectos_sync.mutations),
  log AS (
    SELECT pg_total_relation_size(c.oid) AS bytes, pg_relation_size(c.oid) AS heap_bytes,
           CASE WHEN pg_relation_size(c.oid) < 64 * 1024 * 1024
                THEN (SELECT count(*) FROM objectos_sync.mutations)
                ELSE pg_stat_get_live_tuples(c.oid) END AS rows
      FROM pg_class c WHERE c.oid = 'objectos_sync.mutations'::regclass),
  clients AS (
    SELECT count(*) AS all, count(*) FILTER (WHERE away) AS away,
           max(h.sequence - bound) FILTER (WHERE NOT away) AS lag,
           count(*) FILTER (WHERE NOT away AND bound IS NOT NULL) AS present
      FROM objectos_sync.client_progress, head h),
  broken AS (
    SELECT string_agg(o.object, ', ' ORDER BY o.object) AS objects
      FROM objectos_sync.objects o
     WHERE (SELECT count(*) FROM pg_trigger t
             WHERE t.tgrelid = o.relid AND t.tgname LIKE '~objectos\_sync\_%'
               AND t.tgenabled IN ('O', 'A')) < 5),
  oldest AS (
    SELECT extract(epoch FROM max(clock_timestamp() - xact_start))::bigint AS seconds,
           (array_agg(pid ORDER BY xact_start))[1] AS pid
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()),
  prepared AS (
    SELECT count(*) AS all, extract(epoch FROM max(clock_timestamp() - prepared))::bigint AS seconds,
           (array_agg(gid ORDER BY prepared))[1] AS gid
      FROM pg_prepared_xacts WHERE database = current_database()),
  -- Columns that filters ask about, with no index to read an object by them. Below a MiB none is needed.
  unindexed AS (
    SELECT string_agg(DISTINCT format('%s of object %s', a.attname, o.object), ', ') AS columns,
           string_agg(DISTINCT format('CREATE INDEX ON %s (%I);', o.relid, a.attname), ' ') AS cure
      FROM objectos_sync.subscriptions s
     CROSS JOIN LATERAL jsonb_each(s.columns) AS f(object, entry)
     CROSS JOIN LATERAL jsonb_each_text(f.entry->'columns') AS c(name, attnum)
      JOIN objectos_sync.objects o ON o.object = f.object AND o.relid::oid = (f.entry->>'relid')::oid
      JOIN pg_attribute a ON a.attrelid = o.relid AND a.attnum = c.attnum::smallint AND NOT a.attisdropped
     WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = o.relid AND i.indisvalid
                         AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
       AND pg_relation_size(o.relid) + (SELECT coalesce(sum(pg_relation_size(p.relid)), 0)
                                          FROM pg_partition_tree(o.relid) p) >= 1024 * 1024),
  state AS (SELECT * FROM objectos_sync.state),
  notifier AS (SELECT objectos_sync.notifier() AS now),
  facts(place, fact, value, unit, problem, hint) AS (
    SELECT 1, 'version', e.extversion, NULL::text,
           CASE WHEN a.default_version <> e.extversion THEN 'version ' || a.default_version || ' is installed' END,
           'ALTER EXTENSION objectos_sync UPDATE'
      FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname
     WHERE e.extname = 'objectos_sync'
    UNION ALL SELECT 2, 'epoch', s.epoch::text, NULL,
           CASE WHEN s.epoch_at <= s.installed_at
                 AND EXISTS (SELECT FROM objectos_sync.objects o WHERE o.enabled_at < s.installed_at)
                THEN 'this database was restored from a dump' END,
           'SELECT sync_new_epoch()' FROM state s
    UNION ALL SELECT 3, 'recovery', pg_is_in_recovery()::text, NULL,
           CASE WHEN pg_is_in_recovery() THEN 'clients cannot sync with a standby' END,
           'Connect clients to the primary.'
    UNION ALL SELECT 10, 'objects', (SELECT count(*) FROM objectos_sync.objects)::text, 'objects',
           'changes are not captured: triggers are missing or disabled on ' || objects,
           'ALTER TABLE … ENABLE TRIGGER, or sync_disable() and sync_enable() it.' FROM broken
    UNION ALL SELECT 20, 'log_rows', rows::text, 'mutations',
           CASE WHEN rows > 1000000 AND s.pruned_at IS NULL THEN 'the log was never pruned'
                WHEN rows > 1000000 AND s.pruned_at < now() - interval '7 days'
                THEN 'the log was not pruned for a week' END,
           'Run SELECT sync_prune(''30 days'') every day.' FROM log, state s
    UNION ALL SELECT 21, 'log_bytes', bytes::text, 'bytes', NULL, NULL FROM log
    UNION ALL SELECT 22, 'log_oldest_seconds', coalesce((
           SELECT extract(epoch FROM clock_timestamp() - m."timestamp")::bigint
             FROM objectos_sync.mutations m ORDER BY m.sequence LIMIT 1), 0)::text, 'seconds', NULL, NULL
    UNION ALL SELECT 23, 'head', sequence::text, 'mutation', NULL, NULL FROM head
    UNION ALL SELECT 24, 'low_water', coalesce(objectos_sync.checkpoint_bound(low_water), 0)::text, 'mutation',
           NULL, NULL FROM state
    UNION ALL SELECT 25, 'pruned_seconds_ago', extract(epoch FROM clock_timestamp() - pruned_at)::bigint::text,
           'seconds', NULL, NULL FROM state
    UNION ALL SELECT 26, 'samples', (SELECT count(*) FROM objectos_sync.samples)::text, 'samples', NULL, NULL
    UNION ALL SELECT 27, 'tombstones', (SELECT count(*) FROM objectos_sync.tombstones)::text, 'records', NULL, NULL
    UNION ALL SELECT 28, 'text_operations_bytes', pg_total_relation_size('objectos_sync.text_ops')::text, 'bytes', NULL, NULL
    UNION ALL SELECT 30, 'clients', c.all::text, 'clients', NULL, NULL FROM clients c
    UNION ALL SELECT 31, 'clients_away', away::text, 'clients', NULL, NULL FROM clients
    UNION ALL SELECT 32, 'client_lag_max', coalesce(lag, 0)::text, 'mutations', NULL, NULL FROM clients
    UNION ALL SELECT 35, 'subscriptions', (SELECT count(*) FROM objectos_sync.subscriptions)::text, 'subscriptions',
           'filters ask about columns without an index: ' || columns, cure FROM unindexed
    UNION ALL SELECT 33, 'verdicts', (SELECT count(*) FROM objectos_sync.verdicts)::text, 'verdicts', NULL, NULL
    UNION ALL SELECT 34, 'conflicts_open', (SELECT count(*) FROM objectos_sync.conflicts WHERE status = 'open')::text,
           'conflicts', NULL, NULL
    UNION ALL SELECT 35, 'signatures_required', CASE WHEN require_signatures THEN 'on' ELSE 'off' END, NULL, NULL, NULL
      FROM state
    UNION ALL SELECT 36, 'keys', (SELECT count(*) FROM objectos_sync.keys
                                   WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()))::text,
           'keys', NULL, NULL
    UNION ALL SELECT 40, 'oldest_writer_seconds', coalesce(seconds, 0)::text, 'seconds',
           CASE WHEN seconds > 3600 THEN 'a transaction of process ' || pid || ' writes for over an hour' END,
           'Its mutations come late; end it, or set idle_in_transaction_session_timeout.' FROM oldest
    UNION ALL SELECT 41, 'prepared_transactions', p.all::text, 'transactions',
           CASE WHEN seconds > 3600 THEN 'transaction ' || quote_literal(gid) || ' is prepared for over an hour' END,
           'COMMIT PREPARED or ROLLBACK PREPARED it.' FROM prepared p
    UNION ALL SELECT 42, 'notifier', n.now->>'state', NULL, n.now->>'problem',
           'Live clients poll. Raise max_worker_processes and restart the server.' FROM notifier n
    UNION ALL SELECT 43, 'listeners', n.now->>'listeners', 'sessions', NULL, NULL FROM notifier n
    UNION ALL SELECT 44, 'present', objectos_sync.present()::text, 'members', NULL, NULL
    UNION ALL SELECT 50, name, setting, unit,
           CASE WHEN name IN ('fsync', 'full_page_writes') AND setting = 'off'
                THEN 'a crash may take back what clients have pulled'
                WHEN name = 'objectos_sync.inject_fault' AND setting <> '' THEN 'faults are injected' END,
           CASE WHEN name = 'objectos_sync.inject_fault' THEN 'RESET it' ELSE 'Set it to on.' END
      FROM pg_settings
     WHERE name LIKE 'objectos\_sync.%' OR name IN ('fsync', 'full_page_writes'))
  SELECT fact, value, unit, problem, CASE WHEN problem IS NOT NULL THEN hint END
    FROM facts ORDER BY place, fact;
$$;
COMMENT ON FUNCTION sync_status() IS 'the state of sync in this database, one fact a row; problem and hint say what to mend';

-- What pg_dump takes along (docs/backup.md says why, table by table). The log, the epoch, clients and verdicts belong to
-- this history alone.
SELECT pg_catalog.pg_extension_config_dump('objectos_sync.objects', '');
SELECT pg_catalog.pg_extension_config_dump('objectos_sync.version_seq', '');
SELECT pg_catalog.pg_extension_config_dump('objectos_sync.conflicts', '');
SELECT pg_catalog.pg_extension_config_dump('objectos_sync.field_clocks', '');
SELECT pg_catalog.pg_extension_config_dump('objectos_sync.tombstones', '');

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
       'sync_hello', 'sync_listen', 'sync_push', 'sync_push_request', 'sync_push_frame', 'sync_ack', 'sync_conflicts',
       'sync_resolve', 'sync_objects', 'sync_clients', 'sync_fork', 'sync_reserve_ids', 'sync_digest', 'sync_subscribe', 'sync_touch',
       'sync_digest_buckets', 'sync_digest_records',
       'sync_records', 'sync_history', 'sync_challenge', 'sync_login', 'sync_presence_join', 'sync_presence_update',
       'sync_presence_leave', 'sync_presence', 'sync_broadcast', 'sync_events', 'sync_channel');
  END;
COMMENT ON FUNCTION objectos_sync.client_functions() IS 'what sync_grant() lets a role call';

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
     WHERE p.proname NOT IN ('sync_user_id', 'json_form', 'stamp', 'capture', 'capture_row', 'touch_dependents')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
END
$$;
