-- Text fields: edits of several clients and of plain SQL meet character by character.
SET client_min_messages = warning;
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
-- the version that a record had when it was remembered under a name
CREATE TABLE seen (name text PRIMARY KEY, version bigint);
-- an edit of a body by an operation, made of the version remembered
CREATE FUNCTION edit(n int, record int, at text, op json, number int DEFAULT NULL, more json DEFAULT '{}', of_group text DEFAULT NULL)
  RETURNS json LANGUAGE sql AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('id', uid(n), 'object', 'papers', 'record_id', record::text, 'operation', 'update',
    'version', s.version, 'client_sequence', number, 'group', of_group)) || jsonb_build_object('data',
    jsonb_build_object('body', jsonb_build_object('revision', s.version, 'op', op)) || more::jsonb)
    FROM seen s WHERE s.name = at $$;
CREATE FUNCTION pushed(p text, VARIADIC m json[]) RETURNS TABLE(n int, status text, duplicate bool, reason text, sqlstate text, message text)
  LANGUAGE sql AS $$ SELECT right(v.mutation_id::text, 12)::int, v.status, v.duplicate, v.reason, v.detail->>'sqlstate', v.detail->>'message'
    FROM sync_push(p, array_to_json(m)) v $$;
-- a pulled row, its steps without their revisions
CREATE FUNCTION steps(data json) RETURNS text LANGUAGE sql AS $$
  SELECT CASE jsonb_typeof(data::jsonb->'body') WHEN 'object' THEN coalesce(nullif(data::jsonb - 'body', '{}')::text || ' ', '') ELSE data::text END ||
    CASE jsonb_typeof(data::jsonb->'body') WHEN 'object' THEN (SELECT string_agg(concat_ws(' ', coalesce('own ' || right(s->>'own', 2), s->>'side'), s->>'op'), ' | ')
      FROM jsonb_array_elements(data::jsonb->'body'->'steps') s) ELSE '' END $$;

