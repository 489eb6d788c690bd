"""Which process is which.

A number may be used again by another process; number, start and host together are not.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process of one machine.

    Attributes:
        pid: its number.
        started: when it started, in the system's own words; empty where it can't be asked.
        host: the machine's name.
    """

    pid: int
    started: str
    host: str

    def is_here(self) -> bool:
        """Tell whether it ran on this machine."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Tell whether it still runs; False for one of another machine."""
        return self.is_here() and bool(self.started) and _started(self.pid) == self.started


def this_process() -> Process:
    """Name the process that asks."""
    return Process(os.getpid(), _started(os.getpid()), socket.gethostname())


def _started(pid: int) -> str:
    """Say when a process started; empty if there is none, or one that is dead but not buried."""
    if sys.platform == "win32":
        return ""
    try:
        # The name in brackets may hold anything; the fields behind it are state, parent, ...
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _asked(pid)
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _asked(pid: int) -> str:
    """Ask `ps`, where there is no /proc."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    state, _, started = told.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
