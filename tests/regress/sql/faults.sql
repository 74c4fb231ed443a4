-- An error in the middle of C++ code is an ERROR of that statement and changes nothing.
SET client_min_messages = warning;
CREATE TABLE parcels (id int PRIMARY KEY, name text);
SELECT sync_enable('parcels');
SELECT pg_backend_pid() AS pid \gset

SET objectos_sync.inject_fault = 'bad_alloc:capture';
INSERT INTO parcels VALUES (1, 'a');
SET objectos_sync.inject_fault = 'exception:capture';
INSERT INTO parcels VALUES (1, 'a');
SET objectos_sync.inject_fault = 'error:log_flush';
INSERT INTO parcels VALUES (1, 'a');
SET objectos_sync.inject_fault = 'bad_alloc:log_flush';
INSERT INTO parcels VALUES (1, 'a');
RESET objectos_sync.inject_fault;

-- caught by an exception block: the session goes on with the rights it had
DO $$
BEGIN
  FOR i IN 1..200 LOOP
    BEGIN
      PERFORM set_config('objectos_sync.inject_fault', 'bad_alloc:log_flush', true);
      INSERT INTO parcels VALUES (i, 'x');
    EXCEPTION WHEN out_of_memory THEN NULL;
    END;
  END LOOP;
END $$;
SELECT count(*) FROM parcels;
SELECT count(*) FROM objectos_sync.mutations WHERE object = 'parcels' AND operation <> 'schema';

-- only superusers inject
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SET objectos_sync.inject_fault = 'bad_alloc:capture';
SELECT current_user;
RESET ROLE;

-- a timeout in the middle of capture
SET statement_timeout = '60ms';
INSERT INTO parcels SELECT g, repeat('x', 100) FROM generate_series(1, 400000) g;
RESET statement_timeout;
SELECT count(*) FROM parcels;

-- trigger functions are not for calling, nor for other tables
SELECT objectos_sync.capture();
CREATE TABLE other (id int PRIMARY KEY);
CREATE TRIGGER odd AFTER INSERT ON other REFERENCING NEW TABLE AS n FOR EACH STATEMENT
  EXECUTE FUNCTION objectos_sync.capture();
INSERT INTO other VALUES (1);
CREATE TRIGGER early BEFORE INSERT ON parcels FOR EACH ROW EXECUTE FUNCTION objectos_sync.capture();
INSERT INTO parcels VALUES (1, 'a');
DROP TRIGGER early ON parcels;

-- the same backend all along, and it still works
SELECT pg_backend_pid() = :pid AS same_backend;
INSERT INTO parcels VALUES (1, 'a');
SELECT record_id, operation, data FROM objectos_sync.mutations WHERE object = 'parcels' AND operation <> 'schema';
SELECT sync_disable('parcels');
DROP TABLE parcels, other;
DROP ROLE regress_nobody;
DELETE FROM objectos_sync.mutations;
