-- trap: search-path-operator
-- Operators and functions that somebody put into a schema of the search_path, before PostgreSQL's own,
-- are not run by anything of ours: neither with the owner's rights nor with the caller's.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
DELETE FROM objectos_sync.clients;
DELETE FROM objectos_sync.mutations;
CREATE ROLE path_user;
CREATE SCHEMA trap;
GRANT ALL ON SCHEMA trap, public TO path_user;
SELECT sync_grant('path_user');
GRANT EXECUTE ON FUNCTION sync_enable(regclass, text, jsonb, text, text, text, boolean), sync_disable(regclass) TO path_user;
-- Every operator that statements of this kind use, on every type that they use it on, and the functions.
DO $$
DECLARE
  o record;
  f record;
BEGIN
  FOR o IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result,
                  'caught_' || oprresult::oid || '_' || (oprcode::oid) AS name FROM pg_catalog.pg_operator
            WHERE oprname IN ('=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*', '->', '->>', '#>', '#>>', '@>', '~', '~~')
              AND oprleft <> 0 AND oprleft::regtype::text !~ '^any' AND oprright::regtype::text !~ '^any' LOOP
    EXECUTE format('CREATE OR REPLACE FUNCTION trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS
      $f$ BEGIN RAISE EXCEPTION ''trapped: %% as %%'', %L, current_user; END $f$', o.name, o.l, o.r, o.result, o.oprname);
    EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.%I)', o.oprname, o.l, o.r, o.name);
  END LOOP;
  FOR f IN SELECT DISTINCT proname, pg_catalog.pg_get_function_identity_arguments(oid) AS arguments,
                  prorettype::regtype AS result FROM pg_catalog.pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset AND provariadic = 0
              AND prorettype <> 'internal'::regtype AND prorettype::regtype::text !~ '^any'
              AND proname IN ('now', 'lower', 'upper', 'format', 'concat', 'length', 'encode', 'decode', 'to_jsonb', 'jsonb_typeof',
                'current_setting', 'set_config', 'nextval', 'pg_current_xact_id', 'gen_random_uuid', 'quote_ident', 'row_number',
                'pg_snapshot_xmin', 'clock_timestamp', 'has_table_privilege', 'has_column_privilege', 'pg_has_role',
                'pg_get_expr', 'date_part', 'age', 'replace', 'substr', 'md5', 'sha256', 'int8', 'text')
              AND NOT EXISTS (SELECT FROM unnest(proargtypes) t WHERE t::regtype::text ~ '^(any|internal|cstring)') LOOP
    EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS
      $f$ BEGIN RAISE EXCEPTION ''trapped: %s as %%'', current_user; END $f$', f.proname, f.arguments, f.result, f.proname);
  END LOOP;
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trap TO PUBLIC;
SELECT count(*) > 100 AS traps_are_set FROM pg_operator WHERE oprnamespace = 'trap'::regnamespace;
-- The whole way of an object, for a superuser and for an ordinary role.
CREATE PROCEDURE public.whole_way(client pg_catalog.text) LANGUAGE plpgsql AS $$
DECLARE
  v pg_catalog.int8;
  c pg_catalog.uuid;
  verdicts pg_catalog.text;
  mutation pg_catalog.text := '{"id":"00000000-0000-4000-8000-00000000000';
