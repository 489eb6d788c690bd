"""Eight people browse at once: how long a change of sequence takes each, and what memory it costs.

    python -m tests.benchmarks.eight_users [--users 8] [--changes 15] [--evaluating]

Speaks Streamlit's own protocol over websockets, so that what is measured is the server and not
eight browsers on the same machine. A change counts from choosing another action until the script
has sent everything and finished. With --evaluating somebody opens Errors at the same time, whose
evaluation is computed anew. Bounded: it ends after the changes, and sends to this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.typing import Origin, Subprotocol

from tests.browser.conftest import ROOT, free_port, wait_for

# Thinking time between two changes, s: people look at what they chose.
LOOKS = (0.5, 2.0)
LONGEST_WAIT_S = 60.0


@dataclass
class Visitor:
    """One session: what it shows, and how to choose something else."""

    socket: ClientConnection
    page: str = ""
    action: str = ""
    field_id: str = ""
    actions: list[str] = field(default_factory=list)
    bytes_received: int = 0

    async def run(self, query: str, choose: str | None = None) -> float:
        """Let the script run, with another action if one is given; return the seconds it took."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = self.page
        if choose is not None:
            state = asked.rerun_script.widget_states.widgets.add()
            state.id, state.string_value = self.field_id, choose
        began = time.perf_counter()
        await self.socket.send(asked.SerializeToString())
        while True:
            message: Any = await asyncio.wait_for(self.socket.recv(), LONGEST_WAIT_S)
            self.bytes_received += len(message)
            said = ForwardMsg.FromString(message)
            self._note(said)
            # A choice makes the script run once more, to write it into the address.
            if said.WhichOneof("type") == "script_finished" and choose in (None, self.action):
                return time.perf_counter() - began

    def _note(self, said: ForwardMsg) -> None:
        element = said.delta.new_element
        if element.WhichOneof("type") == "selectbox" and "pick_action" in element.selectbox.id:
            box = element.selectbox
            self.field_id, self.actions = box.id, list(box.options)
            self.action = box.raw_value or self.action or box.options[box.default]
        elif element.WhichOneof("type") == "exception":
            raise RuntimeError(element.exception.message)


async def connect(port: int, page: str = "") -> Visitor:
    """Open a session."""
    socket = await open_socket(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        origin=Origin(f"http://127.0.0.1:{port}"),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    )
    return Visitor(socket, page)


async def browse(port: int, changes: int, seed: int) -> tuple[list[float], int]:
    """Change the sequence again and again; return the seconds of each, and the bytes received."""
    rng = random.Random(seed)
    visitor = await connect(port)
    await visitor.run("data=synthetic")
    times = []
    for _ in range(changes):
        await asyncio.sleep(rng.uniform(*LOOKS))
        others = [a for a in visitor.actions if a != visitor.action]
        visitor.action = wanted = rng.choice(others)
        times.append(await visitor.run("data=synthetic", wanted))
    await visitor.socket.close()
    return times, visitor.bytes_received


async def evaluating(port: int) -> Visitor:
    """Open Errors, which evaluates the whole test set."""
    visitor = await connect(port, "errors")
    await visitor.run("data=synthetic")
    return visitor


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """Read the server's resident memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(server: subprocess.Popen[bytes], port: int, options: argparse.Namespace) -> None:
    """Warm up with one visitor, then let all of them browse."""
    await browse(port, 3, seed=99)
    before = resident_mb(server)
    other = asyncio.create_task(evaluating(port)) if options.evaluating else None
    users = (browse(port, options.changes, seed) for seed in range(options.users))
    found = await asyncio.gather(*users)
    after = resident_mb(server)
    times = sorted(t for each, _ in found for t in each)
    p95 = times[int(0.95 * (len(times) - 1))]
    print(
        f"{options.users} users, {len(times)} changes: median {statistics.median(times):.2f} s, "
        f"p95 {p95:.2f} s, longest {times[-1]:.2f} s"
    )
    print(
        f"memory {before:,.0f} MB -> {after:,.0f} MB: {(after - before) / options.users:.1f} MB a "
        f"user; {sum(size for _, size in found) / len(times) / 1e3:,.0f} kB a change"
    )
    await asyncio.gather(*(browse(port, 3, seed) for seed in range(options.users)))
    print(f"after as many users more, the first being gone: {resident_mb(server):,.0f} MB")
    if other is not None:
        print("evaluation beside it:", "done" if other.done() else "still going on")
        other.cancel()


def main() -> None:
    """Start a server of its own and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--changes", type=int, default=15)
    parser.add_argument("--evaluating", action="store_true")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as cache:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "POSE_BASELINE_CACHE": cache},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(server, f"http://127.0.0.1:{port}/_stcore/health")
            asyncio.run(measure(server, port, options))
        finally:
            server.terminate()
            server.wait(timeout=10)


if __name__ == "__main__":
    main()
