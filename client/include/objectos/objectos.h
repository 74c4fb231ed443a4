/* The C API of the sync engine, for other languages. It says what sync_engine.h says, in C.
 *
 * Values travel as JSON texts in UTF-8; docs/c-api.md lists each one's members. Texts given in
 * belong to the caller and are copied. A text that comes out through `char **` belongs to the
 * caller, who gives it back with objectos_free(). Where a text is not wanted, pass NULL.
 *
 * Errors: every function that can fail returns 0, or one of the classes below, and then puts an
 * objectos_error into `*error` (unless `error` is NULL), which objectos_error_free() gives back.
 * After an error nothing is half done.
 *
 * Threads: an engine may be used from any thread. Callbacks come from the engine's own thread, or
 * with {"delivery": "poll"} from within objectos_poll(). They must return, and may call the
 * engine, but not objectos_close() on it.
 */
#ifndef OBJECTOS_OBJECTOS_H
#define OBJECTOS_OBJECTOS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct objectos_engine objectos_engine;
typedef struct objectos_error objectos_error;
typedef struct objectos_subscription objectos_subscription;
typedef struct objectos_presence objectos_presence;

/* What can be done about an error; objectos/error.h says more. */
enum objectos_error_class {
  OBJECTOS_OK = 0,
  OBJECTOS_TRANSIENT = 1, /* the same call may work later */
  OBJECTOS_REJECTED = 2,
  OBJECTOS_AUTH = 3,
  OBJECTOS_RESYNC = 4,
  OBJECTOS_FORK = 5,
  OBJECTOS_UPGRADE = 6,
  OBJECTOS_LOCAL = 7, /* the file: not ours, damaged, locked, disk full */
  OBJECTOS_USAGE = 8, /* the call itself is wrong */
  OBJECTOS_INTERNAL = 9
};

/* "objectos_sync 0.1.0"; static. */
const char* objectos_version(void);

/* The parts of an error, alive as long as the error; never NULL. */
int objectos_error_get_class(const objectos_error* error);
const char* objectos_error_code(const objectos_error* error);
const char* objectos_error_message(const objectos_error* error);
const char* objectos_error_detail(const objectos_error* error);
const char* objectos_error_hint(const objectos_error* error);
void objectos_error_free(objectos_error* error);

/* Gives back a text that came out of this API. NULL is fine. */
void objectos_free(char* text);

/* Makes an engine. `options`: a JSON object with `database` (path, required), `server`, `device`,
 * `interval_ms` and what docs/c-api.md lists; an unknown member is an error. Opens no file yet.
 * NULL on error. */
objectos_engine* objectos_open(const char* options, objectos_error** error);

enum objectos_log_level {
  OBJECTOS_LOG_DEBUG = 0,
  OBJECTOS_LOG_INFO = 1,
  OBJECTOS_LOG_WARNING = 2,
  OBJECTOS_LOG_ERROR = 3
};

/* What the engine has to say that is no event: why it connects anew, what it reads again. `text`:
 * UTF-8, for people, without a newline at its end and without any password; it lives as long as the
 * call. Called from whatever thread works, one that calls this API too, and several at once; not by
 * objectos_poll(). It must not call functions that sync (usage, "reentrant"). */
typedef void (*objectos_log_callback)(void* user, int level, const char* text);

/* objectos_open() of an engine that logs; `log`: NULL for none. `user` is handed to it and must
 * live until objectos_close() has returned. */
objectos_engine* objectos_open_logged(const char* options, objectos_log_callback log, void* user,
                                      objectos_error** error);

/* Stops the engine and gives it back. Waits for a callback that is running. NULL is fine. */
void objectos_close(objectos_engine* engine);

/* Initial sync into a new file. `*result`: {verdicts, pulled, changes, resynced, forked,
 * set_aside}. */
int objectos_clone(objectos_engine* engine, char** result, objectos_error** error);

/* Push, pull, acknowledge, once; or only one half of it. `*result` as above. */
int objectos_sync(objectos_engine* engine, char** result, objectos_error** error);
int objectos_push(objectos_engine* engine, char** result, objectos_error** error);
int objectos_pull(objectos_engine* engine, char** result, objectos_error** error);

/* The background loop. */
int objectos_start(objectos_engine* engine, objectos_error** error);
int objectos_stop(objectos_engine* engine, objectos_error** error);

/* The loop begins no exchange until objectos_resume(). objectos_sync_soon() wakes it. */
int objectos_pause(objectos_engine* engine, objectos_error** error);
int objectos_resume(objectos_engine* engine, objectos_error** error);
int objectos_sync_soon(objectos_engine* engine, objectos_error** error);

