"""Eight visitors at once: how long a change of sequence takes, and what a session weighs.

    python -m tests.benchmarks.eight_users [--users 8] [--changes 12] [--waves 3]
        [--data cmu.safetensors]

Each visitor is a client that speaks the app's own protocol over a websocket, as a browser does,
so that drawing does not take the server's cores. It opens Browse, chooses one action after
another with a pause between, and waits until the script has finished. Then the same again while
one more visitor has the Errors page judge a checkpoint on --data, whose results are not kept.
Then all leave, and others come and leave, as often as --waves says: what a wave of sessions takes
is to be given back once Streamlit forgets them, which is set to happen soon here.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from core.store import ENVIRONMENT
from tests.browser.conftest import ROOT, free_port, wait_for

PAUSE_S, LONGEST_WAIT_S = 1.0, 120.0
# How long Streamlit keeps the sessions of visitors who have left; 120 s if it is not told.
KEPT_S = 5
MOST_S, MOST_MB = 2.0, 60.0
BROWSED = "data=synthetic"


class Visitor:
    """One session: what it was shown, and the time that its last change took."""

    def __init__(self, stack: ExitStack, port: int, page: str, query: str) -> None:
        self.socket = stack.enter_context(
            connect(
                f"ws://127.0.0.1:{port}/_stcore/stream",
                subprotocols=[Subprotocol("streamlit")],
                max_size=None,
            )
        )
        self.page, self.query = page, query
        self.selects: dict[str, Any] = {}
        self.buttons: dict[str, str] = {}
        self.seen: set[str] = set()
        self.received = 0
        self.run()

    def run(self, trigger: str | None = None) -> float:
        """Have the script run with the widgets as they are; return the seconds until its end."""
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_name = self.query, self.page
        for select in self.selects.values():
            state = asked.widget_states.widgets.add()
            state.id, state.string_value = select["id"], select["value"]
        if trigger is not None:
            state = asked.widget_states.widgets.add()
            state.id, state.trigger_value = trigger, True
        self.seen.clear()
        started = time.perf_counter()
        self.socket.send(message.SerializeToString())
        while True:
            content = self.socket.recv(timeout=LONGEST_WAIT_S)
            assert isinstance(content, bytes)
            self.received += len(content)
            said = ForwardMsg.FromString(content)
            kind = said.WhichOneof("type")
            if kind == "delta":
                self.note(said.delta.new_element)
            elif kind == "script_finished" and said.script_finished == 0:
                return time.perf_counter() - started

    def note(self, element: Any) -> None:
        """Remember a widget."""
        if element.WhichOneof("type") == "selectbox":
            box = element.selectbox
            value = box.raw_value if box.set_value else None
            known = self.selects.setdefault(key_of(box.id), {})
            known.update(id=box.id, options=list(box.options))
            known["value"] = value or known.get("value") or box.options[box.default]
        elif element.WhichOneof("type") == "button":
            self.buttons[key_of(element.button.id)] = element.button.id
            self.seen.add(key_of(element.button.id))

    def press_and_wait(self, button: str, working: str) -> float:
        """Press a button; return the seconds until the button that stops the work is gone."""
        started = time.perf_counter()
        self.run(self.buttons[button])
        while working in self.seen:
            time.sleep(PAUSE_S)
            self.run()
        return time.perf_counter() - started

    def change(self, chance: random.Random) -> float:
        """Choose another action; return the seconds until it is there."""
        action = self.selects["pick_action"]
        others = [option for option in action["options"] if option != action["value"]]
        action["value"] = chance.choice(others)
        before = self.received
        seconds = self.run()
        if self.received - before < 10_000:
            raise SystemExit(f"no poses came with {action['value']}")
        return seconds


def key_of(widget: str) -> str:
    """Take the key that the page gave a widget out of its id."""
    return widget.rsplit("-", 1)[-1]


def main() -> None:
    """Start a server, let visitors come and go, print what they met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--changes", type=int, default=12)
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--data", default="", help="what the long evaluation is of")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept, served(Path(kept)) as (port, server):
        measure(options, port, server)


