"""A server that ends as a machine does that lost its power: every process of it at once, none with time for a last word."""

import os
import signal
import subprocess


def cut(server: int) -> None:
    """End a server and its children, which are in groups of their own and would go on for a moment.

    It is stopped first, so that it starts no other child while we look for them.
    """
    os.kill(server, signal.SIGSTOP)
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listed.splitlines()]
    for process in [*(int(pid) for pid, parent in pairs if int(parent) == server), server]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it left by itself just now
