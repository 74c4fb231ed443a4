"""objectos for Python: the C API (objectos/objectos.h) by ctypes, and nothing else.

    import objectos
    with objectos.Engine("phone.db", server="postgresql:///todo") as engine:
        engine.clone()
        engine.on("change", print)
        engine.start()

What goes in and comes out are dicts and lists; docs/c-api.md lists their members. Whatever fails
raises objectos.Error, and then nothing is half done. An engine may be used from any thread.

Reading and writing need no engine: the sqlite3 module opens the same file, and triggers in it queue
the edits. (Python's sqlite3 must use the same shared SQLite library as libobjectos, as Debian's
does: two copies of SQLite in one process would drop each other's locks on the file. If yours has a
copy of its own, write by transaction() and read by watch().)
"""
import atexit
import ctypes
import ctypes.util
import json
import os
import threading
import weakref

_CLASSES = ("ok", "transient", "rejected", "auth", "resync", "fork", "upgrade", "local", "usage",
            "internal")


class Error(Exception):
    """What the library refuses or cannot do; str() is a whole sentence."""

    def __init__(self, error_class, code, message, detail, hint):
        super().__init__(message)
        self.error_class = error_class  # "transient", "auth", … (objectos/error.h)
        self.code = code                # a SQLSTATE, or a name such as "file_not_ours"
        self.detail = detail
        self.hint = hint                # what to do

    @property
    def retryable(self):
        return self.error_class == "transient"


# Signatures in a shorthand: one letter an argument, in the order of objectos.h.
_TYPES = {"p": ctypes.c_void_p, "s": ctypes.c_char_p, "i": ctypes.c_int,
          "t": ctypes.POINTER(ctypes.c_void_p),  # a text that comes out, or an error
          "n": ctypes.POINTER(ctypes.c_int)}     # a number that comes out
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
# The answer is an address, so that it is ours to say how long the text lives.
_RESOLVER = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
_TYPES["c"], _TYPES["r"], _TYPES["l"] = _CALLBACK, _RESOLVER, _LOG
_LEVELS = ("debug", "info", "warning", "error")

_RETURNING_INT = {
    "clone": "ptt", "sync": "ptt", "push": "ptt", "pull": "ptt", "start": "pt", "stop": "pt",
    "pause": "pt", "resume": "pt", "sync_soon": "pt", "wait_until_synced": "pint", "status": "ptt",
    "progress": "ptt", "pending": "ptt", "conflicts": "ptt", "rejections": "ptt",
    "resolve": "pssstt", "transaction": "pstt", "verify": "pitt", "verify_local": "ptt",
    "log": "psstt", "diff": "ptt", "diagnose": "ptt", "detach": "pit", "poll": "pint",
    "drain": "pint", "wakeup_fd": "p", "error_get_class": "p", "discard": "pstt", "retry": "pstt",
    "dismiss": "pst", "undo": "ptt", "redo": "ptt", "history": "ptt",
    "subscribe": "pstt", "get_subscription": "ptt", "presence_update": "pst",
    "presence_list": "ptt", "broadcast": "psst",
    "edit_text": "psssstt", "text_get": "ptt", "text_edit": "pstt", "text_share_cursor": "piit",
}
_RETURNING_POINTER = {"open": "st", "open_logged": "slpt", "on": "psscpt", "watch": "psscpt", "set_resolver": "psrpt",
                      "presence_join": "psscpt", "text_open": "pssst", "text_on_change": "pcpt",
                      "text_on_cursors": "pcpt"}
_RETURNING_TEXT = {"version": "", "error_code": "p", "error_message": "p", "error_detail": "p",
                   "error_hint": "p"}
_RETURNING_NOTHING = {"close": "p", "free": "p", "error_free": "p", "unsubscribe": "p",
                      "presence_leave": "p", "text_close": "p"}


def _load():
    name = os.environ.get("OBJECTOS_LIBRARY") or ctypes.util.find_library("objectos")
    library = ctypes.CDLL(name or "libobjectos.so.0")
    for functions, result in ((_RETURNING_INT, ctypes.c_int),
                              (_RETURNING_POINTER, ctypes.c_void_p),
                              (_RETURNING_TEXT, ctypes.c_char_p), (_RETURNING_NOTHING, None)):
        for function, arguments in functions.items():
            declared = getattr(library, "objectos_" + function, None)
            if declared is None:  # an older library; calling it says so
                continue
            declared.restype = result
            declared.argtypes = [_TYPES[letter] for letter in arguments]
    return library