CREATE TABLE papers (id int PRIMARY KEY, title text, body text);
INSERT INTO papers VALUES (1, 't', ''), (2, 'n', NULL), (3, 'p', 'abc');
SELECT sync_enable('papers', fields => '{"body": "text"}');
CREATE FUNCTION remember(remembered text, record int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO seen SELECT remembered, _version FROM papers WHERE id = record
    ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version $$;
SELECT remember('start', 1);
SELECT checkpoint AS b_at FROM sync_pull('text-b', '0', 1000) WHERE kind = 'checkpoint' \gset
SELECT checkpoint AS m_at FROM sync_pull('text-m', '0', 1000) WHERE kind = 'checkpoint' \gset

-- two insert at one place: the lower client id goes left, in either order of arrival
SELECT * FROM pushed('text-a', edit(1, 1, 'start', '["Hello"]', 1));
SELECT * FROM pushed('text-b', edit(2, 1, 'start', '["World"]', 1));
SELECT body FROM papers WHERE id = 1;
SELECT kind, operation, steps(data) FROM sync_pull('text-m', :'m_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');
SELECT checkpoint AS m_at FROM sync_pull('text-m', :'m_at', 1000) WHERE kind = 'checkpoint' \gset
UPDATE papers SET body = '' WHERE id = 1;
SELECT remember('empty', 1);
SELECT * FROM pushed('text-b', edit(3, 1, 'empty', '["World"]', 2));
SELECT * FROM pushed('text-a', edit(4, 1, 'empty', '["Hello"]', 2));
SELECT body FROM papers WHERE id = 1;

-- the article's form, beside another field
SELECT remember('hello', 1);
SELECT * FROM pushed('text-a', edit(5, 1, 'hello', '{"type": "insert", "pos": 5, "text": ", "}', 3, '{"title": "greeting"}'));
SELECT * FROM pushed('text-b', edit(6, 1, 'hello', '{"type": "delete", "pos": 0, "len": 1}', 3, '{"title": "other"}'));
SELECT title, body FROM papers WHERE id = 1;

-- plain SQL is an edit like others'; the log holds operations
UPDATE papers SET body = body || '!' WHERE id = 1;
SELECT * FROM pushed('text-a', edit(7, 1, 'hello', '[10, "?"]'));
SELECT * FROM pushed('text-c', edit(7, 1, 'hello', '[10, "?"]'));
SELECT body FROM papers WHERE id = 1;
SELECT operation, data, original FROM objectos_sync.mutations WHERE record_id = '1' ORDER BY sequence DESC LIMIT 2;
SELECT kind, operation, steps(data) FROM sync_pull('text-m', :'m_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');
SELECT checkpoint AS m_at FROM sync_pull('text-m', :'m_at', 1000) WHERE kind = 'checkpoint' \gset
SELECT kind, operation, steps(data) FROM sync_pull('text-b', :'b_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');

-- several edits of a push are made of one another; one that is there already is passed over
UPDATE papers SET body = 'base' WHERE id = 1;
SELECT remember('base', 1);
UPDATE papers SET body = '>>base' WHERE id = 1;
SELECT * FROM pushed('text-d', edit(10, 1, 'base', '["1"]', 1), edit(11, 1, 'base', '[1, "2"]', 2));
SELECT * FROM pushed('text-d', edit(10, 1, 'base', '["1"]', 1), edit(11, 1, 'base', '[1, "2"]', 2), edit(12, 1, 'base', '[2, "3"]', 3));
SELECT body FROM papers WHERE id = 1;
-- but not in another push: what it was made of is not known here
SELECT * FROM pushed('text-d', edit(13, 1, 'base', '[3, "4"]', 4));
SELECT high_water FROM objectos_sync.clients WHERE client_id = 'text-d';
SELECT remember('now', 1);
SELECT * FROM pushed('text-d', edit(13, 1, 'now', '[5, "4"]', 4));
SELECT body FROM papers WHERE id = 1;
-- an edit that has become nothing is answered, and those after it are made of what it did
SELECT remember('whole', 1);
UPDATE papers SET body = '' WHERE id = 1;
SELECT * FROM pushed('text-d', edit(14, 1, 'whole', '[-3]', 5), edit(15, 1, 'whole', '["x"]', 6));
SELECT * FROM pushed('text-d', edit(14, 1, 'whole', '[-3]', 5), edit(15, 1, 'whole', '["x"]', 6), edit(16, 1, 'whole', '[1, "y"]', 7));
SELECT body FROM papers WHERE id = 1;

-- edits that come to nothing together are answered, and not logged
SELECT remember('whole', 1);
SELECT n, status, duplicate FROM pushed('text-o', edit(140, 1, 'whole', '["+"]', 1), edit(141, 1, 'whole', '[-1]', 2));
SELECT n, status, duplicate FROM pushed('text-o', edit(140, 1, 'whole', '["+"]', 1), edit(141, 1, 'whole', '[-1]', 2), edit(142, 1, 'whole', '[2, "z"]', 3));
SELECT body FROM papers WHERE id = 1;
SELECT client_sequence, data FROM objectos_sync.mutations WHERE client_id = 'text-o' ORDER BY sequence;

-- refused by name, and nothing is done: beyond the end, from the future, malformed
SELECT remember('now', 1);
SELECT * FROM pushed('text-e', edit(20, 1, 'now', '[9, "x"]', 1));
INSERT INTO seen SELECT 'future', version + 1000 FROM seen WHERE name = 'now';
SELECT * FROM pushed('text-e', edit(21, 1, 'future', '["x"]', 2));
SELECT v.n, v.status, v.sqlstate, v.message FROM unnest(ARRAY['[0]', '[3]', '["", 1]', '[1.5, "x"]', '[["x"]]', '{"type": "move"}',
    '{"type": "insert", "pos": -1, "text": "x"}', 'true']) WITH ORDINALITY AS o(op, n),
  LATERAL pushed('text-e', edit(30 + o.n::int, 1, 'now', o.op::json)) v;
SELECT v.status, v.sqlstate, v.message FROM sync_push('text-e', '[{"id": "00000000-0000-4000-8000-000000000050", "object": "papers", "record_id": "1",
  "operation": "update", "data": {"body": {"op": ["x"]}}}, {"id": "00000000-0000-4000-8000-000000000051", "object": "papers", "record_id": "1",
  "operation": "update", "data": {"body": {"revision": 1, "op": ["x"], "side": 1}}}, {"id": "00000000-0000-4000-8000-000000000052", "object": "papers",
  "record_id": "9", "operation": "insert", "data": {"body": {"revision": 1, "op": ["x"]}}}]') j, LATERAL (SELECT j.status, j.detail->>'sqlstate' AS sqlstate, j.detail->>'message' AS message) v;
SELECT status, detail->>'sqlstate' AS sqlstate, detail->>'message' AS message FROM sync_push('text-e', '[{"id": "00000000-0000-4000-8000-000000000054", "object": "papers", "record_id": "1",
  "operation": "update", "data": {"body": {"revision": 1, "op": ["a\u0000b"]}}}]');
SELECT * FROM sync_push('text-e', '[{"id": "00000000-0000-4000-8000-000000000053", "object": "papers", "record_id": "1", "operation": "update",
  "data": {"body": {"revision": 1, "op": ["\ud800"]}}}]');
SELECT body FROM papers WHERE id = 1;

