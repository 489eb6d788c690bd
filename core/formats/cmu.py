"""A folder of the CMU motion-capture database: find its clips, read them one by one.

Two kinds of folder are read. With an `index.csv` at its top, that table says which clips there
are: columns `file` (from the folder) and, where known, `subject`, `trial`, `skeleton` (the ASF's
path; empty for a BVH), `action`, `split` ("train" or "test"), `fps`, `description`, `bone_fix`
("thorax-estimated" where a BVH's thorax was put back by a guess), and `first`, `last`, `every`
(which of the file's frames to take, counted from 1; all without them). Files that the table does
not name are left alone. Without it, every `NN_TT.amc` and `NN_TT.bvh` in the folder
or below is a clip of subject NN, trial TT (as CMU and cgspeed pack them); all have the action
"motion", no split, 120 fps for AMC files and the file's own rate for BVH files. A clip that is
there in both formats is read as AMC, which has lost nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import PoseFormatError
from core.formats import asf_amc, bvh
from core.formats.asf_amc import CMU_FPS, AsfSkeleton
from core.sequence import PoseSequence

CREDIT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
INDEX = "index.csv"
UNKNOWN_ACTION = "motion"

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Clip:
    """One recording in the folder, not read yet.

    Attributes:
        subject, trial: CMU's numbers as they are written ("02", "01").
        action: its label; "motion" where nobody gave one.
        motion: the AMC or BVH file.
        skeleton: the ASF file of an AMC; None if there is none, or for a BVH.
        fps: frames a second; None where only the file can say.
        split: the half of the data that it belongs to, if the index says so.
        description: CMU's words for it.
        is_thorax_estimated: whoever prepared the BVH put its thorax back by a guess.
        first, last, every: the file's frames that are the clip, counted from 1; `last` is None
            for its end. The rate of the clip is `fps / every`.
    """

    subject: str
    trial: str
    action: str
    motion: Path
    skeleton: Path | None = None
    fps: float | None = None
    split: Split | None = None
    description: str = ""
    is_thorax_estimated: bool = False
    first: int = 1
    last: int | None = None
    every: int = 1

    @property
    def name(self) -> str:
        """CMU's name of the clip ("02_01")."""
        return f"{self.subject}_{self.trial}"