_library = _load()


def version():
    """The library's version."""
    return _library.objectos_version().decode()


def _text(value):
    """A text going in. C would end it at U+0000, so that is refused here."""
    if value is None:
        return None
    if "\0" in value:
        raise ValueError("a text holds U+0000")
    return value.encode()


def _json(value):
    return None if value is None else json.dumps(value).encode()


def _raise(error):
    """Takes what stands in `error`, gives it back to the library, and raises it."""
    try:
        parts = [getattr(_library, "objectos_error_" + part)(error).decode(errors="replace")
                 for part in ("code", "message", "detail", "hint")]
        error_class = _CLASSES[_library.objectos_error_get_class(error)]
    finally:
        _library.objectos_error_free(error)
    raise Error(error_class, *parts)


def _check(result, error):
    if error.value:
        _raise(error)
    return result


class Subscription:
    """A listener, live query or resolver. It lives until cancel(), or until the engine is closed;
    nobody needs to keep it for that."""

    _given_back_by = "unsubscribe"

    def __init__(self, engine):
        self._engine = engine
        self._handle = None
        self._cancelled = False
        self._thunk = None   # what C calls; must live as long as C may call it
        self._answer = None  # a resolver's last answer; must live until the library has copied it

    def cancel(self):
        """The function is not called again. Waits for a call that runs on another thread."""
        self._cancelled = True
        handle, self._handle = self._handle, None
        getattr(_library, "objectos_" + self._given_back_by)(handle)
        # Within its own callback the thunk is still on the stack: then it stays until close().
        if self not in self._engine._running():
            self._engine._subscriptions.discard(self)


class Presence(Subscription):
    """Being in a channel, until cancel() or until the engine is closed."""

    _given_back_by = "presence_leave"

    def update(self, state):
        """What the others see of this device from now on."""
        self._engine._call("presence_update", _json(state), handle=self._handle)

    def list(self):
        """Who is there, each {"client_id", "user_id", "state"}."""
        return self._engine._answer("presence_list", handle=self._handle)


class Text(Subscription):
    """A text field of a record, to follow and edit, until cancel() or until the engine is closed.
    Positions and lengths are code points, as Python counts them."""

    _given_back_by = "text_close"

    def get(self):
        """The text as it stands in the file; NULL is "" here."""
        return self._engine._answer("text_get", handle=self._handle)["text"]

    def edit(self, operation):
        """An operation of the present text, [5, "brave ", -3]; returns the text afterwards."""
        return self._engine._answer("text_edit", _json(operation), handle=self._handle)["text"]

    def insert(self, position, text):
        return self.edit({"type": "insert", "pos": position, "text": text})

    def erase(self, position, length):
        return self.edit({"type": "delete", "pos": position, "len": length})

    def on_change(self, function):
        """function({"operation", "text", "origin"}): first the whole text, then each change."""
        return self._engine._subscribe("text_on_change", function, handle=self._handle)

    def share_cursor(self, position, anchor=None):
        """Where this device's user is, for all who listen to the text's cursors."""
        self._engine._call("text_share_cursor", position, position if anchor is None else anchor,
                           handle=self._handle)

    def on_cursors(self, function):
        """function([{"client_id", "user_id", "position", "anchor"}]): where all others are."""
        return self._engine._subscribe("text_on_cursors", function, handle=self._handle)


# No callback may come when Python is gone already.
_open = weakref.WeakSet()
atexit.register(lambda: [engine.close() for engine in list(_open)])


