"""A download is whole and right, or it is not there."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import PoseFormatError
from core.workflows import download as downloading
from core.workflows.download import download
from tests.web import Site, serving

CONTENT = bytes(range(256)) * 1200
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = (0.0, 0.0, 0.0)


class Stop(Exception):  # noqa: N818
    pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file.bin").write_bytes(CONTENT)
    with serving(folder) as found:
        yield found


def fetch(site: Site, path: Path, **options: Any) -> Path:
    return download(f"{site.address}/file.bin", path, waits_s=QUICK, **options)


def only_file_in(folder: Path) -> str:
    (found,) = folder.iterdir()
    return found.name


def test_a_file_arrives_whole_and_alone_in_a_folder_made_for_it(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(site, tmp_path / "new" / "deep" / "file.bin", sha256=SHA256.upper(),
                 progress=lambda done, in_all: seen.append((done, in_all)))  # fmt: skip
    assert path.read_bytes() == CONTENT
    assert only_file_in(path.parent) == "file.bin"
    assert seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert site.agents == {downloading.AGENT}


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_file_that_is_there_is_not_asked_for_again(
    site: Site, tmp_path: Path, sha256: str | None
) -> None:
    fetch(site, tmp_path / "file.bin", sha256=sha256)
    fetch(site, tmp_path / "file.bin", sha256=sha256)
    assert len(site.asked) == 1


def test_a_file_that_is_there_but_wrong_is_replaced(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"damaged")
    assert fetch(site, path, sha256=SHA256).read_bytes() == CONTENT


def test_a_cut_connection_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.faults["/file.bin"] = ["cut", "cut"]
    assert fetch(site, tmp_path / "file.bin").read_bytes() == CONTENT
    chunk = downloading.CHUNK_BYTES
    ranges = [asked for _, asked in site.asked]
    assert ranges == [None, f"bytes={2 * chunk}-", f"bytes={3 * chunk}-"]


def test_a_stopped_download_leaves_a_part_that_the_next_one_completes(
    site: Site, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done > 100_000:
            raise Stop

    with pytest.raises(Stop):
        fetch(site, tmp_path / "here" / "file.bin", progress=stop)
    assert not (tmp_path / "here" / "file.bin").exists()
    arrived = (tmp_path / "here" / "file.bin.part").stat().st_size
    assert arrived > 100_000
    assert fetch(site, tmp_path / "here" / "file.bin").read_bytes() == CONTENT
    assert site.asked[-1][1] == f"bytes={arrived}-"
    assert only_file_in(tmp_path / "here") == "file.bin"


@pytest.mark.parametrize("tag", ['"two"', ""], ids=["changed", "no tag any more"])
def test_parts_of_two_different_files_are_never_put_together(
    site: Site, tmp_path: Path, tag: str
) -> None:
    site.faults["/file.bin"] = ["cut"]
    with pytest.raises(PoseFormatError):
        download(f"{site.address}/file.bin", tmp_path / "file.bin", waits_s=())
    other = CONTENT[::-1]
    (site.folder / "file.bin").write_bytes(other)
    site.tag = tag
    assert fetch(site, tmp_path / "file.bin").read_bytes() == other


def test_a_part_without_a_tag_is_not_trusted(site: Site, tmp_path: Path) -> None:
    site.tag = ""
    site.faults["/file.bin"] = ["cut"]
    assert fetch(site, tmp_path / "file.bin").read_bytes() == CONTENT
    assert [asked for _, asked in site.asked] == [None, None]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(site, tmp_path / "file.bin", sha256=SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("fault", [500, 503, 429, "cut"])
def test_a_passing_fault_is_tried_again(site: Site, tmp_path: Path, fault: int | str) -> None:
    site.faults["/file.bin"] = [fault, fault, fault]
    assert fetch(site, tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(site.asked) == 4


def test_a_silent_server_is_left_and_asked_again(site: Site, tmp_path: Path) -> None:
    site.faults["/file.bin"] = ["slow"]
    assert fetch(site, tmp_path / "file.bin", silence_s=0.1).read_bytes() == CONTENT
    assert len(site.asked) == 2


def test_a_server_that_stays_out_of_order_is_given_up(site: Site, tmp_path: Path) -> None:
    site.faults["/file.bin"] = [503] * 9
    with pytest.raises(PoseFormatError, match=r"file\.bin: .*4 attempts.*503"):
        fetch(site, tmp_path / "file.bin")
    assert len(site.asked) == 4


def test_waits_grow_and_the_server_may_set_them(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: dict[int, float] = {}

    def sleep(seconds: float) -> None:
        slept[len(site.asked)] = slept.get(len(site.asked), 0) + seconds

    monkeypatch.setattr(downloading.time, "sleep", sleep)
    site.faults["/file.bin"] = [503, 503, 503]
    download(f"{site.address}/file.bin", tmp_path / "a.bin")
    assert slept == {1: 1.0, 2: 2.0, 3: 4.0}
    site.faults["/file.bin"], site.retry_after = [429], "7"
    download(f"{site.address}/file.bin", tmp_path / "b.bin")
    assert slept[5] == 7.0
    site.faults["/file.bin"], site.retry_after = [429], "86400"
    download(f"{site.address}/file.bin", tmp_path / "c.bin")
    assert slept[7] == 60.0, "nobody waits a day"


def test_a_wish_to_stop_is_heard_while_it_waits_for_the_next_attempt(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(downloading.time, "sleep", slept.append)

    def stop(done: int, in_all: int) -> None:
        if sum(slept) >= 1:
            raise KeyboardInterrupt

    site.faults["/file.bin"], site.retry_after = [503], "60"
    with pytest.raises(KeyboardInterrupt):
        download(f"{site.address}/file.bin", tmp_path / "a.bin", progress=stop)
    assert max(slept) <= 0.5 and sum(slept) == 1
    assert len(site.asked) == 1


def test_a_part_is_promised_only_where_there_is_one(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(PoseFormatError, match="can't be written") as told:
        fetch(site, tmp_path / "file" / "a.bin")
    assert "kept" not in str(told.value)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_not_asked_for_twice(site: Site, tmp_path: Path, status: int) -> None:
    site.faults["/file.bin"] = [status]
    with pytest.raises(PoseFormatError, match=rf"{site.address}/file\.bin: .*{status}"):
        fetch(site, tmp_path / "file.bin")
    assert len(site.asked) == 1
    assert not (tmp_path / "file.bin").exists()


def test_a_wrong_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="SHA-256 was expected to be 0000") as caught:
        fetch(site, tmp_path / "here" / "file.bin", sha256="0" * 64)
    assert SHA256 in str(caught.value)
    assert list((tmp_path / "here").iterdir()) == []


def test_what_fails_the_callers_check_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.faults["/file.bin"] = ["page"]

    def check(path: Path) -> None:
        if path.read_bytes().startswith(b"<html"):
            raise PoseFormatError("a page", file=path)

    with pytest.raises(PoseFormatError, match="a page"):
        fetch(site, tmp_path / "here" / "file.bin", check=check)
    assert list((tmp_path / "here").iterdir()) == []
    assert fetch(site, tmp_path / "here" / "file.bin", check=check).read_bytes() == CONTENT


def test_a_full_disk_is_said_and_nothing_half_written_gets_the_name(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        file = real(self, *arguments, **options)
        if self.suffix == ".part" and "w" in str(arguments[:1]):

            class Full:
                def __enter__(self) -> Full:
                    return self

                def __exit__(self, *_: object) -> None:
                    file.close()

                def write(self, _: bytes) -> int:
                    raise OSError(errno.ENOSPC, "No space left on device")

                def seek(self, _: int) -> int:
                    return 0

            return Full()
        return file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(PoseFormatError, match=r"file\.bin: it can't be written: No space left"):
        fetch(site, tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()


def test_a_server_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="can't be reached") as caught:
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", waits_s=())
    assert "object at 0x" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "nonsense", "http://"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="it can't be asked for"):
        download(url, tmp_path / "file.bin", waits_s=())
