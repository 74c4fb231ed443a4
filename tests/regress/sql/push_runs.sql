-- A push writes neighbours that do the same to different records by one statement; what comes of
-- each is the same as one by one.
SET client_min_messages = warning;
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'never');
CREATE TYPE pair AS (x int, y text);
CREATE TABLE cards (id text PRIMARY KEY, name text, n int, code short, tags text[], spot pair,
                    label varchar(4), at timestamptz, rev int NOT NULL DEFAULT 0);
SELECT sync_enable('cards');
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
CREATE FUNCTION m(n int, record text, op text, data json DEFAULT NULL, original json DEFAULT NULL,
                  grp text DEFAULT NULL) RETURNS json LANGUAGE sql AS $$
  SELECT json_strip_nulls(json_build_object('id', uid(n), 'object', 'cards', 'record_id', record,
    'operation', op, 'data', data, 'original', original, 'client_sequence', n, 'group', grp)) $$;
CREATE FUNCTION shown(p text, variadic ms json[]) RETURNS TABLE(n int, status text, reason text)
  LANGUAGE sql AS $$
  SELECT right(v.mutation_id::text, 4)::int, v.status, v.reason
    FROM sync_push(p, to_json(ms)) v $$;
-- counts the statements
CREATE TABLE statements (n serial, op text, rows bigint,
  seqscan text DEFAULT current_setting('enable_seqscan'), hashjoin text DEFAULT current_setting('enable_hashjoin'));
CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO statements (op, rows) VALUES (TG_OP, (SELECT count(*) FROM changed)); RETURN NULL; END $$;
CREATE TRIGGER counted_i AFTER INSERT ON cards REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_statement();
CREATE TRIGGER counted_u AFTER UPDATE ON cards REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_statement();
CREATE TRIGGER counted_d AFTER DELETE ON cards REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_statement();

-- 200 mutations take a few transaction ids, not one each: many subtransactions slow down every snapshot of the server
-- trap: many-subtransactions
SELECT pg_current_xact_id() AS before \gset
SELECT status, count(*) FROM sync_push('many', (SELECT json_agg(json_build_object('id', gen_random_uuid(), 'object', 'cards',
  'record_id', 'many' || g, 'operation', 'insert', 'data', json_build_object('n', g))) FROM generate_series(1, 200) g)) GROUP BY status;
SELECT pg_current_xact_id()::text::bigint - :'before'::bigint < 10 AS few_transaction_ids;
DELETE FROM cards;
DELETE FROM statements;

-- three inserts, one statement; the fourth sets other columns
SELECT * FROM shown('p', m(1, 'a', 'insert', '{"name":"A","n":1}'), m(2, 'b', 'insert', '{"name":"B","n":2}'),
  m(3, 'c', 'insert', '{"name":"C","n":3}'), m(4, 'd', 'insert', '{"name":"D"}'));
-- a chain splits the run: the second edit of a builds on the first
SELECT * FROM shown('p', m(5, 'a', 'update', '{"name":"A2"}', '{"name":"A"}'), m(6, 'b', 'update', '{"name":"B2"}', '{"name":"B"}'),
  m(7, 'a', 'update', '{"name":"A3"}', '{"name":"A2"}'), m(8, 'c', 'update', '{"name":"C2"}', '{"name":"C"}'));
-- what changes nothing and what is gone stand in the middle of a run
SELECT * FROM shown('p', m(9, 'a', 'update', '{"n":10}', '{"n":1}'), m(10, 'b', 'update', '{"n":2}', '{"n":2}'),
  m(11, 'zz', 'update', '{"n":3}', '{"n":1}'), m(12, 'c', 'update', '{"n":30}', '{"n":3}'));
SELECT * FROM shown('p', m(13, 'a', 'delete'), m(14, 'nobody', 'delete'), m(15, 'd', 'delete'));
SELECT op, rows FROM statements ORDER BY n;
SELECT id, name, n FROM cards ORDER BY id;

-- values of types that nest, that are cut, that are checked: by run as by one
SELECT * FROM shown('p', m(20, 't1', 'insert', '{"tags":["a","b,\"c"],"spot":"(1,\"x y\")","code":"ok","label":"four","at":"2024-05-06T07:08:09.123456+00:00"}'),
  m(21, 't2', 'insert', '{"tags":[],"spot":null,"code":null,"label":null,"at":"infinity"}'),
  m(22, 't3', 'insert', '{"tags":null,"spot":"(,)","code":"four","label":"","at":null}'));
