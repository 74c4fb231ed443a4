#!/usr/bin/env python3
"""Short pieces of code in the documents are true: SQL runs, C++ compiles, the README's quick start
works from its first line to its last. Runs inside scripts/with-cluster.sh.

Outputs are not compared here (run.py does that for the tutorial). An ellipsis in C++ stands for
code that is left out. SQL with "in the SQLite file" in it is the client's.
"""
import glob
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import run  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What a document takes for granted; each has a database of its own, named crm.
CONTACTS = """
CREATE TABLE contacts (id text PRIMARY KEY, name text, email text, visits int, tags text[],
                       note text);
INSERT INTO contacts VALUES ('42', 'A.');
"""
EXTENSION = "CREATE EXTENSION objectos_sync;" + CONTACTS + "CREATE SCHEMA crm;"
GIVEN = {
    "README.md": CONTACTS,
    "docs/conflicts.md": EXTENSION,
    "docs/enabling.md": EXTENSION + "CREATE TABLE crm.orders (id int PRIMARY KEY, notes text);",
    "docs/real_time.md": EXTENSION + "SELECT sync_enable('contacts');",
    "docs/text_fields.md": EXTENSION + "CREATE TABLE notes (id int PRIMARY KEY, body text);",
    "docs/verify.md": EXTENSION + "SELECT sync_enable('contacts');",
    "docs/backup.md": EXTENSION,
    "docs/subscriptions.md": EXTENSION,
    "docs/keys.md": "CREATE EXTENSION objectos_sync;",
}
# Checked elsewhere, with their outputs.
ELSEWHERE = {"docs/tutorial.md", "docs/operations.md"}
# Refused for a reason that the document gives: names that only a reader's own system has.
EXPECTED_ERRORS = {"docs/conflicts.md": "there is no open conflict"}


def sh(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=run.SECONDS, **options)
    return done.returncode, done.stdout


def sql(text, document, directory):
    if "in the SQLite file" in text:
        as_client(directory)
        return sh(["sqlite3", "-bail", "phone.db", text], cwd=directory)
    code, output = sh(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "crm", "-c", text])
    wanted = EXPECTED_ERRORS.get(document)
    return (0, "") if code != 0 and wanted and wanted in output else (code, output)


def as_client(directory):
    """Every table of the database is an object, and phone.db has it."""
    sh(["psql", "-X", "-q", "-d", "crm", "-c", """SELECT sync_enable(c.oid::regclass) FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""])
    if os.path.exists(os.path.join(directory, "phone.db")):
        sh(["objectos-sync", "sync", "phone.db"], cwd=directory)
    else:
        sh(["objectos-sync", "clone", "postgresql:///crm", "phone.db"], cwd=directory)


def console(lines, number, directory, shell):
    for line, command, _ in run.commands(number, lines):
        output, status = shell.run(command)
        if status != 0:
            return status, f"line {line}: $ {command}\n{output}"
    return 0, ""


def cpp(lines, directory):
    """As the body of a function, with an engine at hand where the piece makes none."""
    includes = [line for line in lines if line.startswith("#include")]
    body = "\n".join(line for line in lines if line not in includes).replace("…", "")
    path = os.path.join(directory, "piece.cpp")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#include <objectos/sync_engine.h>\n#include <iostream>\n" +
                   "\n".join(includes) + "\nvoid piece(objectos::SyncEngine& engine);\n" +
                   "void piece(objectos::SyncEngine& engine) {\n  (void)engine;\n  {\n" +
                   body + "\n  }\n}\n")
    return sh(["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               "-Wno-unused-parameter", "-Wno-unused-variable", "-I",
               os.path.join(ROOT, "client/include"), path])


def check(document, directory):
    """(passed, what failed) of a document's blocks."""
    passed, wrong = 0, []
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        blocks = run.blocks(file.read())
    shell = run.Shell(directory)
    if document in GIVEN:
        sh(["dropdb", "--if-exists", "--force", "crm"])
        for command in (["createdb", "crm"],
                        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "crm", "-c",
                         GIVEN[document]]):
            code, output = sh(command)
            if code != 0:
                return 0, [f"{document}: what it takes for granted: {output}"]
    again = []
    for number, language, lines, _ in blocks:
        if language == "cpp":
            code, output = cpp(lines, directory)
        elif language == "sql":
            code, output = sql("\n".join(lines), document, directory)
            if code != 0:  # a document may name what it explains further down
                again.append((number, "\n".join(lines)))
                continue
        elif language == "console" and document == "README.md":
            code, output = console(lines, number, directory, shell)
        else:
            continue
        if code == 0:
            passed += 1
        else:
            wrong.append(f"{document}:{number}: {output}")
    for number, text in again:
        code, output = sql(text, document, directory)
        if code == 0:
            passed += 1
        else:
            wrong.append(f"{document}:{number}: {output}")
    shell.end()
    return passed, wrong


def main():
    os.environ["PATH"] = os.path.join(ROOT, "build") + ":" + os.environ["PATH"]
    documents = ["README.md"] + sorted(
        os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs/*.md")))
    passed, wrong = 0, []
    for document in documents:
        if document in ELSEWHERE:
            continue
        with tempfile.TemporaryDirectory() as directory:
            good, bad = check(document, directory)
        passed, wrong = passed + good, wrong + bad
    for each in wrong:
        print("snippets: FAILED: " + "\n  ".join(each.splitlines()))
    if passed < 10:
        wrong.append("too few were found")
        print(f"snippets: only {passed} pieces of code were found")
    print(f"snippets: {passed} passed, {len(wrong)} failed")
    return len(wrong) != 0


if __name__ == "__main__":
    sys.exit(main())
