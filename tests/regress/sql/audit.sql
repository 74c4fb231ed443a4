-- sync_audit(): what was done to signed mutations in the log afterwards.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
TRUNCATE objectos_sync.mutations, objectos_sync.verdicts, objectos_sync.clients, objectos_sync.keys, objectos_sync.signatures;
CREATE EXTENSION pgcrypto;
CREATE TABLE diary (id int PRIMARY KEY, body text, words int, long text);
SELECT sync_enable('diary');
\i tests/regress/include/signing.sql
SELECT key_id AS ada, secret AS ada_secret FROM sync_create_key('ada') \gset
SELECT key_id AS bob, secret AS bob_secret FROM sync_create_key('bob') \gset
-- Values that a trigger changes, long ones, awkward ones, updates, a deletion.
CREATE FUNCTION count_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.words := length(NEW.body);
  RETURN NEW;
END $$;
CREATE TRIGGER count_words BEFORE INSERT OR UPDATE ON diary FOR EACH ROW EXECUTE FUNCTION count_words();
SELECT status FROM sync_push('phone', json_build_array(
  envelope(:'ada', :'ada_secret', 'phone', payload(1, 1, 'one')),
  envelope(:'ada', :'ada_secret', 'phone', payload(2, 2, E'"two" \\ ä€𝄞\n\u0001')),
  envelope(:'ada', :'ada_secret', 'phone', payload(3, 3, repeat('long ', 20000))),
  envelope(:'ada', :'ada_secret', 'phone', payload(4, 1, 'one, again', 'update')),
  envelope(:'ada', :'ada_secret', 'phone', json_build_object('id', '00000000-0000-4000-8000-000000000005', 'object', 'diary',
    'record_id', '2', 'operation', 'delete', 'client_sequence', 5)::text),
  envelope(:'ada', :'ada_secret', 'phone', payload(6, 1, 'refused'))));
SELECT status FROM sync_push('tablet', json_build_array(envelope(:'bob', :'bob_secret', 'tablet', payload(1, 4, 'of bob'))));
INSERT INTO diary (id, body) VALUES (9, 'unsigned');
SELECT min(sequence) - 1 AS zero FROM objectos_sync.mutations \gset
CREATE VIEW findings AS
  SELECT a.sequence - z.zero AS n, a.client_id, a.client_sequence, a.user_id, a.finding,
    regexp_replace(a.detail, '[0-9a-f]{8}-[0-9a-f-]{27}', '…') AS detail
    FROM (SELECT min(sequence) - 1 AS zero FROM objectos_sync.signatures) z, sync_audit() a;
SELECT * FROM findings;
-- Also when its keys have ended, and of a part.
SELECT sync_revoke_key(:'bob');
SELECT finding, detail FROM sync_audit(:zero + 2, :zero + 3);
SELECT finding, detail FROM sync_audit(:zero + 100);
SELECT sync_audit(NULL, 1);

-- Each kind of tampering, undone after it.
CREATE PROCEDURE tamper(what text) LANGUAGE plpgsql AS $$
DECLARE
  line record;
BEGIN
  BEGIN
    EXECUTE what;
    FOR line IN SELECT n, client_sequence, finding, detail FROM findings WHERE finding <> 'looked at' LOOP
      RAISE WARNING '% (%): %, %', line.n, line.client_sequence, line.finding, line.detail;
    END LOOP;
    IF NOT FOUND THEN RAISE WARNING 'nothing was found'; END IF;
    RAISE EXCEPTION USING errcode = 'ZZ000', message = 'undo';
  EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    NULL;
  END;
END $$;
\set m 'UPDATE objectos_sync.mutations SET '
\set s 'UPDATE objectos_sync.signatures SET '
\set at ' WHERE sequence = (SELECT min(sequence) FROM objectos_sync.signatures)'
CALL tamper(:'m' || $$ data = jsonb_set(data, '{body}', '"forged"')$$ || :'at');
CALL tamper(:'m' || $$ data = data - 'words'$$ || :'at');
CALL tamper(:'m' || $$ data = NULL$$ || :'at');
CALL tamper(:'m' || $$ original = '{"body": "x"}'$$ || :'at');
CALL tamper(:'m' || $$ version = version + 1$$ || :'at');
CALL tamper(:'m' || $$ operation = 'update'$$ || :'at');
CALL tamper(:'m' || $$ exact = NOT exact$$ || :'at');
CALL tamper(:'m' || $$ record_id = '7'$$ || :'at');
CALL tamper(:'m' || $$ object = 'other'$$ || :'at');
CALL tamper(:'m' || $$ user_id = 'bob'$$ || :'at');
CALL tamper(:'m' || $$ user_id = NULL$$ || :'at');
CALL tamper(:'m' || $$ client_id = 'tablet'$$ || :'at');
CALL tamper(:'m' || $$ client_sequence = 99$$ || :'at');
CALL tamper(:'m' || $$ client_sequence = NULL$$ || :'at');
CALL tamper(:'m' || $$ id = '00000000-0000-4000-8000-000000000099'$$ || :'at');
CALL tamper('DELETE FROM objectos_sync.mutations' || :'at');
CALL tamper('DELETE FROM objectos_sync.signatures WHERE client_id = ''phone'' AND payload LIKE ''%update%''');
CALL tamper(:'s' || $$ payload = replace(payload, 'one', 'two')$$ || :'at');
CALL tamper(:'s' || $$ payload = payload || ' '$$ || :'at');
CALL tamper(:'s' || $$ signature = set_byte(signature, 5, get_byte(signature, 5) # 1)$$ || :'at');
CALL tamper(:'s' || $$ client_id = 'tablet'$$ || :'at');
CALL tamper(:'s' || $$ epoch = gen_random_uuid()$$ || :'at');
CALL tamper(:'s' || $$ seal = sha256(seal)$$ || :'at');
CALL tamper(:'s' || $$ key_id = (SELECT key_id FROM objectos_sync.keys WHERE user_id = 'bob')$$ || :'at');
CALL tamper($$UPDATE objectos_sync.keys SET user_id = 'mallory' WHERE user_id = 'bob'$$);
CALL tamper($$DELETE FROM objectos_sync.keys WHERE user_id = 'bob'$$);
-- Two rows that have changed places.
CALL tamper($$UPDATE objectos_sync.mutations m SET data = o.data FROM objectos_sync.mutations o
  WHERE m.client_sequence = 1 AND m.client_id = 'phone' AND o.client_sequence = 1 AND o.client_id = 'tablet'$$);
SELECT finding, detail FROM findings;
-- For the owner alone.
CREATE ROLE regress_auditor;
SET ROLE regress_auditor;
SELECT sync_audit();
RESET ROLE;
DROP ROLE regress_auditor;
-- After another epoch and after pruning, what is left is as sound as before.
SELECT sync_new_epoch() IS NOT NULL AS new;
SELECT finding, detail FROM findings;
SET objectos_sync.client_retention = 0;
SELECT sync_prune('0') > 0 AS pruned;
SELECT finding, detail FROM sync_audit();
SELECT sync_disable('diary');
DROP VIEW findings;
DROP PROCEDURE tamper;
DROP TABLE diary;
DROP FUNCTION count_words, login, envelope, payload, sign(text, text, text, text, text);
DROP EXTENSION pgcrypto;