-- after a rejected edit nothing of the text is judged in the push, nor what comes behind
SELECT * FROM pushed('text-f', edit(60, 1, 'now', '["1"]', 1), edit(61, 1, 'now', '[99, "2"]', 2), edit(62, 3, 'start', '["3"]', 3), edit(63, 1, 'now', '[1, "4"]', 4));
ALTER TABLE papers ADD CHECK (title <> 'bad');
SELECT remember('now', 1);
SELECT * FROM pushed('text-g', edit(65, 1, 'now', '["5"]', 1, '{"title": "bad"}'), edit(66, 1, 'now', '[1, "6"]', 2), edit(67, 3, 'start', '["7"]', 3));
SELECT high_water FROM objectos_sync.clients WHERE client_id = 'text-g';
-- a group is judged whole or not at all
SELECT * FROM pushed('text-h', edit(70, 3, 'start', '["x"]', 1, of_group => 'one'), edit(71, 1, 'now', '[99, "1"]', 2), edit(72, 1, 'now', '["2"]', 3, of_group => 'one'));
SELECT * FROM pushed('text-i', edit(73, 3, 'start', '["("]', 1, of_group => 'two'), edit(74, 1, 'now', '["<"]', 2, of_group => 'two'));
SELECT id, body FROM papers WHERE id IN (1, 3) ORDER BY id;

-- NULL is an empty text to edits, and stays NULL where they leave nothing
SELECT remember('two', 2);
SELECT * FROM pushed('text-a', edit(80, 2, 'two', '["first"]', 4));
SELECT * FROM pushed('text-b', edit(81, 2, 'two', '["second"]', 4));
SELECT body FROM papers WHERE id = 2;
SELECT remember('two', 2);
UPDATE papers SET body = NULL WHERE id = 2;
SELECT * FROM pushed('text-c', edit(82, 2, 'two', '[-5]', 1));
SELECT body IS NULL AS is_null FROM papers WHERE id = 2;
SELECT kind, operation, steps(data) FROM sync_pull('text-m', :'m_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');
SELECT checkpoint AS m_at FROM sync_pull('text-m', :'m_at', 1000) WHERE kind = 'checkpoint' \gset
UPDATE papers SET body = 'again' WHERE id = 2;
SELECT kind, operation, steps(data) FROM sync_pull('text-m', :'m_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');
SELECT checkpoint AS m_at FROM sync_pull('text-m', :'m_at', 1000) WHERE kind = 'checkpoint' \gset
SELECT remember('two', 2);
SELECT status FROM sync_push('text-c', (SELECT json_build_array(json_build_object('id', uid(83), 'object', 'papers', 'record_id', '2', 'operation', 'update',
  'version', version, 'data', json_build_object('body', json_build_object('revision', version, 'op', '[-5]'::json, 'null', true)))) FROM seen WHERE name = 'two'));
SELECT body IS NULL AS is_null FROM papers WHERE id = 2;

-- two plain values are an edit, too, whatever the version; without what was there before, it is a value
UPDATE papers SET body = 'The quick fox' WHERE id = 3;
SELECT remember('fox', 3);
UPDATE papers SET body = 'The quick red fox' WHERE id = 3;
CREATE FUNCTION value(n int, client text, body json) RETURNS TABLE(status text, reason text, resolution text) LANGUAGE sql AS $$
  SELECT v.status, v.reason, v.resolution FROM sync_push(client, (SELECT json_build_array(jsonb_build_object('id', uid(n), 'object', 'papers', 'record_id', '3',
    'operation', 'update', 'version', version) || body::jsonb) FROM seen WHERE name = 'fox')) v $$;
SELECT * FROM value(90, 'text-j', '{"data": {"body": "The quick fox jumps"}, "original": {"body": "The quick fox"}}');
SELECT body FROM papers WHERE id = 3;
SELECT * FROM value(91, 'text-j', '{"changes": {"body": {"from": "The quick fox", "to": "A quick fox"}}}');
SELECT body FROM papers WHERE id = 3;
SELECT * FROM value(92, 'text-k', '{"data": {"body": "all mine"}, "timestamp": "2001-01-01T00:00:00Z"}');
SELECT body FROM papers WHERE id = 3;

-- a trigger that makes another text of it: what stands in the row is what was committed
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := upper(NEW.body); RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE UPDATE ON papers FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION shout();
UPDATE papers SET body = 'x' WHERE id = 3;
SELECT remember('x', 3);
SELECT checkpoint AS l_at FROM sync_pull('text-l', '0', 1000) WHERE kind = 'checkpoint' \gset
SELECT * FROM pushed('text-l', edit(95, 3, 'x', '["ab"]', 1), edit(96, 3, 'x', '[2, "cd"]', 2));
SELECT body FROM papers WHERE id = 3;
SELECT kind, operation, steps(data) FROM sync_pull('text-l', :'l_at', 1000) WHERE kind IN ('mutation', 'acknowledgement');
SELECT checkpoint AS l_at FROM sync_pull('text-l', :'l_at', 1000) WHERE kind = 'checkpoint' \gset
DROP TRIGGER shout ON papers;

