-- Who wins: field merge, last writer by field in every order of arrival, the other strategies, and
-- a delete against an update.
SET client_min_messages = warning;
CREATE TABLE people (id text PRIMARY KEY, name text, phone text, email text);
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
CREATE FUNCTION edit(n int, record text, client json, base json, at text DEFAULT NULL,
                     edited bigint DEFAULT NULL, operation text DEFAULT 'update')
  RETURNS json LANGUAGE sql AS $$ SELECT json_strip_nulls(json_build_array(json_build_object(
    'id', uid(n), 'object', 'people', 'record_id', record, 'operation', operation, 'data', client,
    'original', base, 'timestamp', at, 'version', edited))) $$;
CREATE FUNCTION shown(p text, m json)
  RETURNS TABLE(status text, reason text, resolution text, moved boolean, conflicts text)
  LANGUAGE sql AS $$
  SELECT v.status, v.reason, v.resolution, v.server_version <> v.client_version,
         (SELECT string_agg(c->>'field' || ': ' || coalesce(c->>'client_value', '-') || ' or '
                            || coalesce(c->>'server_value', '-') || ', ' || (c->>'resolution'), '; ')
            FROM jsonb_array_elements(v.detail->'conflicts') c)
    FROM sync_push(p, m) v $$;
-- John, seen by the client, and then edited by somebody else
CREATE PROCEDURE reset(strategy text, conflict text DEFAULT 'lww', rule text DEFAULT 'deletion_wins',
                       fields jsonb DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM sync_objects() WHERE object = 'people') THEN
    PERFORM sync_disable('people');
  END IF;
  TRUNCATE people;
  PERFORM sync_enable('people', strategy, fields, conflict, rule);
  INSERT INTO people VALUES ('1', 'John', '111', 'old@example.org');
END $$;
CREATE PROCEDURE elsewhere() LANGUAGE sql AS $$
  UPDATE people SET phone = '222', email = 'server@example.org' WHERE id = '1' $$;

