-- Manual conflicts: opened by a push, heard of by a pull, listed to those who see the record, and
-- ended from any client.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE TABLE cards (id text PRIMARY KEY, title text, body text, points int CHECK (points >= 0));
SELECT sync_enable('cards', 'merge', on_conflict => 'manual');
CREATE FUNCTION uid(n int) RETURNS text LANGUAGE sql AS
  $$ SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') $$;
CREATE FUNCTION edit(n int, record text, client json, base json) RETURNS json LANGUAGE sql AS
  $$ SELECT json_build_array(json_build_object('id', uid(n), 'object', 'cards', 'record_id', record,
       'operation', 'update', 'data', client, 'original', base, 'version', 1)) $$;
CREATE FUNCTION push(p text, m json)
  RETURNS TABLE(status text, reason text, resolution text, applied boolean, conflict boolean)
  LANGUAGE sql AS $$ SELECT v.status, v.reason, v.resolution, v.sequence IS NOT NULL,
                            v.detail ? 'conflict_id' FROM sync_push(p, m) v $$;
CREATE VIEW listed AS SELECT object, record_id, reason, base, client, server, client_id, status FROM sync_conflicts();
CREATE FUNCTION pick(record text) RETURNS uuid LANGUAGE sql AS
  $$ SELECT conflict_id FROM sync_conflicts() WHERE record_id = record AND status = 'open' ORDER BY opened_at DESC LIMIT 1 $$;

INSERT INTO cards VALUES ('1', 'title', 'body', 1), ('2', 'title', 'body', 1), ('3', 'title', 'body', 1), ('4', 'title', 'body', 1);
SELECT checkpoint AS seen FROM sync_pull('card reader', NULL) WHERE kind = 'checkpoint' \gset
UPDATE cards SET title = 'server', points = 5;
-- what does not collide is applied at once; what does waits, with base, client's and server's values
SELECT * FROM push('card a', edit(1, '1', '{"title":"client","body":"client"}', '{"title":"title","body":"body"}'));
SELECT id, title, body FROM cards WHERE id = '1';
SELECT * FROM listed;
-- nothing left to apply: no log row of the record, but the conflict's own
SELECT * FROM push('card a', edit(2, '2', '{"title":"client"}', '{"title":"title"}'));
SELECT operation, record_id, client_id FROM objectos_sync.mutations WHERE client_id = 'card a' ORDER BY sequence;
-- a replay opens no second conflict
SELECT * FROM push('card a', edit(2, '2', '{"title":"client"}', '{"title":"title"}'));
SELECT count(*) FROM listed;
-- the pull tells of the open conflicts
SELECT kind, object, record_id, operation, data::jsonb - 'conflict_id' - 'server_version' - 'opened_at' AS data
  FROM sync_pull('card reader', :'seen') WHERE kind IN ('mutation', 'conflict') ORDER BY kind, record_id;
SELECT checkpoint AS seen FROM sync_pull('card reader', :'seen') WHERE kind = 'checkpoint' \gset
-- client_wins puts the client's value there, as a mutation like any other
SELECT status, resolution, sequence IS NOT NULL AS applied FROM sync_resolve(pick('1'), 'client_wins');
SELECT id, title, body FROM cards WHERE id = '1';
-- server_wins leaves the row alone
SELECT status, resolution, sequence IS NOT NULL AS applied FROM sync_resolve(pick('2'), 'server_wins');
SELECT id, title, body FROM cards WHERE id = '2';
-- values are the resolver's own; a refused one leaves the conflict open
SELECT * FROM push('card b', edit(3, '3', '{"points":3}', '{"points":1}'));
SELECT status, reason, detail->>'sqlstate' AS sqlstate FROM sync_resolve(pick('3'), '{"points":-1}'::jsonb);
SELECT status, reason, detail->>'sqlstate' AS sqlstate FROM sync_resolve(pick('3'), '{"colour":1}'::jsonb);
SELECT record_id, status FROM listed WHERE record_id = '3';
SELECT status, resolution, sequence IS NOT NULL AS applied FROM sync_resolve(pick('3'), '{"points":8}'::jsonb);
SELECT id, points FROM cards WHERE id = '3';
-- the row as it is now counts, not as it was when the conflict was opened
SELECT * FROM push('card b', edit(4, '4', '{"title":"client"}', '{"title":"title"}'));
UPDATE cards SET title = 'meanwhile' WHERE id = '4';
SELECT status, resolution FROM sync_resolve(pick('4'), 'client_wins');
SELECT id, title FROM cards WHERE id = '4';
-- ended is ended
SELECT conflict_id AS ended FROM objectos_sync.conflicts WHERE object = 'cards' AND record_id = '1' \gset
SELECT * FROM sync_resolve(:'ended', 'client_wins');
SELECT * FROM sync_resolve('00000000-0000-4000-8000-00000000dead', 'client_wins');
SELECT record_id, status, resolution, resolved_by = current_user AS by_me, resolved_at IS NOT NULL AS at
  FROM objectos_sync.conflicts WHERE object = 'cards' ORDER BY record_id;
SELECT kind, record_id, operation, data->>'status' AS status, data->>'resolution' AS resolution
  FROM sync_pull('card reader', :'seen') WHERE kind IN ('mutation', 'conflict') ORDER BY kind, record_id;
-- options that do not exist
SELECT * FROM push('card c', edit(5, '1', '{"title":"again"}', '{"title":"title"}'));
SELECT * FROM sync_resolve(pick('1'), 'nobody_wins');
SELECT * FROM sync_resolve(pick('1'), '[1]'::jsonb);
-- only those who see the record are told, and only of columns they may read
CREATE ROLE regress_stranger;
CREATE ROLE regress_reader;
SELECT sync_grant('regress_stranger'), sync_grant('regress_reader');
GRANT SELECT (id, body, _version) ON cards TO regress_reader;
SELECT pick('1') AS open \gset
SET ROLE regress_stranger;
SELECT count(*) FROM sync_conflicts();
SELECT * FROM sync_resolve(:'open', 'client_wins');
SET ROLE regress_reader;
SELECT record_id, base, client, server FROM sync_conflicts() WHERE status = 'open';
SELECT status, reason, detail->>'sqlstate' AS sqlstate FROM sync_resolve(:'open', 'client_wins');
-- leaving the row alone is a decision about it, too
SELECT status, reason, detail->>'sqlstate' AS sqlstate FROM sync_resolve(:'open', 'server_wins');
RESET ROLE;
-- a record that is gone takes its conflict out of sight
DELETE FROM cards WHERE id = '1';
SELECT count(*) FROM sync_conflicts() WHERE status = 'open';
SELECT sync_revoke('regress_stranger'), sync_revoke('regress_reader');
DROP FUNCTION pick;
DROP VIEW listed;
SELECT sync_disable('cards');
DROP TABLE cards;
DROP ROLE regress_stranger, regress_reader;
DROP FUNCTION push, edit, uid;