@contextmanager
def served(kept: Path) -> Iterator[tuple[int, int]]:
    """Start the app with a store of its own; give its port and its process."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
         "--server.address", "127.0.0.1", "--server.headless", "true",
         "--server.disconnectedSessionTTL", str(KEPT_S)],
        cwd=ROOT, env={**os.environ, ENVIRONMENT: str(kept)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(server, f"http://127.0.0.1:{port}/_stcore/health")
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(timeout=20)


def measure(options: argparse.Namespace, port: int, server: int) -> None:
    """Run both rounds and print them."""
    with ExitStack() as first:
        Visitor(first, port, "", BROWSED)
    left = [after_all_left(port, server)]
    print(f"server {left[0]:.0f} MB after one visitor has come and gone")
    for wave in range(options.waves):
        with ExitStack() as stack:
            visitors = [Visitor(stack, port, "", BROWSED) for _ in range(options.users)]
            used = processor_s(server)
            times = all_at_once(visitors, options.changes)
            used = processor_s(server) - used
            with_all = resident_mb(server)
            if not wave:
                report(f"{options.users} visitors", times)
                print(f"the server's cores work {used / len(times):.2f} s for a change")
        left.append(after_all_left(port, server))
        say_memory(f"wave {wave + 1}", (with_all - left[-2]) / options.users, with_all, left[-1])
    # The first wave also fills the caches that all share, which have their bounds.
    for of, since in (("all", 0), ("the later", 1)):
        sessions = options.users * (options.waves - since)
        remaining = (left[-1] - left[since]) / max(sessions, 1)
        print(f"{remaining:.1f} MB remain of each of {of} {sessions} sessions")
    if not options.data:
        return
    with ExitStack() as stack:
        visitors = [Visitor(stack, port, "", BROWSED) for _ in range(options.users)]
        judge_meanwhile(options, port, stack, visitors)


def judge_meanwhile(
    options: argparse.Namespace, port: int, stack: ExitStack, visitors: list[Visitor]
) -> None:
    """Let all change sequences as long as one more visitor's evaluation takes."""
    judging = Visitor(stack, port, "errors", f"data={options.data}")
    if "errors_compute" not in judging.buttons:
        return
    seconds: list[float] = []
    work = threading.Thread(
        target=lambda: seconds.append(judging.press_and_wait("errors_compute", "errors_stop"))
    )
    work.start()
    times = all_at_once(visitors, options.changes, until=work)
    work.join()
    report(f"{options.users} visitors while one judges for {seconds[0]:.0f} s", times)


def after_all_left(port: int, server: int) -> float:
    """Measure the server's memory once Streamlit has forgotten who left, MB.

    It looks for sessions to forget when others come.
    """
    for _ in range(2):
        time.sleep(KEPT_S + 1)
        with ExitStack() as passing:
            Visitor(passing, port, "files", "")
    time.sleep(KEPT_S + 1)
    return resident_mb(server)


def say_memory(what: str, growth: float, with_all: float, left: float) -> None:
    """Print what a session weighs, and what is left."""
    verdict = "within" if growth <= MOST_MB else "over"
    print(
        f"{what}: {with_all:.0f} MB, {growth:.1f} MB a session ({verdict} {MOST_MB:.0f}); "
        f"{left:.0f} MB after all have left",
        flush=True,
    )


def all_at_once(
    visitors: list[Visitor], changes: int, until: threading.Thread | None = None
) -> list[float]:
    """Let each visitor change so many times, or as long as a thread lives, with pauses."""
    times: list[float] = []

    def visit(place: int) -> None:
        chance = random.Random(place)
        done = 0
        while done < changes if until is None else until.is_alive():
            time.sleep(PAUSE_S * chance.uniform(0.5, 1.5))
            times.append(visitors[place].change(chance))
            done += 1

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(len(visitors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def report(what: str, times: list[float]) -> None:
    """Print the median and the 95th percentile."""
    p95 = float(np.percentile(times, 95))
    verdict = "within" if p95 <= MOST_S else "over"
    print(
        f"{what}: {len(times)} changes of sequence, median {np.median(times):.2f} s, "
        f"95 of 100 within {p95:.2f} s ({verdict} {MOST_S:.0f} s), longest {max(times):.2f} s",
        flush=True,
    )


def processor_s(process: int) -> float:
    """Ask the kernel how long the cores have worked for a process."""
    counts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(counts[11]) + int(counts[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    """Ask the kernel for a process's resident memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1]) / 1024


if __name__ == "__main__":
    main()