/* Takes back the newest own group that is not undone, or the undo of the one undone last: {group,
 * mutations, left: [{object, record_id, field, written, found}]}. Usage, code "nothing_to_undo" or
 * "nothing_to_redo". objectos_history() gives the groups, the newest first: [{number, written_at,
 * state, mutations}]. docs/undo.md. */
int objectos_undo(objectos_engine* engine, char** result, objectos_error** error);
int objectos_redo(objectos_engine* engine, char** result, objectos_error** error);
int objectos_history(objectos_engine* engine, char** groups, objectos_error** error);

/* Until a sync begun after this call ended well and the queue is empty. `*synced`: 1, or 0 when
 * the time was up. */
int objectos_wait_until_synced(objectos_engine* engine, int timeout_ms, int* synced,
                               objectos_error** error);

/* What is in the file and what the engine is doing; no server needed. */
int objectos_status(objectos_engine* engine, char** status, objectos_error** error);
int objectos_progress(objectos_engine* engine, char** progress, objectos_error** error);
int objectos_pending(objectos_engine* engine, char** mutations, objectos_error** error);
int objectos_conflicts(objectos_engine* engine, char** conflicts, objectos_error** error);
int objectos_rejections(objectos_engine* engine, char** rejections, objectos_error** error);

/* Takes a pending mutation, and its whole group, out of the queue; `*mutations`: what was taken
 * out. docs/queue.md says what is refused. */
int objectos_discard(objectos_engine* engine, const char* mutation_id, char** mutations,
                     objectos_error** error);
/* Writes what a rejected mutation wrote once more, as a new edit of the present row. `*result`:
 * {mutation_id}, null if the row is that way already. */
int objectos_retry(objectos_engine* engine, const char* mutation_id, char** result,
                   objectos_error** error);
/* Forgets a rejection. */
int objectos_dismiss(objectos_engine* engine, const char* mutation_id, objectos_error** error);

/* Decides a manual conflict for everybody: `resolution` is "client_wins" or "server_wins", or NULL,
 * and then `values` is a JSON object with a value for each colliding field. */
int objectos_resolve(objectos_engine* engine, const char* conflict_id, const char* resolution,
                     const char* values, char** verdict, objectos_error** error);

/* The app's own writes as one SQLite transaction and one group: `statements` is a JSON array of
 * {"sql": text, "parameters": [...]}, run in order, all or none. A parameter is null, a boolean, a
 * number or a text. `*result`: {group, mutations}. Plain SQLite connections may write as well. */
int objectos_transaction(objectos_engine* engine, const char* statements, char** result,
                         objectos_error** error);

/* Edits a text field by an operation of its present text, a JSON array [5, "brave ", -3] (keep 5
 * code points, insert, delete 3) or {"type": "insert", "pos": 5, "text": "brave "}; `*result`:
 * {text}, afterwards. Usage, "OS005" to "OS007", "no_text_field", "record_missing": nothing is
 * changed. docs/text_fields.md. */
int objectos_edit_text(objectos_engine* engine, const char* object, const char* record_id,
                       const char* field, const char* operation, char** result,
                       objectos_error** error);

/* Compares the file with the server by digests; with `repair` mends what differs. `*report`:
 * {objects, differences, repaired, round_trips, bytes, rows_fetched}. */
int objectos_verify(objectos_engine* engine, int repair, char** report, objectos_error** error);
/* Compares every row with its base image and queued mutations; no server needed. */
int objectos_verify_local(objectos_engine* engine, char** differences, objectos_error** error);
/* Who changed a record, what and when, the newest first; asks the server. */
int objectos_log(objectos_engine* engine, const char* object, const char* record_id, char** entries,
                 objectos_error** error);
/* What unsent mutations make of their records. */
int objectos_diff(objectos_engine* engine, char** records, objectos_error** error);
/* Looks both ends over: [{place, check, state, message, hint}]. */
int objectos_diagnose(objectos_engine* engine, char** findings, objectos_error** error);

/* Which objects and which of their records the file gets, as JSON (docs/subscriptions.md); NULL:
 * everything. Then pulls; `*result` as of objectos_sync(). The present one; "null": everything. */
int objectos_subscribe(objectos_engine* engine, const char* subscription, char** result,
                       objectos_error** error);
int objectos_get_subscription(objectos_engine* engine, char** subscription, objectos_error** error);

/* Takes sync out of the file; with `force` even if edits are unsent. */
int objectos_detach(objectos_engine* engine, int force, objectos_error** error);