def find(folder: str | Path) -> tuple[Clip, ...]:
    """List the clips of a folder without reading them.

    Raises:
        PoseFormatError: the folder is missing or holds no clip, or its index can't be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise PoseFormatError("there is no such folder", file=root)
    clips = _indexed(root) if (root / INDEX).is_file() else _walked(root)
    if not clips:
        raise PoseFormatError(
            f"no clip is here: an {INDEX} or files named like 02_01.amc or 02_01.bvh were expected",
            file=root,
        )
    return clips


def read(clips: tuple[Clip, ...]) -> Iterator[tuple[Clip, PoseSequence | PoseFormatError]]:
    """Read clips one by one: each with its 17 joints (world, z up, mm), or with its error.

    A broken clip does not stop the others. Skeletons that clips share are read once.
    """
    skeletons: dict[Path, AsfSkeleton | PoseFormatError] = {}
    for clip in clips:
        try:
            yield clip, read_clip(clip, skeletons)
        except PoseFormatError as error:
            yield clip, error


def read_clip(
    clip: Clip, skeletons: dict[Path, AsfSkeleton | PoseFormatError] | None = None
) -> PoseSequence:
    """Read one clip as its 17 joints, world space (z up), mm.

    Args:
        clip: one that `find` gave.
        skeletons: ASF files read before; the clip's is added to it.

    Raises:
        PoseFormatError: the motion or its skeleton can't be read.
    """
    source = f"CMU motion capture {clip.name}"
    source += f": {clip.description}" if clip.description else ""
    source += bvh.THORAX_ESTIMATED if clip.is_thorax_estimated else ""
    if clip.motion.suffix.lower() == ".bvh":
        return _stretch(bvh.read(clip.motion, fps=clip.fps, source=source), clip)
    if clip.skeleton is None:
        raise PoseFormatError(
            f"its skeleton {clip.subject}.asf was expected beside it", file=clip.motion
        )
    known = {} if skeletons is None else skeletons
    if clip.skeleton not in known:
        try:
            known[clip.skeleton] = asf_amc.read_skeleton(clip.skeleton)
        except PoseFormatError as error:
            known[clip.skeleton] = error
    skeleton = known[clip.skeleton]
    if isinstance(skeleton, PoseFormatError):
        raise skeleton
    whole = asf_amc.read(clip.motion, skeleton, fps=clip.fps or CMU_FPS, source=source)
    return _stretch(whole, clip)


def _stretch(whole: PoseSequence, clip: Clip) -> PoseSequence:
    """Take the clip's frames out of its file's."""
    last = len(whole) if clip.last is None else clip.last
    if (clip.first, last, clip.every) == (1, len(whole), 1):
        return whole
    if not clip.first <= last <= len(whole):
        raise PoseFormatError(
            f"its frames {clip.first} to {last} are asked for, and {len(whole)} are there",
            file=clip.motion,
        )
    taken = whole.positions[clip.first - 1 : last : clip.every]
    return whole.with_positions(taken, fps=whole.fps / clip.every)


def _indexed(root: Path) -> tuple[Clip, ...]:
    path = root / INDEX
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if "file" not in (table.fieldnames or ()):
                raise PoseFormatError(
                    "a column 'file' was expected in its first line", file=path, place="line 1"
                )
            return _checked(
                path, ((table.line_num, _clip_of_row(root, table.line_num, row)) for row in table)
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PoseFormatError(f"it can't be read as a table: {error}", file=path) from error


def _checked(path: Path, clips: Iterable[tuple[int, Clip]]) -> tuple[Clip, ...]:
    known: dict[str, Clip] = {}
    split_of: dict[str, Split | None] = {}
    for line, clip in clips:
        place = f"line {line}"
        if clip.name in known:
            raise PoseFormatError(f"the clip {clip.name} is listed twice", file=path, place=place)
        if split_of.setdefault(clip.subject, clip.split) != clip.split:
            raise PoseFormatError(
                f"subject {clip.subject} is in two splits; each subject must be in one",
                file=path,
                place=place,
            )
        known[clip.name] = clip
    return tuple(known.values())


def _clip_of_row(root: Path, line: int, row: dict[str, str | None]) -> Clip:
    fields = {name: value.strip() for name, value in row.items() if isinstance(value, str) and name}

    def fail(problem: str) -> PoseFormatError:
        return PoseFormatError(problem, file=root / INDEX, place=f"line {line}")

    if not fields.get("file"):
        raise fail("the column 'file' is empty")
    motion = root / fields["file"]
    subject, trial = _numbers_in(motion)
    split = fields.get("split") or None
    if split not in ("train", "test", None):
        raise fail(f"the split was expected to be train or test, not {split!r}")
    try:
        fps = float(fields["fps"]) if fields.get("fps") else None
    except ValueError:
        fps = -1.0
    if fps is not None and not 0 < fps < float("inf"):
        raise fail(f"the fps was expected to be a number above 0, not {fields['fps']!r}")
    numbers = {name: fields[name] for name in ("first", "last", "every") if fields.get(name)}
    if not all(n.isdecimal() and int(n) > 0 for n in numbers.values()):
        raise fail(f"whole numbers above 0 were expected for first, last and every, not {numbers}")
    subject = fields.get("subject") or subject
    skeleton = root / fields["skeleton"] if fields.get("skeleton") else None
    return Clip(
        subject=subject,
        trial=fields.get("trial") or trial,
        action=fields.get("action") or UNKNOWN_ACTION,
        motion=motion,
        skeleton=skeleton or _skeleton_beside(motion, subject),
        fps=fps,
        split=split,  # type: ignore[arg-type]  # compared with both words above
        description=fields.get("description", ""),
        is_thorax_estimated=fields.get("bone_fix") == "thorax-estimated",
        first=int(numbers.get("first", 1)),
        last=int(numbers["last"]) if "last" in numbers else None,
        every=int(numbers.get("every", 1)),
    )


def _walked(root: Path) -> tuple[Clip, ...]:
    clips: dict[tuple[str, str], Clip] = {}
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in (".amc", ".bvh"))
    # AMC before BVH: the first of a name stays.
    for motion in sorted(files, key=lambda p: p.suffix.lower()):
        if not re.fullmatch(r"\d+_\d+", motion.stem):
            continue
        subject, trial = _numbers_in(motion)
        clip = Clip(subject, trial, UNKNOWN_ACTION, motion, _skeleton_beside(motion, subject))
        clips.setdefault((subject, trial), clip)
    return tuple(clips[name] for name in sorted(clips))


def _numbers_in(motion: Path) -> tuple[str, str]:
    subject, _, trial = motion.stem.partition("_")
    return subject, trial or "01"


def _skeleton_beside(motion: Path, subject: str) -> Path | None:
    if motion.suffix.lower() == ".bvh":
        return None
    named = motion.with_name(f"{subject}.asf")
    if named.is_file():
        return named
    others = sorted(p for p in motion.parent.glob("*") if p.suffix.lower() == ".asf")
    return others[0] if len(others) == 1 else None
