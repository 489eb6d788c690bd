"""CMU's trials from a site of its layout, with the faults of the real one."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import cmu
from core.sequence import PoseSequence
from core.workflows import fetch_cmu as fetching
from core.workflows.download import LISTEN_S
from core.workflows.fetch_cmu import TRIALS, fetch_and_prepare, fetch_cmu, read_trials
from core.workflows.open import open_dataset
from tests.formats.mocap_writers import (
    amc_text,
    asf_text,
    joints_by_the_letter,
    random_frames,
    rest_frame,
)
from tests.web import Site, serving

LIST = """subject,trial,action,split,fps,first,last,every,description
02,01,walk,test,120,1,9,4,"walk, turn"
02,02,run,test,120,2,,1,run
05,01,dance,train,60,,,2,dance
"""


class Stop(Exception):  # noqa: N818
    pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "site"
    for subject, trials in {"02": ("01", "02"), "05": ("01",)}.items():
        folder = root / "subjects" / subject
        folder.mkdir(parents=True)
        (folder / f"{subject}.asf").write_text(asf_text())
        for trial in trials:
            frames = random_frames(int(subject + trial), 10)
            (folder / f"{subject}_{trial}.amc").write_text(amc_text(frames))
    with serving(root) as found:
        yield found


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    return path


def fetch(site: Site, trials: Path, folder: Path, **options: Any) -> fetching.Fetched:
    return fetch_cmu(
        folder, trials=trials, site=site.address + "/", waits_s=(0.0, 0.0), silence_s=0.2, **options
    )


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


WHOLE = ["02.asf", "02_01.amc", "02_02.amc", "05.asf", "05_01.amc", "index.csv"]


def test_what_the_list_names_comes_with_an_index_that_opens(
    site: Site, trials: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "cmu"
    found = fetch(
        site, trials, folder, progress=lambda done, in_all, *_: told.append((done, in_all))
    )
    assert (found.trials, found.missing) == (3, {})
    assert names_in(folder) == WHOLE
    assert told == sorted(told) and told[-1] == (5, 5)
    walk, run, dance = cmu.find(folder)
    assert (walk.action, walk.split, walk.description) == ("walk", "test", "walk, turn")
    assert (dance.action, dance.split) == ("dance", "train")
    read = dict(cmu.read((walk, run, dance)))
    lengths = {c.name: (len(s), s.fps) for c, s in read.items() if isinstance(s, PoseSequence)}
    assert lengths == {"02_01": (3, 30.0), "02_02": (9, 120.0), "05_01": (5, 30.0)}
    sequence = read[walk]
    assert isinstance(sequence, PoseSequence)
    whole = joints_by_the_letter(random_frames(201, 10))
    np.testing.assert_allclose(sequence.positions, whole[[0, 4, 8]], atol=0.01)


def test_the_site_is_asked_politely_and_once(site: Site, trials: Path, tmp_path: Path) -> None:
    fetch(site, trials, tmp_path / "cmu")
    fetch(site, trials, tmp_path / "cmu")
    assert len(site.asked) == 5, "what is there is not asked for again"
    assert site.most_at_once <= fetching.CONNECTIONS
    assert all("pose-baseline-studio" in agent for agent in site.agents)


@pytest.mark.parametrize("fault", ["cut", "slow", 503, 429])
def test_passing_faults_are_overcome(
    site: Site, trials: Path, tmp_path: Path, fault: int | str
) -> None:
    for file in ("02/02.asf", "02/02_01.amc", "05/05_01.amc"):
        site.faults[f"/subjects/{file}"] = [fault]
    assert fetch(site, trials, tmp_path / "cmu").missing == {}
    for name in ("02/02.asf", "02/02_01.amc", "05/05_01.amc"):
        got, sent = (root / "subjects" / name for root in (tmp_path / "cmu", site.folder))
        assert got.read_bytes() == sent.read_bytes()


def test_while_it_waits_it_says_for_what(site: Site, trials: Path, tmp_path: Path) -> None:
    site.faults["/subjects/02/02.asf"] = [503]
    told: list[tuple[int, str]] = []
    fetch_cmu(
        tmp_path / "cmu",
        trials=trials,
        site=site.address,
        waits_s=(2 * LISTEN_S,),
        progress=lambda done, _, __, problem: told.append((done, problem)),
    )
    said = "the server answered 503 Service Unavailable; trying again"
    assert {problem for _, problem in told} == {"", said}
    assert told[-1] == (5, "")


def test_what_could_not_be_had_is_not_counted(site: Site, trials: Path, tmp_path: Path) -> None:
    site.faults["/subjects/05/05_01.amc"] = [404]
    told: list[int] = []
    fetch(site, trials, tmp_path / "cmu", progress=lambda done, *_: told.append(done))
    assert told[-1] == 4


def test_a_trial_that_is_not_there_is_named_and_left_out(
    site: Site, trials: Path, tmp_path: Path
) -> None:
    (site.folder / "subjects/02/02_02.amc").unlink()
    found = fetch(site, trials, tmp_path / "cmu")
    assert found.trials == 2 and list(found.missing) == ["02_02"]
    assert "404" in found.missing["02_02"]
    assert [clip.name for clip in cmu.find(tmp_path / "cmu")] == ["02_01", "05_01"]


def test_without_its_skeleton_a_subject_is_left_out(
    site: Site, trials: Path, tmp_path: Path
) -> None:
    (site.folder / "subjects/02/02.asf").unlink()
    found = fetch(site, trials, tmp_path / "cmu")
    assert found.trials == 1 and list(found.missing) == ["02"]
    assert [clip.name for clip in cmu.find(tmp_path / "cmu")] == ["05_01"]


def test_a_page_in_place_of_a_file_is_thrown_away(site: Site, trials: Path, tmp_path: Path) -> None:
    site.faults["/subjects/02/02_01.amc"] = ["page"]
    found = fetch(site, trials, tmp_path / "cmu")
    assert "02_01.amc: the server's answer is no .amc file" in found.missing["02_01"]
    assert not (tmp_path / "cmu/subjects/02/02_01.amc").exists()
    assert fetch(site, trials, tmp_path / "cmu").missing == {}


def test_a_checksum_of_the_list_is_kept_to(site: Site, tmp_path: Path) -> None:
    right = hashlib.sha256((site.folder / "subjects/02/02_01.amc").read_bytes()).hexdigest()
    (tmp_path / "list.csv").write_text(
        f"subject,trial,sha256\n02,01,{right}\n02,02,{right[::-1]}\n"
    )
    found = fetch(site, tmp_path / "list.csv", tmp_path / "cmu")
    assert found.trials == 1 and "SHA-256 was expected" in found.missing["02_02"]
    assert names_in(tmp_path / "cmu") == ["02.asf", "02_01.amc", "index.csv"]


def test_stopped_it_goes_on_where_it_was(site: Site, trials: Path, tmp_path: Path) -> None:
    def stop(done: int, *_: object) -> None:
        if done >= 2:
            raise Stop

    folder = tmp_path / "cmu"
    with pytest.raises(Stop):
        fetch(site, trials, folder, progress=stop)
    assert "index.csv" not in names_in(folder)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.a[sm][fc]")}
    assert len(before) >= 2
    assert fetch(site, trials, folder).trials == 3
    assert all(p.stat().st_mtime_ns == when for p, when in before.items())
    assert names_in(folder) == WHOLE


def test_half_a_file_is_never_opened(site: Site, trials: Path, tmp_path: Path) -> None:
    site.faults["/subjects/02/02_01.amc"] = ["cut"] * 3
    folder = tmp_path / "cmu"
    found = fetch(site, trials, folder)
    assert "02_01" in found.missing and (folder / "subjects/02/02_01.amc.part").exists()
    assert [clip.name for clip in cmu.find(folder)] == ["02_02", "05_01"]
    (folder / "index.csv").unlink()
    assert [clip.name for clip in cmu.find(folder)] == ["02_02", "05_01"]


def test_a_site_that_is_gone_is_given_up_soon(site: Site, tmp_path: Path) -> None:
    shutil.rmtree(site.folder / "subjects")
    with pytest.raises(PoseFormatError, match="404"):
        fetch(site, TRIALS, tmp_path / "cmu")
    assert len(site.asked) < 10


def test_a_line_that_breaks_on_the_way_ends_it_soon(site: Site, tmp_path: Path) -> None:
    """Some files come, then nothing: nobody waits for hundreds of files' attempts."""
    listed = [f"02,{trial:02d}" for trial in range(1, 60)]
    (tmp_path / "list.csv").write_text("\n".join(["subject,trial", *listed]))
    for line in listed[2:]:
        site.faults[f"/subjects/02/{line.replace(',', '_')}.amc"] = [503] * 9
    with pytest.raises(PoseFormatError, match="503"):
        fetch(site, tmp_path / "list.csv", tmp_path / "cmu")
    # Up to three attempts each, and those under way when it is given up.
    assert len(site.asked) < 60


