"""What a tree of processes used, read from /proc: CPU time, and memory shared out fairly."""

import os
import re
from collections import defaultdict
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        children[int(fields[1])].append(int(folder.name))
    found, at = [root], 0
    while at < len(found):
        found += children[found[at]]
        at += 1
    return found


def cpu_ms(root: int) -> float:
    """Return the user and system time of a tree so far, in milliseconds."""
    total = 0
    for pid in tree(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK_MS


def pss_mb(root: int) -> float:
    """Return the memory of a tree in MB; pages that several share count for each by its part."""
    kilobytes = 0
    for pid in tree(root):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024
