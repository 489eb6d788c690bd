"""Jobs at a server's end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT_WORK = """
import time
from pages.components.jobs import Job

def work(report):
    try:
        while True:
            report(1, 2)
            time.sleep(0.01)
    finally:
        print("put away", flush=True)

Job(work)
time.sleep(0.1)
"""


def test_a_server_that_ends_lets_its_jobs_put_their_things_away() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", AT_WORK], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "put away\n"), ended.stderr
