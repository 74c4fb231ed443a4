-- Enabling and disabling tables.
SET client_min_messages = warning;
CREATE TABLE contacts (id int PRIMARY KEY, name text, email text);
CREATE TEMP TABLE shape_before AS
  SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
   WHERE attrelid = 'contacts'::regclass AND attnum > 0 AND NOT attisdropped;

-- an enabled table has its three columns and its triggers, without a rewrite
INSERT INTO contacts VALUES (1, 'Ada', NULL);
SELECT pg_relation_filenode('contacts') AS filenode \gset
SELECT sync_enable('contacts', fields => '{"email": "client_wins"}');
SELECT pg_relation_filenode('contacts') = :filenode AS not_rewritten;
SELECT object, table_name, strategy, on_conflict, deletes, fields, key FROM sync_objects();
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
 WHERE attrelid = 'contacts'::regclass AND attnum > 3 ORDER BY attnum;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'contacts'::regclass ORDER BY tgname COLLATE "C";

-- enabling twice, and a name that is taken
SELECT sync_enable('contacts');
CREATE TABLE people (id int PRIMARY KEY);
SELECT sync_enable('people', object => 'contacts');

-- options that do not exist
SELECT sync_enable('people', 'newest');
SELECT sync_enable('people', on_conflict => 'merge');
SELECT sync_enable('people', deletes => 'maybe');
SELECT sync_enable('people', fields => '{"nick": "lww"}');
SELECT sync_enable('people', fields => '{"id": "first"}');
SELECT sync_enable('people', fields => '[1]');
SELECT sync_enable(NULL);

-- tables that cannot be synced
CREATE TABLE keyless (a int);
SELECT sync_enable('keyless');
CREATE UNLOGGED TABLE fleeting (a int PRIMARY KEY);
SELECT sync_enable('fleeting');
CREATE TEMP TABLE passing (a int PRIMARY KEY);
\set VERBOSITY sqlstate
SELECT sync_enable('passing');
\set VERBOSITY default
CREATE TABLE parted (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT sync_enable('parted');
SELECT sync_enable('parted_1');
CREATE TABLE heir (b int PRIMARY KEY) INHERITS (keyless);
SELECT sync_enable('heir');
CREATE TABLE taken (a int PRIMARY KEY, _version int);
SELECT sync_enable('taken');
CREATE VIEW glance AS SELECT * FROM people;
SELECT sync_enable('glance');
SELECT sync_enable('pg_class');
SELECT sync_enable('objectos_sync.objects');

-- only the owner
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SELECT sync_enable('people');
SELECT sync_disable('contacts');
RESET ROLE;

-- a table of another schema is named with it
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."order" ("select" text, "a""b" int, PRIMARY KEY ("a""b", "select"));
SELECT sync_enable('"Shop"."order"');
SELECT object, table_name, key FROM sync_objects() ORDER BY object;

-- the extension does not go while objects are enabled, not even with CASCADE
\set VERBOSITY terse
DROP EXTENSION objectos_sync;
DROP EXTENSION objectos_sync CASCADE;
\set VERBOSITY default

-- a dropped table leaves the list
DROP TABLE "Shop"."order";
SELECT object FROM sync_objects();

-- disabling gives the table back as it was
SELECT sync_disable('contacts');
SELECT sync_disable('contacts');
(SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
  WHERE attrelid = 'contacts'::regclass AND attnum > 0 AND NOT attisdropped)
EXCEPT TABLE shape_before;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'contacts'::regclass;
SELECT * FROM contacts;
SELECT count(*) FROM sync_objects();

DROP VIEW glance;
DROP TABLE contacts, people, fleeting, parted, heir, keyless, taken;
DROP SCHEMA "Shop";
DROP ROLE regress_stranger;
