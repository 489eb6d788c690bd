"""Jobs: how the rest is estimated, and how they end with their server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from pages.components.jobs import Job, Steps

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


def test_the_pace_counts_from_where_a_step_begins() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def work(report: Steps) -> None:
        report(90, 100, "the server is away")
        report(90, 100, "")
        asked.set()
        go_on.wait(10)
        report(91, 100, "")

    job = Job(work)
    asked.wait(10)
    assert job.seconds_left is None, "the 90 came earlier"
    time.sleep(0.2)
    go_on.set()
    job.wait(10)
    assert job.seconds_left is not None and job.seconds_left > 9 * 0.2
