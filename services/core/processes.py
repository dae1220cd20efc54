"""What Linux says of processes."""

import os
import time
from pathlib import Path


def process_started_at() -> float:
    """Return when this process started, in seconds since the epoch. Source: proc(5), /proc/PID/stat field 22."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()
