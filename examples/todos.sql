-- The server's side of every example: one ordinary table, made an object of sync.
CREATE EXTENSION IF NOT EXISTS objectos_sync;

CREATE TABLE todos (
  id uuid DEFAULT gen_random_uuid() PRIMARY KEY,  -- devices make their keys offline
  title text NOT NULL,
  done boolean NOT NULL DEFAULT false,
  note text
);

-- Edits of different fields merge, and of one field the later edit stays. Only two edits of one
-- note wait for somebody's decision.
SELECT sync_enable('todos', fields => '{"note": "manual"}');

-- A document that several write at the same time: edits of its text merge character by character.
CREATE TABLE documents (
  id text PRIMARY KEY,
  body text
);
SELECT sync_enable('documents', fields => '{"body": "text"}');
