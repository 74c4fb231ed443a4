-- trap: large-values
-- A page ends by its size, too: large values come over more pages, each record once.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN PERFORM sync_disable(table_name) FROM sync_objects(); END $$;
CREATE TABLE film (id int PRIMARY KEY, body bytea);
SELECT sync_enable('film');
SET test.checkpoint = '0';
-- One round: what each page brought, in bytes of JSON as millions.
CREATE FUNCTION one_round() RETURNS TABLE(page int, records text, millions numeric, has_more boolean) LANGUAGE plpgsql AS $$
DECLARE
  next_checkpoint text;
BEGIN
  page := 0;
  LOOP
    page := page + 1;
    SELECT string_agg(p.record_id, ' ' ORDER BY p.record_id::int) FILTER (WHERE kind = 'mutation'),
           round(sum(length(p.data::text)) FILTER (WHERE kind = 'mutation') / 1e6),
           bool_or(p.has_more), max(p.checkpoint)
      INTO records, millions, has_more, next_checkpoint
      FROM sync_pull('c', current_setting('test.checkpoint'), 100) p;
    PERFORM set_config('test.checkpoint', next_checkpoint, false);
    RETURN NEXT;
    EXIT WHEN NOT has_more;
  END LOOP;
END $$;
-- 6 films of 3 MB, 6 MB in JSON, and one of 10 MB, 20 in JSON, larger than a page.
INSERT INTO film SELECT g, convert_to(repeat('x', 3000000), 'UTF8') FROM generate_series(1, 6) g;
INSERT INTO film VALUES (7, convert_to(repeat('y', 10000000), 'UTF8')), (8, 'small');
SELECT * FROM one_round();
-- The same by the log.
UPDATE film SET body = body || '!';
INSERT INTO film SELECT g, 'small' FROM generate_series(10, 20) g;
SELECT * FROM one_round();
SELECT * FROM one_round();
-- A blob of 20 MB is pushed, and arrives as it was sent.
CREATE FUNCTION pushed(record int, bytes int) RETURNS text LANGUAGE sql AS $$
  SELECT status FROM sync_push('c', concat('[{"id":"00000000-0000-4000-8000-', lpad(record::text, 12, '0'),
    '","object":"film","operation":"insert","record_id":"', record, '","data":{"body":"\\x', repeat('ab', bytes), '"}}]')::json) $$;
SELECT pushed(9, 20000000);
SELECT length(body), body = decode(repeat('ab', 20000000), 'hex') AS same FROM film WHERE id = 9;
-- One that no message could carry is refused by name, and nothing of it is done.
SELECT pushed(30, 34000000);
SELECT count(*) FROM film WHERE id = 30;
SELECT sync_disable('film');
DROP TABLE film;
DROP FUNCTION one_round, pushed;