BEGIN
  CREATE TABLE public.things (id pg_catalog.int4 PRIMARY KEY, name pg_catalog.text, visits pg_catalog.int4, tags pg_catalog.text[],
    at pg_catalog.timestamptz, size pg_catalog.numeric, doc pg_catalog.jsonb);
  PERFORM public.sync_enable('public.things', 'merge', '{"visits":"counter","tags":"set"}', 'manual');
  INSERT INTO public.things SELECT g, 'n', 1, '{a}', NULL, 1.5, '{"a":1}' FROM pg_catalog.generate_series(1, 20) g;
  UPDATE public.things SET name = 'm';
  DELETE FROM public.things WHERE id OPERATOR(pg_catalog.=) 20;
  SELECT _version INTO v FROM public.things WHERE id OPERATOR(pg_catalog.=) 1;
  SELECT pg_catalog.string_agg(pg_catalog.concat_ws(': ', status, reason, detail OPERATOR(pg_catalog.->>) 'message'), ', ') INTO verdicts FROM public.sync_push(client, pg_catalog.json_build_array(
    (pg_catalog.concat(mutation, '1","object":"things","record_id":"1","operation":"update","data":{"name":"c","visits":3,"tags":["b"]},"original":{"name":"b","visits":1,"tags":["a"]},"version":1}'))::pg_catalog.json,
    (pg_catalog.concat(mutation, '2","object":"things","record_id":"30","operation":"insert","data":{"name":"x"},"client_sequence":1}'))::pg_catalog.json,
    (pg_catalog.concat(mutation, '3","object":"things","record_id":"31","operation":"insert","data":{"name":"x"},"client_sequence":2}'))::pg_catalog.json,
    (pg_catalog.concat(mutation, '4","object":"things","record_id":"31","operation":"delete","client_sequence":3}'))::pg_catalog.json,
    (pg_catalog.concat(mutation, '5","object":"things","record_id":"32","operation":"insert","data":{"size":"no number"},"client_sequence":4}'))::pg_catalog.json));
  RAISE WARNING '%', verdicts;
  SELECT conflict_id INTO c FROM public.sync_conflicts() WHERE status OPERATOR(pg_catalog.=) 'open';
  PERFORM public.sync_resolve(c, '{"name":"resolved"}'::pg_catalog.jsonb);
  PERFORM public.sync_ack(pg_catalog.json_build_object('client_id', client, 'last_sync', NULL, 'checkpoint', '0', 'confirmed', 4));
  PERFORM public.sync_clients();
  PERFORM public.sync_objects();
  PERFORM public.sync_user_id();
  ALTER TABLE public.things ADD COLUMN more pg_catalog.text DEFAULT 'd';
  ALTER TABLE public.things RENAME COLUMN more TO most;
  ALTER TABLE public.things ALTER COLUMN visits TYPE pg_catalog.int8;
  CREATE TABLE public.parted (id pg_catalog.int4 PRIMARY KEY, v pg_catalog.text) PARTITION BY RANGE (id);
  CREATE TABLE public.part (id pg_catalog.int4 PRIMARY KEY, v pg_catalog.text);
  PERFORM public.sync_enable('public.parted');
  ALTER TABLE public.parted ATTACH PARTITION public.part FOR VALUES FROM (1) TO (100);
  INSERT INTO public.part VALUES (1, 'a');
  UPDATE public.parted SET id = 2;
  ALTER TABLE public.parted DETACH PARTITION public.part;
  PERFORM public.sync_disable('public.parted');
  DROP TABLE public.parted, public.part;
END $$;
CREATE PROCEDURE public.way_back() LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE public.things;
  PERFORM public.sync_disable('public.things');
  DROP TABLE public.things;
END $$;
-- As anybody who has nothing but this right.
SET ROLE path_user;
SET search_path = trap, pg_catalog, public;
CALL public.whole_way('path');
SELECT kind, pg_catalog.count(*) FROM public.sync_pull('path', '0') GROUP BY kind ORDER BY kind USING OPERATOR(pg_catalog.<);
SELECT public.sync_hello('path') IS NOT NULL AS hello, public.sync_schema() IS NOT NULL AS schema,
       public.sync_pull_response('path', '0') IS NOT NULL AS response, public.sync_pull_frame('path', '0') IS NOT NULL AS frame;
SELECT pg_catalog.count(*) FROM public.sync_snapshot('path');
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AS digests FROM public.sync_digest('path', 1);
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AS records
  FROM public.sync_digest('path', 1) AS d, public.sync_digest_buckets('path', 1, d.object, 0, '{0}') AS b,
       public.sync_digest_records('path', 1, d.object, 8, ARRAY[b.bucket]) AS r,
       public.sync_records('path', d.object, ARRAY[r.record_id]) AS w, public.sync_history(d.object, r.record_id) AS h;
CALL public.way_back();
-- As a superuser, who may look after it, too.
RESET ROLE;
CALL public.whole_way('admin');
SELECT pg_catalog.count(fact) OPERATOR(pg_catalog.>) 1 AS facts FROM public.sync_status();
SELECT public.sync_prune('0') IS NOT NULL AS pruned;
SELECT public.sync_forget_client('admin'), public.sync_new_epoch() IS NOT NULL AS new_epoch;
SELECT kind, pg_catalog.count(*) FROM public.sync_pull('admin', '0') GROUP BY kind ORDER BY kind USING OPERATOR(pg_catalog.<);
CALL public.way_back();
SELECT public.sync_revoke('path_user');
-- They do bite.
SELECT 1 = 1;
RESET search_path;
SET client_min_messages = error;
DROP SCHEMA trap CASCADE;
DROP PROCEDURE whole_way(text), way_back();
DROP OWNED BY path_user;
DROP ROLE path_user;
