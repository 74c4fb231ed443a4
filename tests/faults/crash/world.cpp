#include "world.h"

namespace faults {

namespace {

constexpr const char* world = R"sql(
CREATE EXTENSION objectos_sync;
CREATE TYPE pair AS (x int, y text);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TABLE notes (id text PRIMARY KEY, body text, n int CHECK (n >= 0), email text UNIQUE);
CREATE TABLE counts (id int PRIMARY KEY, hits int, total numeric(20, 3), tags text[], doc jsonb);
CREATE TABLE clocked (id uuid PRIMARY KEY, body text, at timestamptz, raw bytea);
CREATE TABLE cards (id int PRIMARY KEY, front text, back text);
CREATE TABLE pairs (a int, b text, v numeric, p pair, m mood, PRIMARY KEY (a, b));
CREATE TABLE parts (id int, day date, v jsonb, s small, PRIMARY KEY (id, day))
  PARTITION BY RANGE (day);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2040-01-01')
  PARTITION BY HASH (id);
CREATE TABLE parts_new_0 PARTITION OF parts_new FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_new_1 PARTITION OF parts_new FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE own (id bigint PRIMARY KEY, owner text DEFAULT current_user, v text);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON own USING (owner = current_user);
CREATE TABLE children (id int PRIMARY KEY, note text REFERENCES notes ON DELETE CASCADE
  ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "Odd ""name""" ("the key" text PRIMARY KEY, "select" int,
  twice int GENERATED ALWAYS AS ("select" * 2) STORED);
CREATE TABLE mixed (id int PRIMARY KEY, v text);
CREATE TABLE plain_1 (id int PRIMARY KEY, v text);
CREATE TABLE plain_2 (id int, v text);
CREATE UNLOGGED TABLE plain_3 (id int PRIMARY KEY);
CREATE VIEW seen AS SELECT * FROM notes;
CREATE FUNCTION joined(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb
  LANGUAGE plpgsql AS $$
BEGIN
  IF client #>> '{}' LIKE '%raise%' THEN RAISE EXCEPTION 'not so'; END IF;
  IF client #>> '{}' LIKE '%odd%' THEN RETURN NULL; END IF;
  RETURN to_jsonb(coalesce(client #>> '{}', '') || coalesce(server #>> '{}', ''));
END $$;
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.front LIKE 'raise%' THEN RAISE EXCEPTION 'no such card'; END IF;
  IF NEW.front LIKE 'skip%' THEN RETURN NULL; END IF;
  NEW.back := upper(NEW.back);
  RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON cards FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT sync_enable('notes');
SELECT sync_enable('counts', 'merge', '{"hits": "counter", "total": "counter", "tags": "set"}');
SELECT sync_enable('clocked', 'lww');
SELECT sync_enable('cards', 'merge', on_conflict => 'manual');
SELECT sync_enable('pairs', 'server_wins');
SELECT sync_enable('parts', 'client_wins');
SELECT sync_enable('own');
SELECT sync_enable('children', deletes => 'update_wins');
SELECT sync_enable('"Odd ""name"""', 'manual');
SELECT sync_enable('mixed', 'function:public.joined');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE nobody LOGIN;
SELECT sync_grant('alice'), sync_grant('bob');
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO alice;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO bob;
GRANT UPDATE (body), INSERT, DELETE ON notes TO bob;
REVOKE SELECT ON clocked FROM bob;
GRANT SELECT (id, body) ON clocked TO bob;
INSERT INTO notes SELECT g::text, 'note ' || g, g, g || '@x' FROM generate_series(1, 20) g;
INSERT INTO counts SELECT g, g, g, ARRAY['x', g::text], '{"a": [1]}' FROM generate_series(1, 20) g;
INSERT INTO cards SELECT g, 'front', 'back' FROM generate_series(1, 20) g;
INSERT INTO pairs SELECT g, 'b' || g, g, ROW(g, 'y')::pair, 'good' FROM generate_series(1, 20) g;
INSERT INTO parts SELECT g, '2010-01-01'::date + g * 1000, 'null', g FROM generate_series(1, 10) g;
INSERT INTO own SELECT g, CASE g % 2 WHEN 0 THEN 'alice' ELSE 'bob' END, 'v'
  FROM generate_series(1, 20) g;
INSERT INTO children SELECT g, g::text FROM generate_series(1, 20) g;
INSERT INTO "Odd ""name""" SELECT 'k/' || g || '"', g FROM generate_series(1, 20) g;
INSERT INTO mixed SELECT g, 'server' FROM generate_series(1, 20) g;
)sql";

}  // namespace

const std::vector<Table>& tables() {
  static const std::vector<Table> all = {
      {"notes", {{"id", "small text"}}, {{"body", "text"}, {"n", "int"}, {"email", "text"}}},
      {"counts",
       {{"id", "small int"}},
       {{"hits", "int"}, {"total", "number"}, {"tags", "array"}, {"doc", "json"}}},
      {"clocked", {{"id", "uuid"}}, {{"body", "text"}, {"at", "time"}, {"raw", "bytes"}}},
      {"cards", {{"id", "small int"}}, {{"front", "text"}, {"back", "text"}}},
      {"pairs",
       {{"a", "small int"}, {"b", "small text"}},
       {{"v", "number"}, {"p", "composite"}, {"m", "mood"}}},
      {"parts", {{"id", "small int"}, {"day", "date"}}, {{"v", "json"}, {"s", "int"}}},
      {"own", {{"id", "small int"}}, {{"owner", "role"}, {"v", "text"}}},
      {"children", {{"id", "small int"}}, {{"note", "small text"}}},
      {"Odd \"name\"", {{"the key", "small text"}}, {{"select", "int"}, {"twice", "int"}}},
      {"mixed", {{"id", "small int"}}, {{"v", "text"}}},
  };
  return all;
}

const std::vector<std::string>& roles() {
  static const std::vector<std::string> all = {"postgres", "postgres", "alice",
                                               "alice",    "bob",      "nobody"};
  return all;
}

void make_world(Session& session) {
  session.must(world);
}

}  // namespace faults