/* Called with the event as a JSON text, which lives as long as the call. */
typedef void (*objectos_callback)(void* user, const char* event);

/* `event`: "change", "status", "progress", "conflict", "rejection", "verdict". `object`: the object
 * whose changes are wanted, NULL for all; only "change" looks at it. NULL on error. */
objectos_subscription* objectos_on(objectos_engine* engine, const char* event, const char* object,
                                   objectos_callback callback, void* user, objectos_error** error);

/* A live query: `callback` gets the whole result, then each change of it: {first, columns, rows,
 * added, removed, changed: [{before, after}], error}. `parameters`: a JSON array, or NULL. */
objectos_subscription* objectos_watch(objectos_engine* engine, const char* sql,
                                      const char* parameters, objectos_callback callback,
                                      void* user, objectos_error** error);

/* Asked about an open conflict: {conflict_id, object, record_id, reason, base, local, remote, row,
 * fields}. Returns "client_wins", "server_wins", a JSON object with a value per colliding field, or
 * NULL for later. The text is copied as soon as the call returns; it stays the callee's. */
typedef const char* (*objectos_resolver)(void* user, const char* question);
objectos_subscription* objectos_set_resolver(objectos_engine* engine, const char* object,
                                             objectos_resolver resolver, void* user,
                                             objectos_error** error);

/* With {"delivery": "poll"}: waits for an event at most so long, then runs the callbacks of all
 * that wait; `*ran`: how many. objectos_wakeup_fd() is readable while events wait; -1 otherwise. */
int objectos_poll(objectos_engine* engine, int timeout_ms, int* ran, objectos_error** error);
int objectos_wakeup_fd(objectos_engine* engine);
/* Until all events that there are have been told. `*done`: 0 when the time was up. */
int objectos_drain(objectos_engine* engine, int timeout_ms, int* done, objectos_error** error);

/* Ends a subscription and gives it back; the callback is not called again. NULL is fine. */
void objectos_unsubscribe(objectos_subscription* subscription);

/* Joins a channel, "contacts" or "contacts/42", over a connection of its own, and is in it until
 * objectos_presence_leave(). Returns at once; `callback` gets {kind, channel, client_id, user_id,
 * payload, present: [{client_id, user_id, state}], error}: docs/real_time.md lists the kinds.
 * `state`: JSON that the others see, NULL for {}. NULL on error. */
objectos_presence* objectos_presence_join(objectos_engine* engine, const char* channel,
                                          const char* state, objectos_callback callback, void* user,
                                          objectos_error** error);
int objectos_presence_update(objectos_presence* presence, const char* state,
                             objectos_error** error);
/* `*list`: [{client_id, user_id, state}] of all who are there; [] while offline. */
int objectos_presence_list(objectos_presence* presence, char** list, objectos_error** error);
/* Leaves and gives it back; the callback is not called again. NULL is fine. Before or after
 * objectos_close(). */
void objectos_presence_leave(objectos_presence* presence);
/* Says something small, JSON, to all in a channel; not stored. */
int objectos_broadcast(objectos_engine* engine, const char* channel, const char* payload,
                       objectos_error** error);

/* A text field of a record, to follow and edit. NULL on error. Its subscriptions may outlive the
 * handle; both are given back before or after objectos_close(), and used before alone. */
typedef struct objectos_text objectos_text;
objectos_text* objectos_text_open(objectos_engine* engine, const char* object,
                                  const char* record_id, const char* field, objectos_error** error);
/* NULL is fine. */
void objectos_text_close(objectos_text* text);
/* `*result`: {text}, as it stands, and after the edit. */
int objectos_text_get(objectos_text* text, char** result, objectos_error** error);
int objectos_text_edit(objectos_text* text, const char* operation, char** result,
                       objectos_error** error);
/* `callback` gets {operation, text, origin}: first the whole text, as an operation of the empty
 * one, then each change. NULL on error. */
objectos_subscription* objectos_text_on_change(objectos_text* text, objectos_callback callback,
                                               void* user, objectos_error** error);
/* Where this device's user is, in code points, for all who listen to the text's cursors. */
int objectos_text_share_cursor(objectos_text* text, unsigned position, unsigned anchor,
                               objectos_error** error);
/* `callback` gets [{client_id, user_id, position, anchor}] of all others when one moves, comes or
 * goes, and when the text changes under them. NULL on error. */
objectos_subscription* objectos_text_on_cursors(objectos_text* text, objectos_callback callback,
                                                void* user, objectos_error** error);

#ifdef __cplusplus
}
#endif

#endif
