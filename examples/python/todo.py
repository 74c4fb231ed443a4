#!/usr/bin/env python3
"""The todo list of two devices, in Python: offline edits, a live query, a conflict, a refusal.

    todo.py SERVER DIRECTORY      e.g. todo.py postgresql:///todo /tmp

The app reads and writes its files with the sqlite3 module; objectos keeps them and the server the
same.
"""
import os
import queue
import sqlite3
import sys

import objectos


def open_device(name, server, directory):
    """The device's engine and the app's own connection to the same file."""
    path = os.path.join(directory, name + ".db")
    engine = objectos.Engine(path, server=server, device=name)
    if not os.path.exists(path):
        engine.clone()
    # autocommit: every statement is its own transaction, so no lock is left standing
    return engine, sqlite3.connect(path, isolation_level=None)


def todos(rows):
    return [f"[{'x' if done else ' '}] {title}" for title, done in
            rows.execute("SELECT title, done FROM todos ORDER BY title")]


def show(change):
    """A live query's news: what an app would do to the list on its screen."""
    for _, title, done in change["added"]:
        print(f"screen: + {title}")
    for row in change["changed"]:
        print("screen: *", row["before"][1:], "->", row["after"][1:])


def main(server, directory):
    phone, phone_rows = open_device("phone", server, directory)
    tablet, tablet_rows = open_device("tablet", server, directory)
    with phone, tablet:
        # News come on a thread of the engine's own; this one fetches them when it likes.
        news = queue.Queue()
        screen = tablet.watch("SELECT id, title, done FROM todos ORDER BY title", news.put)
        show(news.get(timeout=10))  # at first the whole result, which is empty

        # Offline: the server is asked by sync() alone.
        phone_rows.execute("INSERT INTO todos (title, done) VALUES ('Buy milk', 0)")
        print("phone has queued", [edit["operation"] for edit in phone.pending()])
        phone.sync()
        tablet.sync()
        show(news.get(timeout=10))

        # Both edit the one row: other fields merge, the note is a conflict (todos.sql says so).
        phone_rows.execute("UPDATE todos SET title = 'Buy oat milk', note = 'two litres'")
        tablet_rows.execute("UPDATE todos SET done = 1, note = 'at the corner'")
        show(news.get(timeout=10))
        phone.sync()
        verdict, = tablet.sync()["verdicts"]
        show(news.get(timeout=10))
        print("verdict:", verdict["status"], verdict["resolution"])
        conflict, = tablet.conflicts()
        print("client:", conflict["client"], "server:", conflict["server"])
        note = conflict["server"]["note"] + ", " + conflict["client"]["note"]
        tablet.resolve(conflict["conflict_id"], {"note": note})
        phone.sync()
        print("phone: ", todos(phone_rows), phone_rows.execute("SELECT note FROM todos").fetchall())
        print("tablet:", todos(tablet_rows), tablet_rows.execute("SELECT note FROM todos").fetchall())

        # What the server refuses is taken back, and the app is told why.
        phone_rows.execute("UPDATE todos SET title = NULL")
        phone.sync()
        for refused in phone.rejections():
            print("refused:", refused["detail"]["message"])
        print("phone: ", todos(phone_rows))
        screen.cancel()

    # Errors are exceptions, with a code and what to do.
    try:
        objectos.Engine(os.path.join(directory, "nothing.db")).status()
    except objectos.Error as error:
        print(f"{error} [{error.code}] {error.hint}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: todo.py SERVER DIRECTORY")
    main(*sys.argv[1:])
