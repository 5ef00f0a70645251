#!/usr/bin/env python3
"""prompted.py SECRET COMMAND…: a person at the command's terminal, who answers each question for a secret (it ends with ": ") with SECRET. The command keeps its standard streams and has
a terminal of its own, which alone it can ask on. Ends with the command's status; with 99 when the terminal showed the secret, or nothing was asked."""
import fcntl
import os
import pty
import select
import sys
import termios

SECONDS = 60


def child(terminal, command):
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    os.set_inheritable(terminal, True)  # held open as long as the command runs
    os.execvp(command[0], command)


def main():
    secret, command = sys.argv[1].encode(), sys.argv[2:]
    keyboard, terminal = pty.openpty()
    pid = os.fork()
    if pid == 0:
        child(terminal, command)
    os.close(terminal)
    shown, asked = b"", 0
    while select.select([keyboard], [], [], SECONDS)[0]:
        try:
            part = os.read(keyboard, 4096)
        except OSError:  # the command has ended
            break
        shown += part
        if part.endswith(b": "):
            os.write(keyboard, secret + b"\n")
            asked += 1
    else:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if secret in shown or not asked:
        print(f"the terminal showed: {shown!r}", file=sys.stderr)
        return 99
    return status


if __name__ == "__main__":
    sys.exit(main())