SELECT id, tags, spot, code, label, at AT TIME ZONE 'UTC' AS at FROM cards WHERE id LIKE 't%' ORDER BY id;
SELECT * FROM shown('p', m(23, 't1', 'update', '{"label":"fits","tags":["n"]}', '{"label":"four","tags":["a","b,\"c"]}'),
  m(24, 't2', 'update', '{"label":"too long","tags":["n"]}', '{"label":null,"tags":[]}'),
  m(25, 't3', 'update', '{"code":"never"}', '{"code":"four"}'));
SELECT id, tags, label, code FROM cards WHERE id LIKE 't%' ORDER BY id;

-- a trigger that skips rows: who was hit is told apart
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.name = 'skip' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON cards FOR EACH ROW EXECUTE FUNCTION skip();
SELECT * FROM shown('p', m(30, 's1', 'insert', '{"name":"one"}'), m(31, 's2', 'insert', '{"name":"skip"}'), m(32, 's3', 'insert', '{"name":"three"}'));
SELECT * FROM shown('p', m(33, 's1', 'update', '{"name":"1"}', '{"name":"one"}'), m(34, 't1', 'update', '{"name":"skip"}', '{"name":null}'),
  m(35, 's3', 'update', '{"name":"3"}', '{"name":"three"}'));
SELECT id, name FROM cards WHERE id LIKE 's%' OR id = 't1' ORDER BY id;
DROP TRIGGER skip ON cards;

-- triggers that change other rows of the same statement: nobody's edit is lost
CREATE FUNCTION touch_next() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE cards SET rev = rev + 1 WHERE id = 's3' AND NEW.id = 's1'; RETURN NEW; END $$;
CREATE TRIGGER touch_next BEFORE UPDATE OF name ON cards FOR EACH ROW EXECUTE FUNCTION touch_next();
SELECT * FROM shown('p', m(40, 's1', 'update', '{"name":"first"}', '{"name":"1"}'), m(41, 's3', 'update', '{"name":"third"}', '{"name":"3"}'));
SELECT id, name, rev FROM cards WHERE id IN ('s1', 's3') ORDER BY id;
DROP TRIGGER touch_next ON cards;
CREATE TRIGGER touch_next AFTER UPDATE OF name ON cards FOR EACH ROW EXECUTE FUNCTION touch_next();
SELECT * FROM shown('p', m(42, 's1', 'update', '{"name":"eins"}', '{"name":"first"}'), m(43, 's3', 'update', '{"name":"drei"}', '{"name":"third"}'),
  m(44, 's3', 'update', '{"name":"tres"}', '{"name":"drei"}'));
SELECT id, name, rev FROM cards WHERE id IN ('s1', 's3') ORDER BY id;
DROP TRIGGER touch_next ON cards;

-- a group that is undone in the middle of what one statement would do
ALTER TABLE cards ADD CONSTRAINT small CHECK (n < 100);
SELECT * FROM shown('p', m(50, 'g1', 'insert', '{"n":1}'), m(51, 'g2', 'insert', '{"n":2}', NULL, 'g'), m(52, 'g3', 'insert', '{"n":300}', NULL, 'g'),
  m(53, 'g4', 'insert', '{"n":4}'));
SELECT id FROM cards WHERE id LIKE 'g%' ORDER BY id;
-- UNIQUE values that are handed on keep their order
CREATE UNIQUE INDEX ON cards (name);
SELECT * FROM shown('p', m(60, 's1', 'update', '{"name":"free"}', '{"name":"eins"}'), m(61, 's3', 'update', '{"name":"eins"}', '{"name":"tres"}'));
SELECT id, name FROM cards WHERE id IN ('s1', 's3') ORDER BY id;

-- every verdict names its own log row and the version in it
SELECT count(*) > 20 AS many, count(*) FILTER (WHERE (l.sequence, l.version) IS DISTINCT FROM (v.sequence, v.version)) AS wrong
  FROM objectos_sync.verdicts v LEFT JOIN objectos_sync.mutations l ON l.id = v.mutation_id AND l.object = 'cards'
 WHERE v.client_id = 'p' AND v.sequence IS NOT NULL;
-- the settings that the plan is made under are not those that the user's triggers run under
SELECT DISTINCT seqscan, hashjoin FROM statements;
SELECT sync_disable('cards');
DROP TABLE cards, statements;
DROP DOMAIN short;
DROP TYPE pair;
DROP FUNCTION uid, m, shown, count_statement, skip, touch_next;
