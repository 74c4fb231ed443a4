/* The C API as a program in C99 uses it, against a real server: main CONNINFO FILE.
 * The table `contacts(id text, name text)` is there and enabled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objectos/objectos.h"

static int passed = 0, failed = 0;

static void check(int holds, const char *what) {
  if (holds) {
    passed++;
  } else {
    failed++;
    printf("c-api: FAILED: %s\n", what);
  }
}

static int says(const char *text, const char *part) {
  return text != NULL && strstr(text, part) != NULL;
}

/* Ends the test when a call failed that must not. */
static void must(int code, objectos_error *error, const char *what) {
  check(code == OBJECTOS_OK && error == NULL, what);
  if (code == OBJECTOS_OK) return;
  printf("c-api: %s: class %d, %s: %s\n", what, code,
         error != NULL ? objectos_error_code(error) : "?",
         error != NULL ? objectos_error_message(error) : "?");
  printf("c-api: %d passed, %d failed\n", passed, failed);
  exit(1);
}

static void note_query(void *user, const char *event) {
  if (says(event, "\"columns\":[\"id\",\"name\"]")) ++*(int *)user;
}

static void note_text(void *user, const char *event) {
  if (says(event, "\"operation\":[") && says(event, "\"origin\":")) ++*(int *)user;
}

static void try_texts(objectos_engine *engine) {
  objectos_error *error = NULL;
  char *text = NULL;
  int heard = 0, done = 0;
  objectos_text *field = objectos_text_open(engine, "papers", "1", "body", &error);
  check(field != NULL, "a text can be opened");
  objectos_subscription *token = objectos_text_on_change(field, note_text, &heard, &error);
  check(token != NULL, "and listened to");
  must(objectos_text_edit(field, "[5,\" world\"]", &text, &error), error, "and edited");
  check(says(text, "{\"text\":\"Hello world\"}"), "which gives the text back");
  objectos_free(text);
  must(objectos_edit_text(engine, "papers", "1", "body",
                          "{\"type\":\"insert\",\"pos\":0,\"text\":\"Oh, \"}", &text, &error),
       error, "an edit needs no handle");
  objectos_free(text);
  must(objectos_text_get(field, &text, &error), error, "a text can be read");
  check(says(text, "\"Oh, Hello world\""), "as it stands");
  objectos_free(text);
  check(objectos_text_edit(field, "[99,-1]", NULL, &error) == OBJECTOS_USAGE &&
            says(objectos_error_code(error), "OS006"),
        "an edit beyond its end is refused");
  objectos_error_free(error);
  check(objectos_drain(engine, 10000, &done, &error) == OBJECTOS_OK && done && heard >= 1,
        "the listener has heard the text");
  objectos_text_close(field);
  objectos_unsubscribe(token);
}

static void note_change(void *user, const char *event) {
  if (says(event, "\"object\":\"contacts\"")) ++*(int *)user;
}

static void note_presence(void *user, const char *event) {
  if (says(event, "\"kind\":\"listed\"") && says(event, "\"state\":{\"cursor\":1}}]")) ++*(int *)user;
}

struct log {
  int warnings, secrets;
};

static void note_log(void *user, int level, const char *text) {
  struct log *log = user;
  if (level == OBJECTOS_LOG_WARNING && says(text, "Could not connect to the server")) log->warnings++;
  if (says(text, "hidden-secret")) log->secrets++;
}

/* The quoted text as a JSON string; paths and conninfos of tests hold no quotes. */
static char *options_for(const char *server, const char *file) {
  static char text[2000];
  snprintf(text, sizeof text,
           "{\"database\":\"%s\",\"server\":\"%s\",\"device\":\"c\",\"interval_ms\":50}", file,
           server);
  return text;
}

static void refusals(void) {
  objectos_error *error = NULL;
  char *text = (char *)"untouched";
  check(objectos_open("{\"databse\":\"x\"}", &error) == NULL, "a misspelt option is refused");
  check(error != NULL && objectos_error_get_class(error) == OBJECTOS_USAGE &&
            says(objectos_error_message(error), "databse"),
        "the refusal names the option");
  objectos_error_free(error);
  error = NULL;
  check(objectos_open("no json", NULL) == NULL, "an error may be left unasked");
  check(objectos_open(NULL, &error) == NULL && error != NULL, "NULL options are an error");
  objectos_error_free(error);
  error = NULL;

  objectos_engine *engine = objectos_open("{\"database\":\"/nonexistent/phone.db\"}", &error);
  check(engine != NULL && error == NULL, "opening touches no file");
  check(objectos_status(engine, &text, &error) == OBJECTOS_LOCAL && text == NULL,
        "a file that is not there is an error of class local, and no text comes out");
  check(error != NULL && *objectos_error_code(error) != '\0' &&
            *objectos_error_hint(error) != '\0',
        "the error has a code and a hint");
  objectos_error_free(error);
  error = NULL;
  check(objectos_on(engine, "chnage", NULL, note_change, NULL, &error) == NULL && error != NULL,
        "a misspelt event is refused");
  objectos_error_free(error);
  error = NULL;
  objectos_close(engine);
  check(objectos_sync(NULL, NULL, NULL) == OBJECTOS_USAGE, "a NULL engine is an error");
  objectos_close(NULL);
  objectos_free(NULL);
  objectos_unsubscribe(NULL);
  objectos_error_free(NULL);
}

