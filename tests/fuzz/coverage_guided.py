"""Fuzz the readers with Atheris, which looks for inputs that reach new lines of them.

    pip install atheris && python -m tests.fuzz.coverage_guided CORPUS [-max_total_time=600 ...]

CORPUS is a folder, made and filled with seeds where it is empty; further options are libFuzzer's.
An input that raises anything but our own error, or takes more than 2 GB, is kept as crash-... .
How often each reader ran, and for how long, is printed now and then.
Atheris is no part of tests/requirements.txt: it has no build for every Python and system.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["core.formats", "cdflib"]):
    from tests.fuzz import targets

NAMES = sorted(targets.TARGETS)
# So many runs lie between two accounts of them.
TELL_EVERY = 20_000


def main() -> None:
    """Fill the corpus and run until told to stop."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp())
    warnings.simplefilter("ignore")
    if not any(corpus.iterdir()):
        for name, data in targets.seeds(scratch / "seeds").items():
            seed = bytes([NAMES.index(name)]) + data
            (corpus / name.replace(" ", "_")).write_bytes(seed)

    runs: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)

    def one(data: bytes) -> None:
        # The first byte says which reader: one run goes through them all.
        if data:
            name = NAMES[data[0] % len(NAMES)]
            began = time.perf_counter()
            targets.read(name, scratch / name, data[1:])
            runs[name] += 1
            seconds[name] += time.perf_counter() - began
            if runs.total() % TELL_EVERY == 0:
                print("runs:", {n: (runs[n], round(seconds[n])) for n in sorted(runs)}, flush=True)

    atheris.Setup(
        [sys.argv[0], str(corpus), "-rss_limit_mb=2048", "-timeout=30", *sys.argv[2:]], one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