class Engine:
    """Keeps one SQLite file and one PostgreSQL server the same."""

    def __init__(self, database, server=None, log=None, **options):
        """Opens no file yet. `options`: docs/c-api.md, e.g. device="phone", interval_ms=1000.
        log(level, text) gets what the engine has to say that is no event, on whatever thread works;
        level is "debug", "info", "warning" or "error". It must not sync."""
        options["database"] = os.fspath(database)
        if server is not None:
            options["server"] = server
        self._subscriptions = set()
        self._local = threading.local()
        self._closing = threading.Lock()
        error = ctypes.c_void_p()
        if log is None:
            handle = _library.objectos_open(_json(options), ctypes.byref(error))
        else:
            self._log = self._logging(log)  # must live as long as the engine
            handle = _library.objectos_open_logged(_json(options), self._log, None,
                                                   ctypes.byref(error))
        self._handle = _check(handle, error)
        _open.add(self)

    def close(self):
        """Stops the engine; what is left to tell is told first. Not from within a callback."""
        if self._running():
            raise RuntimeError("an engine cannot be closed by its own callback")
        with self._closing:
            if self._handle is not None:
                self._call("stop")  # a callback that still runs may use the engine until it ends
            handle, self._handle = self._handle, None
            _library.objectos_close(handle)
        for subscription in list(self._subscriptions):
            subscription.cancel()
        self._subscriptions.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None) is not None:
            self.close()

    # --- the initial sync, and one sync by hand: what it did as a dict

    def clone(self):
        """Makes the file and fills it from the server."""
        return self._answer("clone")

    def sync(self):
        """Push, pull, acknowledge; once."""
        return self._answer("sync")

    def push(self):
        return self._answer("push")

    def pull(self):
        return self._answer("pull")

    # --- the background loop

    def start(self):
        self._call("start")

    def stop(self):
        self._call("stop")

    def pause(self):
        self._call("pause")

    def resume(self):
        self._call("resume")

    def sync_soon(self):
        self._call("sync_soon")

    def wait_until_synced(self, timeout):
        """Until the queue is empty and the server was asked; False after `timeout` seconds."""
        return bool(self._number("wait_until_synced", timeout))

    # --- what there is

    def status(self):
        return self._answer("status")

    def progress(self):
        return self._answer("progress")

    def pending(self):
        return self._answer("pending")

    def conflicts(self):
        return self._answer("conflicts")

    def rejections(self):
        return self._answer("rejections")

    def discard(self, mutation_id):
        """Takes a queued edit, and its group, out before it is sent; what was taken out."""
        return self._answer("discard", _text(mutation_id))

    def retry(self, mutation_id):
        """Queues a refused edit again upon the present row; its new id."""
        return self._answer("retry", _text(mutation_id))["mutation_id"]

    def dismiss(self, mutation_id):
        """Forgets a refused edit."""
        self._call("dismiss", _text(mutation_id))

    def resolve(self, conflict_id, decision):
        """`decision`: "client_wins", "server_wins", or a dict with a value per colliding field."""
        values = isinstance(decision, dict)
        return self._answer("resolve", _text(conflict_id), None if values else _text(decision),
                            _json(decision) if values else None)

    def subscribe(self, subscription):
        """Which objects and records the file gets, as a dict; None: everything. Pulls."""
        return self._answer("subscribe", None if subscription is None else _json(subscription))

    def subscription(self):
        """The present one; None: everything."""
        return self._answer("get_subscription")

    def transaction(self, *statements):
        """Writes all or none of the statements, each a text or (text, parameters); the server
        applies or rejects them as a whole."""
        return self._answer("transaction", _json([
            {"sql": each} if isinstance(each, str) else {"sql": each[0], "parameters": each[1]}
            for each in statements]))

    def edit_text(self, object, record_id, field, operation):
        """Edits a text field by an operation, [5, "brave ", -3]: keep 5, insert, delete 3. Returns
        the text afterwards."""
        return self._answer("edit_text", _text(object), _text(record_id), _text(field),
                            _json(operation))["text"]

    def text(self, object, record_id, field):
        """The field to follow and edit, with others' cursors in it."""
        text, error = Text(self), ctypes.c_void_p()
        text._handle = _library.objectos_text_open(self._handle, _text(object), _text(record_id),
                                                   _text(field), ctypes.byref(error))
        _check(text, error)
        self._subscriptions.add(text)
        return text

    def undo(self):
        """Takes back the newest own group; "left" lists what others have written since."""
        return self._answer("undo")

    def redo(self):
        return self._answer("redo")

    def history(self):
        """The groups that can be undone or redone, the newest first."""
        return self._answer("history")

    def verify(self, repair=False):
        return self._answer("verify", int(repair))

    def verify_local(self):
        return self._answer("verify_local")

    def log(self, object, record_id):
        return self._answer("log", _text(object), _text(record_id))

    def diff(self):
        return self._answer("diff")

    def diagnose(self):
        return self._answer("diagnose")

    def detach(self, force=False):
        self._call("detach", int(force))

    # --- listeners. They run on a thread of the engine's own, or within poll() if
    # delivery="poll". What they raise is printed, and stops nothing.

    def on(self, event, function, object=None):
        """Calls function(dict) at each event: "change" (of one object, or all), "status",
        "progress", "conflict", "rejection", "verdict"."""
        return self._subscribe("on", function, _text(event), _text(object))

    def watch(self, sql, function, parameters=()):
        """A live query: function(dict) gets the whole result, then each change of it."""
        return self._subscribe("watch", function, _text(sql), _json(list(parameters)))

    def set_resolver(self, function, object=None):
        """Asks function(dict) about open conflicts: "client_wins", "server_wins", a dict with a
        value per colliding field, or None for later."""
        return self._subscribe("set_resolver", function, _text(object))

    def presence(self, channel, function, state=None):
        """Joins "contacts" or "contacts/42"; function(dict) hears of who comes, changes, goes and
        says something (docs/real_time.md)."""
        return self._subscribe("presence_join", function, _text(channel),
                               None if state is None else _json(state), kind=Presence)

    def broadcast(self, channel, payload):
        """Says something small to all in the channel; nothing of it is stored."""
        self._call("broadcast", _text(channel), _json(payload))

    def poll(self, timeout):
        """With delivery="poll": waits so long for an event; how many callbacks ran."""
        return self._number("poll", timeout)

    def wakeup_fd(self):
        return _library.objectos_wakeup_fd(self._handle)

    def drain(self, timeout):
        """Until all that there is to tell has been told; False after `timeout` seconds."""
        return bool(self._number("drain", timeout))

    # --- how all of it calls C

    def _call(self, function, *arguments, handle=None):
        error = ctypes.c_void_p()
        _check(getattr(_library, "objectos_" + function)(handle or self._handle, *arguments,
                                                         ctypes.byref(error)), error)

    def _answer(self, function, *arguments, handle=None):
        text = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(text), handle=handle)
        try:
            return json.loads(ctypes.string_at(text.value))
        finally:
            _library.objectos_free(text)

    def _number(self, function, seconds):
        number = ctypes.c_int()
        self._call(function, min(int(seconds * 1000), 2**31 - 1), ctypes.byref(number))
        return number.value

    def _running(self):
        """The subscriptions whose callbacks run on this thread, the innermost last."""
        if not hasattr(self._local, "running"):
            self._local.running = []
        return self._local.running

    def _logging(self, log):
        def call(_, level, text):
            running = self._running()
            running.append(log)
            try:
                log(_LEVELS[level], text.decode(errors="replace"))
            finally:
                running.pop()

        return _LOG(call)

    def _subscribe(self, function, callback, *arguments, kind=Subscription, handle=None):
        subscription = kind(self)

        def call(_, event):
            running = self._running()
            running.append(subscription)
            try:
                answer = callback(json.loads(event))
                if function != "set_resolver" or answer is None:
                    return None
                text = _json(answer) if isinstance(answer, dict) else _text(answer)
                subscription._answer = ctypes.create_string_buffer(text)
                return ctypes.addressof(subscription._answer)
            finally:
                running.pop()

        subscription._thunk = (_RESOLVER if function == "set_resolver" else _CALLBACK)(call)
        self._subscriptions.add(subscription)  # before the first call, which may come at once
        error = ctypes.c_void_p()
        subscription._handle = getattr(_library, "objectos_" + function)(
            handle or self._handle, *arguments, subscription._thunk, None, ctypes.byref(error))
        if error.value:
            self._subscriptions.discard(subscription)
        elif subscription._cancelled:  # by its own first call, before there was a handle
            subscription.cancel()
        return _check(subscription, error)