static int edit(const char *file, const char *sql) {
  char command[2000];
  snprintf(command, sizeof command, "sqlite3 -bail -cmd '.timeout 10000' '%s' \"%s\"", file, sql);
  return system(command);
}

static void device(const char *server, const char *file) {
  objectos_error *error = NULL;
  char *text = NULL;
  int changes = 0, synced = 0;
  objectos_engine *engine = objectos_open(options_for(server, file), &error);
  check(engine != NULL, "an engine opens");
  must(objectos_clone(engine, &text, &error), error, "a clone ends well");
  check(says(text, "\"resynced\":false"), "and tells what it did");
  objectos_free(text);

  objectos_subscription *token =
      objectos_on(engine, "change", "contacts", note_change, &changes, &error);
  check(token != NULL, "a listener is registered");

  check(edit(file, "UPDATE contacts SET name = 'Ada' WHERE id = '1'") == 0, "sqlite3 edits");
  must(objectos_pending(engine, &text, &error), error, "pending answers");
  check(says(text, "\"data\":{\"name\":\"Ada\"}"), "the edit is queued");
  objectos_free(text);

  must(objectos_sync(engine, &text, &error), error, "a sync ends well");
  check(says(text, "\"status\":\"applied\""), "the verdict is told");
  objectos_free(text);
  check(system("psql -X -q -d c_api -c \"INSERT INTO contacts VALUES ('3', 'Mary')\"") == 0,
        "somebody else inserts on the server");
  must(objectos_transaction(engine,
                            "[{\"sql\":\"UPDATE contacts SET name = ?1 WHERE id = ?2\","
                            "\"parameters\":[\"Ada\",\"1\"]}]",
                            &text, &error),
       error, "a transaction ends well");
  check(says(text, "\"group\":"), "and names its group");
  objectos_free(text);
  try_texts(engine);
  check(objectos_transaction(engine, "[{\"sql\":\"no sql\"}]", NULL, &error) == OBJECTOS_USAGE,
        "SQL that is none is refused");
  objectos_error_free(error);
  error = NULL;
  must(objectos_undo(engine, &text, &error), error, "an undo ends well");
  check(says(text, "\"mutations\":") && says(text, "\"left\":[]"), "and says what it wrote");
  objectos_free(text);
  must(objectos_history(engine, &text, &error), error, "the history answers");
  check(says(text, "\"state\":\"undone\""), "with the group that was undone");
  objectos_free(text);
  must(objectos_redo(engine, &text, &error), error, "a redo ends well");
  objectos_free(text);
  check(objectos_redo(engine, &text, &error) == OBJECTOS_USAGE && text == NULL &&
            strcmp(objectos_error_code(error), "nothing_to_redo") == 0,
        "with nothing to redo there is an error by name");
  objectos_error_free(error);
  error = NULL;
  int listed = 0;
  objectos_presence *presence = objectos_presence_join(engine, "contacts/1", "{\"cursor\":1}",
                                                       note_presence, &listed, &error);
  check(presence != NULL, "a channel is joined");
  for (int i = 0; i < 200; i++) {
    must(objectos_presence_list(presence, &text, &error), error, "who is there is told");
    if (strcmp(text, "[]") != 0) break;
    objectos_free(text);
    if (system("sleep 0.05") != 0) break;
  }
  check(says(text, "\"user_id\":"), "this client is there");
  objectos_free(text);
  must(objectos_drain(engine, 20000, NULL, &error), error, "events are told");
  check(listed == 1, "and is listed");
  must(objectos_presence_update(presence, "[2]", &error), error, "its state changes");
  check(objectos_presence_update(presence, "[", &error) == OBJECTOS_USAGE, "what is no JSON is not");
  objectos_error_free(error);
  error = NULL;
  must(objectos_broadcast(engine, "contacts", "\"hello\"", &error), error, "a broadcast is sent");
  check(objectos_broadcast(engine, NULL, "1", &error) == OBJECTOS_USAGE, "not without a channel");
  objectos_error_free(error);
  error = NULL;
  objectos_presence_leave(presence);
  int watched = 0;
  objectos_subscription *query =
      objectos_watch(engine, "SELECT id, name FROM contacts WHERE name <> ?1", "[\"nobody\"]",
                     note_query, &watched, &error);
  check(query != NULL, "a live query is registered");
  check(objectos_watch(engine, "DELETE FROM contacts", NULL, note_query, NULL, &error) == NULL &&
            error != NULL,
        "what is no SELECT is refused");
  objectos_error_free(error);
  error = NULL;
  must(objectos_sync(engine, NULL, &error), error, "a result may be left unasked");

  must(objectos_start(engine, &error), error, "the loop starts");
  check(edit(file, "INSERT INTO contacts(id, name) VALUES ('2', 'Grace')") == 0, "sqlite3 inserts");
  must(objectos_wait_until_synced(engine, 20000, &synced, &error), error, "waiting ends");
  check(synced == 1, "the loop has sent the edit");
  must(objectos_stop(engine, &error), error, "the loop stops");

  must(objectos_status(engine, &text, &error), error, "status answers");
  check(says(text, "\"pending\":0") && says(text, "\"complete\":true"), "nothing is left to send");
  objectos_free(text);
  must(objectos_progress(engine, &text, &error), error, "progress answers");
  check(says(text, "\"phase\":"), "progress has a phase");
  objectos_free(text);
  must(objectos_conflicts(engine, &text, &error), error, "conflicts answers");
  check(text != NULL && strcmp(text, "[]") == 0, "there is no conflict");
  objectos_free(text);
  must(objectos_rejections(engine, &text, &error), error, "rejections answers");
  objectos_free(text);
  must(objectos_verify(engine, 0, &text, &error), error, "verify answers");
  check(says(text, "\"differences\":0"), "file and server are the same");
  objectos_free(text);
  must(objectos_verify_local(engine, &text, &error), error, "verify_local answers");
  check(text != NULL && strcmp(text, "[]") == 0, "the file is sound");
  objectos_free(text);
  must(objectos_log(engine, "contacts", "1", &text, &error), error, "the log answers");
  check(says(text, "\"original\":{\"name\":\"A.\"}"), "it tells what was there before");
  objectos_free(text);
  check(edit(file, "UPDATE contacts SET name = 'Eve' WHERE id = '2'") == 0, "sqlite3 edits again");
  must(objectos_diff(engine, &text, &error), error, "diff answers");
  check(says(text, "\"field\":\"name\",\"base\":\"Grace\",\"local\":\"Eve\""),
        "diff shows what an unsent edit changes");
  objectos_free(text);
  must(objectos_get_subscription(engine, &text, &error), error, "the subscription is told");
  check(text != NULL && strcmp(text, "null") == 0, "it is everything");
  objectos_free(text);
  check(objectos_subscribe(engine, "{", &text, &error) == OBJECTOS_USAGE,
        "what is no JSON is refused");
  objectos_error_free(error);
  error = NULL;
  must(objectos_subscribe(engine, "{\"objects\": [\"contacts\"]}", &text, &error), error,
       "the file subscribes");
  objectos_free(text);
  must(objectos_get_subscription(engine, &text, &error), error, "and says to what");
  check(says(text, "{\"objects\":[\"contacts\"]}"), "the object");
  objectos_free(text);
  must(objectos_subscribe(engine, NULL, &text, &error), error, "everything again");
  objectos_free(text);
  must(objectos_diagnose(engine, &text, &error), error, "diagnose answers");
  check(says(text, "\"state\":\"ok\""), "and finds something in order");
  objectos_free(text);
  check(objectos_resolve(engine, "00000000-0000-4000-8000-000000000000", "client_wins", NULL, NULL,
                         &error) != OBJECTOS_OK,
        "a conflict that is not there cannot be resolved");
  objectos_error_free(error);
  error = NULL;
  must(objectos_pause(engine, &error), error, "the loop pauses");
  must(objectos_resume(engine, &error), error, "and resumes");
  must(objectos_sync_soon(engine, &error), error, "and can be woken");
  check(objectos_wakeup_fd(engine) == -1, "without poll there is nothing to wake");
  must(objectos_drain(engine, 20000, &synced, &error), error, "all is told");
  check(synced == 1, "in time");
  objectos_unsubscribe(query);
  check(watched > 1, "the live query was told first, and again after changes");
  objectos_unsubscribe(token);
  objectos_close(engine);
  check(changes > 0, "the listener heard of changes");
}

