"""The Python binding where C could bite: lifetimes, threads, errors. binding.py SERVER DIRECTORY"""
import gc
import io
import os
import re
import resource
import sqlite3
import sys
import threading
import time
import weakref

import objectos

server, directory = sys.argv[1:]
path = os.path.join(directory, "phone.db")
passed = failed = 0


def it(behaviour):
    """Runs the test at once; what it raises is its failure."""
    def run(test):
        global passed, failed
        try:
            test()
            passed += 1
        except BaseException as error:
            failed += 1
            print(f"binding: FAILED: {behaviour}: {type(error).__name__}: {error}")
    return run


def edit(sql):
    rows = sqlite3.connect(path, isolation_level=None)
    try:
        return rows.execute(sql).fetchall()
    finally:
        rows.close()


def eventually(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "did not come about"
        time.sleep(0.01)


def refused(call, code=None, error_class=None):
    try:
        call()
    except objectos.Error as error:
        assert code is None or error.code == code, error.code
        assert error_class is None or error.error_class == error_class, error.error_class
        return error
    raise AssertionError("nothing was raised")


with objectos.Engine(path, server=server, device="first") as first:
    first.clone()


@it("every function of the C API is bound")
def _():
    with open("client/include/objectos/objectos.h", encoding="utf-8") as header:
        declared = set(re.findall(r"\bobjectos_(\w+)\([^)]", header.read()))
    bound = set().union(*(getattr(objectos, "_RETURNING_" + what)
                          for what in ("INT", "POINTER", "TEXT", "NOTHING")))
    assert len(declared) > 40 and not declared - bound, declared - bound


@it("what an engine has to say is logged, with its level")
def _():
    said = []
    with objectos.Engine(path, server="host=/nowhere", log=lambda *what: said.append(what),
                         backoff_first_ms=1) as phone:
        phone.start()
        eventually(lambda: said)
    assert {level for level, _ in said} == {"warning"} and all(text for _, text in said), said


@it("who is in a channel is told, with what they say of themselves, and what they say to all")
def _():
    heard = []
    with objectos.Engine(path + "-desk", server=server) as desk, objectos.Engine(path) as phone:
        desk.clone()
        there = desk.presence("todos", heard.append)
        eventually(lambda: len(there.list()) == 1)
        here = phone.presence("todos", lambda event: None, state={"cursor": 1})
        eventually(lambda: len(there.list()) == 2)
        here.update({"cursor": 2})
        eventually(lambda: any(each["state"] == {"cursor": 2} for each in there.list()))
        phone.broadcast("todos", {"typing": True})
        eventually(lambda: any(each["kind"] == "broadcast" for each in heard))
        assert [each["payload"] for each in heard if each["kind"] == "broadcast"] == [{"typing": True}]
        here.cancel()
        eventually(lambda: len(there.list()) == 1)


@it("a queued edit is discarded; a refused one is queued again, or forgotten")
def _():
    with objectos.Engine(path) as engine:
        edit("INSERT INTO todos (title, done) VALUES ('never sent', 0)")
        taken, = engine.discard(engine.pending()[-1]["id"])
        assert taken["data"]["title"] == "never sent" and not engine.pending(), taken
        edit("INSERT INTO todos (id, title, done) VALUES "
             "('00000000-0000-4000-8000-000000000009', 'refused', 0)")
        engine.sync()
        edit("UPDATE todos SET title = NULL WHERE title = 'refused'")
        engine.sync()
        refused_id = engine.rejections()[0]["mutation_id"]
        again = engine.retry(refused_id)
        assert [each["id"] for each in engine.pending()] == [again]
        engine.sync()
        engine.dismiss(again)
        assert not engine.rejections()
        refused(lambda: engine.dismiss("nobody"), error_class="usage")


@it("a misspelt option, event and statement are errors with a class, a code and a sentence")
def _():
    assert "databse" in str(refused(lambda: objectos.Engine(path, databse=1), "bad_options", "usage"))
    with objectos.Engine(path) as engine:
        refused(lambda: engine.on("chnage", print), "unknown_event", "usage")
        refused(lambda: engine.watch("DELETE FROM todos", print), "bad_query", "usage")
        refused(lambda: engine.transaction("no sql"), "statement_failed", "usage")
        assert not refused(lambda: engine.clone(), "file_exists").retryable
        assert not engine._subscriptions


@it("a server that is not there is an error to try again, with what to do")
def _():
    with objectos.Engine(path, server="host=" + directory) as engine:
        error = refused(engine.sync, error_class="transient")
        assert error.retryable and error.hint


@it("a text with U+0000 is refused before C would cut it")
def _():
    with objectos.Engine(path) as engine:
        try:
            engine.watch("SELECT 1\0 FROM todos", print)
        except ValueError:
            return
        raise AssertionError("it was taken")


@it("a closed engine answers with an error; closing again is fine")
def _():
    engine = objectos.Engine(path)
    engine.close()
    engine.close()
    refused(engine.status, error_class="usage")


@it("a listener that nobody keeps is called all the same, after any number of collections")
def _():
    heard = []
    with objectos.Engine(path, watch_interval_ms=10) as engine:
        engine.on("change", lambda change: heard.append(change["after"]["title"]), "todos")
        for number in range(20):
            gc.collect()
            edit(f"INSERT INTO todos (title, done) VALUES ('{number}', 0)")
        eventually(lambda: len(heard) == 20)
    assert heard == [str(number) for number in range(20)], heard


@it("a callback may cancel itself, and is not called again")
def _():
    calls, tokens = [], []

    def once(change):
        calls.append(change)
        if tokens:
            tokens[0].cancel()
            gc.collect()
    with objectos.Engine(path, watch_interval_ms=10) as engine:
        tokens.append(engine.watch("SELECT count(*) FROM todos", once))
        eventually(lambda: calls)
        edit("INSERT INTO todos (title, done) VALUES ('more', 0)")
        eventually(lambda: len(calls) == 2 or not engine._subscriptions or calls)
        assert engine.drain(10)
        seen = len(calls)
        edit("INSERT INTO todos (title, done) VALUES ('yet more', 0)")
        time.sleep(0.2)
        assert engine.drain(10) and len(calls) == seen


@it("cancelling waits for the call that runs, and gives the function back")
def _():
    entered, left = threading.Event(), []

    class Screen:
        def show(self, change):
            entered.set()
            time.sleep(0.2)
            left.append(True)
    screen = Screen()
    gone = weakref.ref(screen)
    with objectos.Engine(path) as engine:
        token = engine.watch("SELECT id FROM todos", screen.show)
        assert entered.wait(20)
        token.cancel()
        assert left
        del token, screen
        gc.collect()
        assert gone() is None


@it("a callback that raises is reported, and the next one comes")
def _():
    reports, heard = [], []
    hook, sys.unraisablehook = sys.unraisablehook, lambda report: reports.append(report.exc_type)
    stderr, sys.stderr = sys.stderr, io.StringIO()  # where Python has no hook for it
    try:
        with objectos.Engine(path, watch_interval_ms=10) as engine:
            def broken(change):
                heard.append(change)
                raise KeyError("no such title")
            engine.watch("SELECT count(*) FROM todos", broken)
            eventually(lambda: len(heard) == 1)
            edit("INSERT INTO todos (title, done) VALUES ('again', 0)")
            eventually(lambda: len(heard) == 2)
        assert reports == [KeyError, KeyError], reports
    finally:
        sys.unraisablehook, sys.stderr = hook, stderr


@it("an engine cannot be closed by its own callback; it says so instead of waiting for ever")
def _():
    raised = []
    with objectos.Engine(path) as engine:
        def close(_):
            try:
                engine.close()
            except RuntimeError as error:
                raised.append(error)
        engine.watch("SELECT id FROM todos", close)
        eventually(lambda: raised)


@it("close() while a callback runs waits for it, and no callback comes afterwards")
def _():
    entered, left, calls = threading.Event(), [], []

    def slow(_):
        calls.append(True)
        entered.set()
        engine.status()
        time.sleep(0.3)
        left.append(True)
    engine = objectos.Engine(path, watch_interval_ms=10)
    engine.on("change", slow)
    edit("INSERT INTO todos (title, done) VALUES ('slow', 0)")
    assert entered.wait(20)
    edit("INSERT INTO todos (title, done) VALUES ('slow, too', 0)")
    engine.close()
    seen = len(calls)
    assert len(left) == seen
    edit("INSERT INTO todos (title, done) VALUES ('nobody hears', 0)")
    gc.collect()
    time.sleep(0.2)
    assert len(calls) == seen


@it("an engine whose last name goes in its own callback lives until that has ended")
def _():
    entered, collected, names = threading.Event(), threading.Event(), []

    def drop(_):
        entered.wait()
        names.clear()
        gc.collect()
        collected.set()
    names.append(objectos.Engine(path))
    names[0].watch("SELECT id FROM todos", drop)
    gone = weakref.ref(names[0])
    entered.set()
    assert collected.wait(20)

    def is_gone():
        gc.collect()
        return gone() is None
    eventually(is_gone)
    with objectos.Engine(path) as other:
        other.sync()


@it("an engine that is dropped is closed, and the file is free")
def _():
    engine = objectos.Engine(path)
    engine.watch("SELECT id FROM todos", lambda change: None)
    engine.sync()
    gone = weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None
    with objectos.Engine(path) as other:
        other.sync()


@it("with delivery='poll' callbacks run in poll(), on the thread that calls it")
def _():
    threads = []
    with objectos.Engine(path, delivery="poll") as engine:
        engine.watch("SELECT id FROM todos", lambda change: threads.append(threading.get_ident()))
        assert engine.wakeup_fd() >= 0
        eventually(lambda: engine.poll(0.1) > 0)
    assert threads == [threading.get_ident()]


@it("a resolver's dict decides the conflict for everybody")
def _():
    asked = []
    with objectos.Engine(path) as engine, \
            objectos.Engine(os.path.join(directory, "tablet.db"), server=server) as tablet:
        edit("INSERT INTO todos (id, title, done, note) VALUES "
             "('00000000-0000-4000-8000-000000000001', 'Cake', 0, 'base')")
        engine.sync()
        tablet.clone()

        def decide(question):
            asked.append(question)
            gc.collect()
            return {"note": question["remote"]["note"] + " and " + question["local"]["note"] + " ☕"}
        tablet.set_resolver(decide)
        edit("UPDATE todos SET note = 'here' WHERE title = 'Cake'")
        tablet.transaction(("UPDATE todos SET note = ?1 WHERE title = ?2", ["there", "Cake"]))
        engine.sync()
        tablet.sync()
        assert tablet.drain(10)
        tablet.sync()
        engine.sync()
        assert [question["base"] for question in asked] == [{"note": "base"}], asked
        assert edit("SELECT note FROM todos WHERE title = 'Cake'") == [("here and there ☕",)]
        assert engine.log("todos", asked[0]["record_id"])[0]["data"]["note"] == "here and there ☕"
        assert engine.verify()["differences"] == 0


@it("a text is edited by operations, followed, and has others' cursors in it")
def _():
    with objectos.Engine(os.path.join(directory, "ann.db"), server=server) as ann, \
            objectos.Engine(os.path.join(directory, "ben.db"), server=server) as ben:
        heard, cursors = [], []
        for engine in (ann, ben):
            engine.clone()
        here, there = ann.text("papers", "1", "body"), ben.text("papers", "1", "body")
        here.on_change(heard.append)
        here.on_cursors(cursors.append)
        assert there.insert(3, "é") == "Café"
        assert ben.edit_text("papers", "1", "body", [4, "s"]) == "Cafés"
        refused(lambda: there.erase(4, 9), code="OS006")
        there.share_cursor(5, 4)
        ben.sync()
        ann.sync()
        eventually(lambda: heard and heard[-1]["text"] == "Cafés")
        assert heard[0]["operation"] == ["Caf"], heard
        assert heard[-1]["origin"] == "remote", heard
        eventually(lambda: cursors and cursors[-1] and cursors[-1][0]["position"] == 5)
        assert cursors[-1][0]["anchor"] == 4
        assert here.get() == "Cafés"


@it("answers and errors are given back to the library")
def _():
    def churn(call, count):
        for _ in range(count):
            call()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with objectos.Engine(path) as engine:
        edit("UPDATE todos SET note = printf('%.100000c', 'x') WHERE title = 'Cake'")
        for call in (engine.pending,
                     lambda: refused(lambda: objectos.Engine(path, **{"x" * 100_000: 1}))):
            before = churn(call, 50)
            grown = churn(call, 200) - before
            assert grown < 5000, f"grew by {grown} kB, where 200 were 20000"


print(f"binding: {passed} passed, {failed} failed")
sys.exit(failed != 0)
