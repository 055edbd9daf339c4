"""Run a shell command in an 80x24 pseudo-terminal, wait for the home screen, quit with ctrl+q.

Usage: start_in_terminal.py 'COMMAND'. Exits 0 when the game showed its title and ended by itself.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

WAIT_SECONDS = 240


def main() -> int:
    pid, master = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp("bash", ["bash", "-c", sys.argv[1]])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = b""
    asked = False
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        readable, _, _ = select.select([master], [], [], 0.5)
        if readable:
            try:
                chunk = os.read(master, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                break
            seen += chunk
        if not asked and (b"\x1b[?1049h" in seen) and not readable:
            os.write(master, b"\x11")
            asked = True
    _, status = os.waitpid(pid, os.WNOHANG) if time.monotonic() >= deadline else os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if not asked or code != 0:
        sys.stdout.write(seen.decode("utf-8", "replace")[-4000:])
        print(f"\nthe game did not start and stop cleanly (started: {asked}, exit {code})")
        return 1
    print("started and stopped cleanly")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
