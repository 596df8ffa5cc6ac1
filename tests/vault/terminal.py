#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command on a terminal of its own and plays a script of what a person does there.

terminal.py SCRIPT COMMAND ARGUMENT...

Lines of SCRIPT: "see TEXT" (wait until it is shown), "unseen TEXT" (has never been shown), "type
TEXT" (escapes as in Python strings), "echo on|off" (the terminal's state, waited for), "signal NAME",
"wait FILE" (until it is there), "end" (the command ends). Prints what was shown; exits with the
command's status, 128 + a signal's number, or 100 when the script did not come true."""
import codecs
import os
import pty
import select
import signal
import sys
import termios
import time

LIMIT_S = 20


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        script = [line.rstrip("\n").split(" ", 1) for line in f if line.strip()]
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    shown = b""
    status = None

    def pump(seconds):
        nonlocal shown, status
        ready, _, _ = select.select([master], [], [], seconds)
        if ready:
            try:
                shown += os.read(master, 65536)
            except OSError:
                time.sleep(0.01)
        if status is None:
            done, st = os.waitpid(pid, os.WNOHANG)
            if done:
                status = st

    def until(what, test):
        end = time.monotonic() + LIMIT_S
        while not test():
            if time.monotonic() > end:
                sys.stdout.write(shown.decode(errors="replace"))
                print("\nterminal.py: did not happen:", what)
                os.kill(pid, signal.SIGKILL)
                sys.exit(100)
            pump(0.02)

    seen_to = 0
    for step in script:
        what, arg = step[0], step[1] if len(step) > 1 else ""
        if what == "see":
            text = arg.encode()
            until("see " + arg, lambda: shown.find(text, seen_to) >= 0)
            seen_to = shown.find(text, seen_to) + len(text)
        elif what == "unseen":
            pump(0.1)
            if arg.encode() in shown:
                print("terminal.py: was shown:", arg)
                sys.exit(100)
        elif what == "type":
            os.write(master, codecs.decode(arg, "unicode_escape").encode("latin-1"))
        elif what == "echo":
            want = arg == "on"
            until("echo " + arg, lambda: bool(termios.tcgetattr(master)[3] & termios.ECHO) == want)
        elif what == "signal":
            os.kill(pid, getattr(signal, arg))
        elif what == "wait":
            until("wait " + arg, lambda: os.path.exists(arg))
        elif what == "end":
            until("end", lambda: status is not None)
        else:
            sys.exit("unknown step " + what)
    until("end", lambda: status is not None)
    pump(0.05)
    sys.stdout.write(shown.decode(errors="replace"))
    sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


main()
