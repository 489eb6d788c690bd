"""Eight visitors at once: how long a change of sequence takes, and what a session weighs.

    python -m tests.benchmarks.eight_users [--users 8] [--changes 12] [--data cmu.safetensors]

Each visitor is a client that speaks the app's own protocol over a websocket, as a browser does,
so that drawing does not take the server's cores. It opens Browse, chooses one action after
another with a pause between, and waits until the script has finished. Then the same again while
one more visitor has the Errors page judge a checkpoint on --data, whose results are not kept.
Prints the times and the server's memory before, with, and after the visitors.
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
from contextlib import ExitStack
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
SETTLE_S = 8.0
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
    parser.add_argument("--data", default="synthetic")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as kept:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
             "--server.address", "127.0.0.1", "--server.headless", "true"],
            cwd=ROOT, env={**os.environ, ENVIRONMENT: kept}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(server, f"http://127.0.0.1:{port}/_stcore/health")
            measure(options, port, server.pid)
        finally:
            server.terminate()
            server.wait(timeout=20)


def measure(options: argparse.Namespace, port: int, server: int) -> None:
    """Run both rounds and print them."""
    with ExitStack() as first:
        Visitor(first, port, "", BROWSED)
    alone = resident_mb(server)
    with ExitStack() as stack:
        visitors = [Visitor(stack, port, "", BROWSED) for _ in range(options.users)]
        used = processor_s(server)
        times = all_at_once(visitors, options.changes)
        used = processor_s(server) - used
        with_all = resident_mb(server)
        report(f"{options.users} visitors", times)
        print(f"the server's cores work {used / len(times):.2f} s for a change")

        judging = Visitor(stack, port, "errors", f"data={options.data}")
        seconds: list[float] = []
        button = judging.buttons.get("errors_compute")
        if button is not None:
            work = threading.Thread(target=lambda: seconds.append(judging.run(button)))
            work.start()
            times = all_at_once(visitors, options.changes, until=work)
            work.join()
            report(f"{options.users} visitors while one judges for {seconds[0]:.0f} s", times)
    time.sleep(SETTLE_S)
    growth = (with_all - alone) / options.users
    verdict = "within" if growth <= MOST_MB else "over"
    print(
        f"server {alone:.0f} MB after one visitor, {with_all:.0f} MB with {options.users}: "
        f"{growth:.1f} MB a session ({verdict} {MOST_MB:.0f}); "
        f"{resident_mb(server):.0f} MB after all have left"
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
