-- What sync_enable and sync_disable refuse, each by name, with its SQLSTATE, and without a trace.
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

-- Tables that cannot be synced.
CREATE TABLE keyless (v text);
SELECT refusal($$SELECT sync_enable('keyless')$$);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
SELECT refusal($$SELECT sync_enable('parted_1')$$);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
SELECT refusal($$SELECT sync_enable('unlogged')$$);
CREATE TEMP TABLE passing (id int PRIMARY KEY);
SELECT refusal($$SELECT sync_enable('passing')$$) ~ '^OS008 .* it is a temporary table' AS temporary;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE abroad (id int) SERVER nowhere;
SELECT refusal($$SELECT sync_enable('abroad')$$);
CREATE VIEW seen AS SELECT 1 AS id;
SELECT refusal($$SELECT sync_enable('seen')$$);
CREATE MATERIALIZED VIEW seen_once AS SELECT 1 AS id;
SELECT refusal($$SELECT sync_enable('seen_once')$$);
CREATE SEQUENCE counting;
SELECT refusal($$SELECT sync_enable('counting')$$);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT refusal($$SELECT sync_enable('parent')$$);
SELECT refusal($$SELECT sync_enable('child')$$);
SELECT refusal($$SELECT sync_enable('pg_catalog.pg_class')$$);
SELECT refusal($$SELECT sync_enable('objectos_sync.clients')$$);
CREATE TYPE shape AS (id int);
CREATE TABLE typed OF shape (PRIMARY KEY (id));
SELECT refusal($$SELECT sync_enable('typed')$$);
CREATE TABLE taken (id int PRIMARY KEY, "_Version" int);
SELECT refusal($$SELECT sync_enable('taken')$$);
CREATE TABLE taken_too (id int PRIMARY KEY, _synced int);
SELECT refusal($$SELECT sync_enable('taken_too')$$);
CREATE TABLE twice (id int PRIMARY KEY, name text, "Name" text);
SELECT refusal($$SELECT sync_enable('twice')$$);
CREATE TABLE json_key (id jsonb PRIMARY KEY);
SELECT refusal($$SELECT sync_enable('json_key')$$);
CREATE TABLE array_key (a int, b text[], PRIMARY KEY (a, b));
SELECT refusal($$SELECT sync_enable('array_key')$$);
CREATE TABLE made_key (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);
SELECT refusal($$SELECT sync_enable('made_key')$$);
SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg(format('c%s bool', n), ', '))
  FROM generate_series(1, 1597) n \gexec
SELECT refusal($$SELECT sync_enable('wide')$$);
SELECT refusal($$SELECT sync_enable(4294967295::oid)$$);
SELECT refusal($$SELECT sync_enable(NULL)$$);

-- Options, fields and names.
CREATE TABLE plain (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (v || '!') STORED);
SELECT refusal($$SELECT sync_enable('plain', 'newest')$$);
SELECT refusal($$SELECT sync_enable('plain', NULL)$$);
SELECT refusal($$SELECT sync_enable('plain', on_conflict => 'merge')$$);
SELECT refusal($$SELECT sync_enable('plain', deletes => 'never')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '[]')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '{"w": "lww"}')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '{"v": "newest"}')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '{"v": {"a": 1}}')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '{"id": "lww"}')$$);
SELECT refusal($$SELECT sync_enable('plain', fields => '{"g": "lww"}')$$);
SELECT refusal($$SELECT sync_enable('plain', object => '')$$);
SELECT refusal($$SELECT sync_enable('plain', object => '_base')$$);
SELECT refusal($$SELECT sync_enable('plain', object => 'SQLite_things')$$);
SELECT refusal($$SELECT sync_enable('plain', object => repeat('x', 513))$$);

-- Every refusal left nothing behind.
SELECT count(*) FROM sync_objects();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '~objectos%';

-- Names in use, whatever their case.
SELECT sync_enable('plain');
CREATE TABLE other (id int PRIMARY KEY);
SELECT refusal($$SELECT sync_enable('other', object => 'PLAIN')$$);
SELECT refusal($$SELECT sync_disable('other')$$);
SELECT refusal($$ALTER TABLE plain DROP COLUMN _version$$);

-- A failure half way undoes the columns and triggers that were there.
SET objectos_sync.inject_fault = 'bad_alloc:enable';
SELECT refusal($$SELECT sync_enable('other')$$);
SET objectos_sync.inject_fault = 'exception:enable';
SELECT refusal($$SELECT sync_enable('other')$$);
RESET objectos_sync.inject_fault;
SELECT count(*) FROM pg_attribute WHERE attrelid = 'other'::regclass AND attnum > 0 AND NOT attisdropped;

-- Who does not own the table, or lacks the right to call.
CREATE ROLE enable_stranger;
SET ROLE enable_stranger;
SELECT refusal($$SELECT sync_enable('other')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION sync_enable, sync_disable TO enable_stranger;
SET ROLE enable_stranger;
SELECT refusal($$SELECT sync_enable('other')$$);
SELECT refusal($$SELECT sync_disable('plain')$$);
SELECT refusal($$SELECT * FROM objectos_sync.objects$$);
SELECT refusal($$SELECT setval('objectos_sync.version_seq', 1)$$);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sync_enable, sync_disable FROM enable_stranger;
DROP ROLE enable_stranger;

SELECT sync_disable('plain');
DROP TABLE keyless, parted, unlogged, parent, child, typed, taken, taken_too, twice, json_key,
  array_key, made_key, wide, plain, other;
DROP TYPE shape;
DROP VIEW seen;
DROP MATERIALIZED VIEW seen_once;
DROP SEQUENCE counting;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
DROP FUNCTION refusal;
