#!/usr/bin/env python3
"""Does what a Markdown document tells its reader to do, and compares what comes out.

    run.py DOCUMENT

The fenced blocks count, in order:

- ```console: what stands after "$ " is typed into one shell, which goes on from block to block (also
  into a shell that a command starts, and out of it again by `exit`). The lines below it are what the
  shell prints, to the letter, but for "…", which stands for anything within a line, and, alone in
  a line, for any number of lines. A command must succeed, unless the next one is `echo $?`.
  The first failure ends the run: what follows was to happen elsewhere or to something else.
- any other block is saved as the file that the paragraph before it names: Save this as `name`.

A block that is neither is an error, so nothing in the document goes untested.
"""
import os
import re
import secrets
import select
import subprocess
import sys
import time

SECONDS = 120  # that one command may take


class Failed(Exception):
    pass


def blocks(text):
    """(line number, language, lines, the paragraph before) of every fenced block."""
    found, paragraph, ended, opened = [], [], False, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"```(\w*)$", line)
        if opened and not fence:
            opened[2].append(line)
        elif opened:
            found.append(opened)
            opened, paragraph = None, []
        elif fence:
            opened = (number, fence.group(1), [], " ".join(paragraph))
        elif line.strip():
            paragraph = ([] if ended else paragraph) + [line.strip()]
        ended = not line.strip()
    if opened:
        raise Failed(f"line {opened[0]}: the block is not closed")
    return found


def commands(number, lines):
    """(line number, command, the lines that it prints) of a console block."""
    found = []
    for offset, line in enumerate(lines, 1):
        if line.startswith("$ "):
            found.append((number + offset, line[2:], []))
        elif found:
            found[-1][2].append(line)
        else:
            raise Failed(f"line {number + offset}: a console block begins with a command")
    return found


def pattern(expected):
    """Expected lines as a regular expression over the whole output."""
    text = ""
    for line in expected:
        if line.strip() == "…":
            text += r"(?:.*\n)*?"
        else:
            text += "[^\n]*".join(re.escape(part) for part in line.split("…")) + "\n"
    return re.compile(text)


class Shell:
    """One bash, and whatever shells are started in it; told a command when the last has ended."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=directory, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.status = 0

    def run(self, command):
        """Its output and exit status. $? is its own again for the next command."""
        mark = secrets.token_hex(8)
        # The mark is put together by the shell, so that it stands in no echo of the command.
        ending = f"s=$?; printf '%s%s %s\\n' {mark[:8]} {mark[8:]} $s; (exit $s)"
        self.process.stdin.write(f"(exit {self.status})\n{command}\n{ending}\n".encode())
        self.process.stdin.flush()
        output, deadline = b"", time.monotonic() + SECONDS
        done = re.compile(rb"%s (\d+)\n" % mark.encode())
        while not done.search(output):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"no end after {SECONDS} s:\n{output.decode(errors='replace')}")
            read = os.read(self.process.stdout.fileno(), 65536)
            if not read:
                raise Failed(f"the shell has ended:\n{output.decode(errors='replace')}")
            output += read
        match = done.search(output)
        self.status = int(match.group(1))
        text = (output[:match.start()] + output[match.end():]).decode()
        return text, self.status

    def end(self):
        self.process.stdin.close()  # every shell in it ends, and what they started with them
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 15)
            self.process.wait(30)


def save(block, shell):
    number, _, lines, paragraph = block
    name = re.search(r"Save this as `([\w.-]+)`", paragraph)
    if not name:
        raise Failed(f"line {number}: a block that is neither a console nor saved as a file")
    text, _ = shell.run("pwd")
    with open(os.path.join(text.strip(), name.group(1)), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def type_in(block, shell, count):
    todo = commands(block[0], block[2])
    for index, (number, command, expected) in enumerate(todo):
        output, status = shell.run(command)
        asked = index + 1 < len(todo) and todo[index + 1][1].startswith("echo $?")
        wrong = None
        if status != 0 and not asked:
            wrong = f"exit code {status}:\n{output}"
        elif not pattern(expected).fullmatch(output):
            shown = "\n".join(expected)
            wrong = f"expected:\n{shown}\nprinted:\n{output}"
        if wrong:
            raise Failed(f"line {number}: $ {command}\n{wrong}")
        count()


def main(document):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    passed = failed = 0

    def count():
        nonlocal passed
        passed += 1

    shell = Shell(root)
    try:
        with open(document, encoding="utf-8") as file:
            for block in blocks(file.read()):
                if block[1] == "console":
                    type_in(block, shell, count)
                else:
                    save(block, shell)
    except Failed as error:
        failed += 1
        indented = "\n  ".join(str(error).splitlines())
        print(f"tutorial: FAILED: {document}: {indented}")
    finally:
        shell.end()
    if passed == 0:
        failed += 1
        print(f"tutorial: {document} holds no command")
    print(f"tutorial: {passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: run.py DOCUMENT")
    sys.exit(main(sys.argv[1]))