-- renamed columns, other strategies: edits from before are not guessed at
SELECT remember('x', 3);
ALTER TABLE papers RENAME COLUMN body TO content;
SELECT fields FROM sync_objects();
UPDATE papers SET content = content || '.' WHERE id = 3;
SELECT v.status FROM seen s, LATERAL sync_push('text-n', json_build_array(json_build_object('id', uid(97), 'object', 'papers', 'record_id', '3', 'operation', 'update', 'version', s.version,
  'data', json_build_object('content', json_build_object('revision', s.version, 'op', '["("]'::json))))) v WHERE s.name = 'x';
SELECT content FROM papers WHERE id = 3;
SELECT remember('x', 3);
SELECT sync_enable('papers', fields => '{}');
UPDATE papers SET content = 'quite another' WHERE id = 3;
SELECT sync_enable('papers', fields => '{"content": "text"}');
SELECT v.status FROM seen s, LATERAL sync_push('text-n', json_build_array(json_build_object('id', uid(98), 'object', 'papers', 'record_id', '3', 'operation', 'update', 'version', s.version,
  'data', json_build_object('content', json_build_object('revision', s.version, 'op', '["("]'::json))))) v WHERE s.name = 'x';
SELECT content FROM papers WHERE id = 3;

-- a record that gets a truncated one's key is another one
SELECT remember('x', 3);
TRUNCATE papers;
INSERT INTO papers VALUES (3, 'new', 'another');
SELECT v.status FROM seen s, LATERAL sync_push('text-n', json_build_array(json_build_object('id', uid(100), 'object', 'papers', 'record_id', '3', 'operation', 'update', 'version', s.version,
  'data', json_build_object('content', json_build_object('revision', s.version, 'op', '["("]'::json))))) v WHERE s.name = 'x';

-- pruned with the log: what is older than what is kept has to pull first
UPDATE papers SET content = 'one' WHERE id = 3;
SELECT remember('x', 3);
UPDATE papers SET content = 'one two' WHERE id = 3;
UPDATE papers SET content = 'one two three' WHERE id = 3;
UPDATE objectos_sync.clients SET checkpoint = NULL;
SELECT sync_prune('0') > 0 AS pruned;
SELECT record_id, operation FROM objectos_sync.text_ops WHERE record_id = '3' ORDER BY revision DESC;
SELECT v.status FROM seen s, LATERAL sync_push('text-n', json_build_array(json_build_object('id', uid(99), 'object', 'papers', 'record_id', '3', 'operation', 'update', 'version', s.version,
  'data', json_build_object('content', json_build_object('revision', s.version, 'op', '["("]'::json))))) v WHERE s.name = 'x';
SELECT sync_disable('papers');

-- a partition's columns may have other numbers than its root's
CREATE TABLE sheets (id int PRIMARY KEY, body text) PARTITION BY RANGE (id);
CREATE TABLE sheets_low (gone int, also_gone int, body text, id int NOT NULL);
ALTER TABLE sheets_low DROP gone, DROP also_gone;
ALTER TABLE sheets ATTACH PARTITION sheets_low FOR VALUES FROM (0) TO (100);
INSERT INTO sheets VALUES (1, 'ab');
SELECT sync_enable('sheets', fields => '{"body": "text"}');
INSERT INTO seen SELECT 'sheet', _version FROM sheets ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version;
SELECT checkpoint AS s_at FROM sync_pull('text-s', '0', 1000) WHERE kind = 'checkpoint' \gset
UPDATE sheets_low SET body = 'a_b';
SELECT v.status FROM seen s, LATERAL sync_push('text-t', json_build_array(json_build_object('id', uid(101), 'object', 'sheets', 'record_id', '1', 'operation', 'update', 'version', s.version,
  'data', json_build_object('body', json_build_object('revision', s.version, 'op', '[2, "!"]'::json))))) v WHERE s.name = 'sheet';
SELECT body FROM sheets;
SELECT kind, operation, steps(data) FROM sync_pull('text-s', :'s_at', 1000) WHERE kind = 'mutation';
SELECT sync_disable('sheets');
DROP TABLE sheets;
SELECT count(*) FROM objectos_sync.text_ops;
DROP TABLE papers, seen;
DROP FUNCTION uid, remember, edit, pushed, steps, value, shout;