/* An engine whose server is not there says so, and again at each attempt. */
static void logged(const char *file) {
  objectos_error *error = NULL;
  struct log log = {0, 0};
  char options[2000];
  char *status = NULL;
  int again = 1;
  snprintf(options, sizeof options,
           "{\"database\":\"%s\",\"server\":\"host=/nowhere password=hidden-secret\","
           "\"backoff_first_ms\":10,\"backoff_max_ms\":10}",
           file);
  objectos_engine *engine = objectos_open_logged(options, note_log, &log, &error);
  check(engine != NULL, "an engine with a log opens");
  must(objectos_start(engine, &error), error, "and starts");
  while (again) {
    must(objectos_status(engine, &status, &error), error, "it has a status");
    again = says(status, "\"failures\":0,") || says(status, "\"failures\":1,");
    objectos_free(status);
  }
  objectos_close(engine);
  check(log.warnings >= 2, "each failed attempt is logged as a warning");
  check(log.secrets == 0, "without the password");
  check(objectos_open_logged("{", note_log, &log, &error) == NULL && error != NULL,
        "options are refused as ever");
  objectos_error_free(error);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s CONNINFO FILE\n", argv[0]);
    return 2;
  }
  check(says(objectos_version(), "objectos_sync "), "the library tells its version");
  refusals();
  device(argv[1], argv[2]);
  logged(argv[2]);
  printf("c-api: %d passed, %d failed\n", passed, failed);
  return failed != 0;
}