def test_a_full_disk_ends_it_with_a_sentence(
    site: Site, trials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PoseFormatError, match="it can't be written: No space left on device"):
        fetch(site, trials, tmp_path / "cmu")
    assert len(site.asked) <= 3, "it does not go on with the other files"
    assert not any(name.endswith((".asf", ".amc", ".csv")) for name in names_in(tmp_path / "cmu"))


def test_fetched_and_prepared_it_is_a_data_set(tmp_path: Path, trials: Path, site: Site) -> None:
    for amc in site.folder.rglob("*.amc"):
        amc.write_text(amc_text([rest_frame()] * 10))
    told: list[tuple[int, int]] = []
    fetched, prepared = fetch_and_prepare(
        tmp_path / "cmu", tmp_path / "cmu.safetensors", trials=trials, site=site.address,
        progress=lambda done, in_all, *_: told.append((done, in_all)),
    )  # fmt: skip
    assert told == sorted(told) and told[-1] == (8, 8)
    dataset = open_dataset(tmp_path / "cmu.safetensors")
    assert prepared.recordings == len(dataset.entries) == 4 * fetched.trials
    assert {e.key.action: e.fps for e in dataset.entries} == {"walk": 30, "run": 120, "dance": 30}
    assert dataset.splits == {"02": "test", "05": "train"}