-- merge: the client's name, the server's phone, and email is a conflict
CALL reset('merge', 'server_wins');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(1, '1', '{"name":"Jane","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
-- merge: what the conflict goes to is the object's choice
CALL reset('merge', 'client_wins');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(2, '1', '{"name":"Jane","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
CALL reset('merge', 'manual');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(3, '1', '{"name":"Jane","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
-- merge, lww: a client's edit before the server's loses its field only; one after it wins
CALL reset('merge', 'lww');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(4, '1', '{"name":"Jane","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', '2020-01-01T00:00:00Z', :seen));
SELECT name, phone, email FROM people;
SELECT * FROM shown('a', edit(5, '1', '{"email":"late@example.org"}', '{"email":"old@example.org"}',
  '2999-01-01T00:00:00Z', :seen));
SELECT name, phone, email FROM people;
-- merge: both wrote the same value, which is no conflict; nothing else moved, so nothing is merged
CALL reset('merge', 'manual');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(6, '1', '{"phone":"222"}', '{"phone":"111"}', NULL, :seen));
SELECT _version AS seen FROM people \gset
SELECT * FROM shown('a', edit(7, '1', '{"phone":"333"}', '{"phone":"222"}', NULL, :seen));
SELECT name, phone, email FROM people;
-- merge: without an original, another version means a conflict and the same version none
CALL reset('merge', 'server_wins');
SELECT _version AS seen FROM people \gset
SELECT * FROM shown('a', edit(8, '1', '{"name":"Jane"}', NULL, NULL, :seen));
SELECT * FROM shown('a', edit(9, '1', '{"name":"Jack"}', NULL, NULL, :seen));
-- merge: without a version, only the originals are compared
SELECT * FROM shown('a', edit(10, '1', '{"phone":"444"}', '{"phone":"111"}'));
SELECT * FROM shown('a', edit(11, '1', '{"phone":"555"}', '{"phone":"111"}'));
SELECT name, phone, email FROM people;

-- a value that the server made of the client's own mutation is no other edit
CREATE FUNCTION lower_email() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER lower_email BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION lower_email();
SELECT version AS seen FROM sync_push('a', edit(50, '1', '{"email":"Jane@Example.org"}',
  '{"email":"old@example.org"}')) \gset
SELECT * FROM shown('a', edit(51, '1', '{"email":"Jane@Example.net"}', '{"email":"Jane@Example.org"}',
  '2020-01-01T00:00:00Z', :seen));
SELECT email FROM people;
DROP TRIGGER lower_email ON people;
-- … nor is a default that the client's insert left to the server, in the same push or the next
ALTER TABLE people ALTER phone SET DEFAULT '000', ALTER name SET DEFAULT 'nobody';
SELECT json_build_array(edit(52, '7', '{"id":"7"}', NULL, operation => 'insert')->0,
  edit(53, '7', '{"phone":"777"}', NULL)->0) AS both \gset
SELECT max(version) AS seen, string_agg(status, ' ') AS statuses FROM sync_push('a', :'both') \gset
SELECT :'statuses' AS statuses, phone, name FROM people WHERE id = '7';
SELECT * FROM shown('a', json_build_array(json_build_object('id', uid(54), 'object', 'people', 'record_id', '7',
  'operation', 'update', 'data', '{"name":"Jane"}'::json, 'original', '{"name":null}'::json, 'version', :seen)));
SELECT phone, name FROM people WHERE id = '7';
ALTER TABLE people ALTER phone DROP DEFAULT, ALTER name DROP DEFAULT;

-- server_wins, client_wins and manual as the object's strategy
CALL reset('server_wins');
SELECT _version AS seen FROM people \gset
SELECT * FROM shown('a', edit(12, '1', '{"name":"Jane"}', '{"name":"John"}', NULL, :seen));
CALL elsewhere();
SELECT * FROM shown('a', edit(13, '1', '{"name":"Joan","email":"client@example.org"}',
  '{"name":"Jane","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
CALL reset('client_wins');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(14, '1', '{"name":"Joan","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
CALL reset('manual');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(15, '1', '{"name":"Joan","email":"client@example.org"}',
  '{"name":"John","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;
-- a field's own strategy stands over the object's
CALL reset('merge', 'server_wins', fields => '{"email":"client_wins"}');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(16, '1', '{"phone":"999","email":"client@example.org"}',
  '{"phone":"111","email":"old@example.org"}', NULL, :seen));
SELECT name, phone, email FROM people;

-- a delete against an update: the deletion wins
CALL reset('merge');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(20, '1', NULL, '{"name":"John","phone":"111"}', NULL, :seen, 'delete'));
SELECT count(*) FROM people;
SELECT * FROM shown('b', edit(21, '1', '{"name":"Jane"}', '{"name":"John"}', NULL, :seen));
SELECT count(*) FROM people;
-- a second delete has nothing to do
SELECT * FROM shown('b', edit(22, '1', NULL, NULL, NULL, :seen, 'delete'));
-- trap: deleted-and-made-again
-- an old update does not reach the record that came after the deletion; nor does an old delete
INSERT INTO people VALUES ('1', 'Other', '000', 'other@example.org');
SELECT * FROM shown('b', edit(23, '1', '{"name":"Jane"}', '{"name":"John"}', NULL, :seen));
SELECT * FROM shown('b', edit(24, '1', NULL, NULL, NULL, :seen, 'delete'));
SELECT name, phone, email FROM people;
-- a delete against an update: the update wins, and its record comes back with its last values
CALL reset('merge', rule => 'update_wins');
SELECT _version AS seen FROM people \gset
CALL elsewhere();
SELECT * FROM shown('a', edit(25, '1', NULL, NULL, NULL, :seen, 'delete'));
SELECT count(*) FROM people;
DELETE FROM people;
SELECT * FROM shown('b', edit(26, '1', '{"name":"Jane"}', '{"name":"John"}', NULL, :seen));
SELECT name, phone, email, _version > :seen AS upward FROM people;
SELECT _version AS seen FROM people \gset
SELECT * FROM shown('a', edit(27, '1', NULL, NULL, NULL, :seen, 'delete'));
SELECT count(*) FROM people;

-- lww: two edits of one field, in both orders of arrival
CALL reset('lww');
INSERT INTO people VALUES ('2', 'John');
SELECT * FROM shown('a', edit(30, '1', '{"name":"early"}', '{"name":"John"}', '2020-01-01T10:00:00Z'));
SELECT * FROM shown('b', edit(31, '1', '{"name":"late"}', '{"name":"John"}', '2020-01-01T10:00:05Z'));
SELECT * FROM shown('b', edit(32, '2', '{"name":"late"}', '{"name":"John"}', '2020-01-01T10:00:05Z'));
SELECT * FROM shown('a', edit(33, '2', '{"name":"early"}', '{"name":"John"}', '2020-01-01T10:00:00Z'));
SELECT id, name FROM people ORDER BY id;
-- trap: clock-ahead
-- lww: a clock that is ahead of the server's counts as now, so a later plain write wins over it
SELECT * FROM shown('a', edit(34, '1', '{"name":"future"}', '{"name":"late"}', '2999-01-01T00:00:00Z'));
UPDATE people SET name = 'plain' WHERE id = '1';
SELECT * FROM shown('b', edit(35, '1', '{"name":"past"}', '{"name":"future"}', '2020-01-01T00:00:00Z'));
SELECT * FROM shown('b', edit(36, '1', '{"name":"now"}', '{"name":"future"}'));
SELECT name FROM people WHERE id = '1';
-- lww: equal times are decided by the mutation's id
CALL reset('lww');
SELECT * FROM shown('a', edit(38, '1', '{"name":"b"}', '{"name":"John"}', '2020-01-01T00:00:00Z'));
SELECT * FROM shown('b', edit(37, '1', '{"name":"a"}', '{"name":"John"}', '2020-01-01T00:00:00Z'));
SELECT name FROM people;

-- lww: three clients' mutations in all six orders of arrival give one row
CREATE TABLE sent (who text, n int, data json, original json, at text);
INSERT INTO sent VALUES
  ('A', 100, '{"email":"a"}', '{"email":"email"}', '2020-01-01T00:00:10Z'),
  ('B', 200, '{"name":"b"}', '{"name":"name"}', '2020-01-01T00:00:20Z'),
  ('C', 300, '{"email":"c"}', '{"email":"email"}', '2020-01-01T00:00:15Z');
CREATE TABLE arrivals AS SELECT a.who || b.who || c.who AS arrival, row_number() OVER
    (ORDER BY a.who, b.who, c.who)::int AS n FROM sent a, sent b, sent c
  WHERE a.who <> b.who AND b.who <> c.who AND a.who <> c.who;
CREATE TABLE outcomes (arrival text, who text, status text, reason text, resolution text);
INSERT INTO people SELECT arrival, 'name', NULL, 'email' FROM arrivals;
SELECT format('INSERT INTO outcomes SELECT %L, %L, status, reason, resolution FROM shown(%L, %L)',
              o.arrival, s.who, s.who, edit(s.n + o.n, o.arrival, s.data, s.original, s.at))
  FROM arrivals o CROSS JOIN sent s ORDER BY o.arrival, strpos(o.arrival, s.who) \gexec
SELECT arrival, string_agg(who || ' ' || concat_ws(' ', status, reason, resolution), ', '
                           ORDER BY strpos(arrival, who)) AS outcomes
  FROM outcomes GROUP BY arrival ORDER BY arrival;
SELECT DISTINCT name, email FROM people WHERE length(id) = 3;
SELECT sync_disable('people');
DROP TABLE people, sent, arrivals, outcomes;
DROP PROCEDURE reset, elsewhere;
DROP FUNCTION shown, edit, uid, lower_email;
