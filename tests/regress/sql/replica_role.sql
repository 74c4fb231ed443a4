-- trap: replica-role-not-captured
-- session_replication_role = replica, as the apply worker of a subscription has it: rows are stamped and captured one by one.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
\i tests/regress/include/replica.sql
CREATE TABLE applied (id int PRIMARY KEY, v text, up text GENERATED ALWAYS AS (upper(v)) STORED);
CREATE TABLE applied_parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE applied_parts_1 PARTITION OF applied_parts FOR VALUES FROM (0) TO (10);
CREATE TABLE applied_parts_2 PARTITION OF applied_parts FOR VALUES FROM (10) TO (20);
SELECT sync_enable('applied'), sync_enable('applied_parts');
SELECT count(*) FROM replica.sync('a');
SET session_replication_role = replica;
INSERT INTO applied VALUES (1, 'one'), (2, 'two'), (3, 'three');
UPDATE applied SET v = 'uno' WHERE id = 1;
UPDATE applied SET v = v;
UPDATE applied SET id = 30 WHERE id = 3;
DELETE FROM applied WHERE id = 2;
INSERT INTO applied_parts VALUES (1, 'one'), (2, 'two');
UPDATE applied_parts SET id = id + 10 WHERE id = 1;
INSERT INTO applied_parts_2 VALUES (15, 'leaf');
UPDATE applied_parts_2 SET v = 'by leaf' WHERE id = 15;
CREATE TABLE applied_parts_3 PARTITION OF applied_parts FOR VALUES FROM (20) TO (30);
INSERT INTO applied_parts_3 VALUES (25, 'new');
RESET session_replication_role;
SELECT object, record_id, operation, data, original FROM objectos_sync.mutations WHERE operation <> 'schema' ORDER BY sequence;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- A version that comes with the row, from a publisher that is synced itself, and lies ahead: the next one is higher.
SET session_replication_role = replica;
INSERT INTO applied (id, v, _version) VALUES (4, 'ahead', 1000000);
RESET session_replication_role;
UPDATE applied SET v = 'later' WHERE id = 4;
SELECT _version > 1000000 AS upward FROM applied WHERE id = 4;
SELECT count(*) FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- TRUNCATE, of the whole and of a part.
SET session_replication_role = replica;
TRUNCATE applied;
TRUNCATE applied_parts_2;
RESET session_replication_role;
SELECT * FROM replica.sync('a');
SELECT * FROM replica.differences('a');

-- The ordinary role does not log anything twice.
DELETE FROM objectos_sync.mutations;
INSERT INTO applied VALUES (5, 'once');
UPDATE applied SET v = 'one' WHERE id = 5;
INSERT INTO applied_parts VALUES (7, 'once');
SELECT object, record_id, operation FROM objectos_sync.mutations ORDER BY sequence;

SELECT sync_disable('applied'), sync_disable('applied_parts');
DROP TABLE applied, applied_parts;
DROP SCHEMA replica CASCADE;
DELETE FROM objectos_sync.mutations;
DELETE FROM objectos_sync.clients;