def test_the_default_list_is_whole() -> None:
    listed = read_trials(TRIALS)
    assert len(listed) == 289 and len({t.subject for t in listed}) == 19
    for trial in listed:
        fps, every = float(trial.row["fps"]), int(trial.row["every"])
        assert fps / every == 30
        assert 1 <= int(trial.row["first"]) < int(trial.row["last"])
    split_of = {(t.subject, t.row["split"]) for t in listed}
    assert len(split_of) == 19, "each subject is in one split"


def test_the_default_list_says_what_the_material_says(shared: Path) -> None:
    with (shared / "data/cmu_mocap/index.csv").open(encoding="utf-8", newline="") as file:
        rows = {f"{row['subject']}_{row['trial']}": row for row in csv.DictReader(file)}
    for trial in read_trials(TRIALS):
        row = rows.pop(trial.name)
        own = trial.row
        assert (own["action"], own["split"]) == (row["action"], row["split"])
        taken = range(int(own["first"]), int(own["last"]) + 1, int(own["every"]))
        assert len(taken) == int(row["frames"])
    assert not rows


def test_a_real_tree_is_fetched_bit_by_bit(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("subject,trial,fps\n02,01,30\n13,11,30\n")
    root = shared / "data/cmu_mocap"
    if not (root / "subjects/02/02_01.amc").exists():
        pytest.skip("the clips are not in this copy of the material")
    with serving(root) as site:
        found = fetch(site, tmp_path / "list.csv", tmp_path / "cmu")
    assert found.trials >= 1
    for file in (tmp_path / "cmu/subjects").rglob("*.*"):
        sent = root / file.relative_to(tmp_path / "cmu")
        assert file.read_bytes() == sent.read_bytes()
    results = dict(cmu.read(cmu.find(tmp_path / "cmu")))
    assert all(isinstance(result, PoseSequence) for result in results.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a list with columns subject and trial was expected"),
        ("a,b\n1,2\n", "line 2: numbers as CMU writes them .* were expected, not '', ''"),
        ("subject,trial\n../..,01\n", r"line 2: numbers .* not '\.\./\.\.', '01'"),
        ("subject,trial\n02,01\n2,1\n", "line 3: the trial 02_01 is listed twice"),
        ("subject,trial,sha256\n02,01,abc\n", "line 2: a SHA-256 has 64 hex digits"),
    ],
)
def test_a_list_that_is_wrong_is_refused_by_its_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(PoseFormatError, match=says):
        read_trials(tmp_path / "list.csv")
