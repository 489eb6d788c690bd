"""`python -m core predict`: a photo, a film or 2D poses in, 3D poses into a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import (
    Commands,
    WrongUseError,
    add_precision,
    add_reading,
    add_statistics,
    picture_size,
    positive,
    reading_said,
    whole_number,
)
from core.cli.notes import note, note_people
from core.cli.progress import ProgressLine
from core.errors import PoseFormatError

if TYPE_CHECKING:
    from core.sequence import PoseSequence
    from core.workflows.footage import Original


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="lift your own photo, film or 2D poses to 3D",
        description="Lift one person's 2D to 3D: 17 joints, mm, relative to the hip, in camera\n"
        "axes (x right, y down, z away). A frame that lacks a joint stays empty.",
        epilog="Files: a photo, a film or a folder of photos (with the optional 2D detector, see\n"
        "`python -m core fetch detector --help`); what a 2D detector wrote: OpenPose's folder or\n"
        "a zip of it, JSON of COCO, AlphaPose, MMPose or MediaPipe, arrays of (frames, points,\n"
        "2 or 3); or poses of the baseline's own 16 or 17 joints in px, as .npz, .npy, .csv or\n"
        ".json. The layouts are in core/formats/layouts.py, the files in detections.py and\n"
        "keypoints.py there.\n"
        "example: python -m core predict film.mp4 --out poses_3d.npz\n"
        "example: python -m core predict film.mp4 --out poses_3d.npz --annotated skeleton.mp4\n"
        "example: python -m core predict alphapose-results.json --out poses_3d.npz",
    )
    _add_input(parser)
    _add_lifting(parser)
    parser.set_defaults(run=run)


def _add_input(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE",
        help="photo, film or folder of photos; or 2D poses: .json, .zip, .npz, .npy, .csv, or "
        "OpenPose's folder")  # fmt: skip
    add("--out", required=True, metavar="OUT", help="the 3D file to write: .npz, .csv or .json")
    add("--out_2d", metavar="OUT", help="the 2D that was lifted, as a file, too")
    add("--annotated", metavar="OUT",
        help="the film or photo with the skeleton over it: .mp4, .gif, .png or .jpg")  # fmt: skip
    add(
        "--fps",
        type=positive,
        metavar="N",
        help="frames a second, where the file does not say it (default: 50; a detector's: 30)",
    )
    add(
        "--layout",
        metavar="NAME",
        help="the detector's layout, such as COCO-17 or BODY_25 (default: told from the data)",
    )
    add(
        "--person",
        type=whole_number,
        default=1,
        metavar="N",
        help="which of several people, the most prominent first (default: 1)",
    )
    add(
        "--size",
        type=picture_size,
        metavar="WxH",
        help="size of the picture in px, where coordinates are fractions of it (MediaPipe)",
    )
    film = parser.add_argument_group("photos and films")
    add = film.add_argument
    add("--first", type=whole_number, default=1, metavar="N", help="first frame (default: 1)")
    add("--last", type=whole_number, metavar="N", help="last frame (default: the film's)")
    add("--stride", type=whole_number, default=1, metavar="N", help="every n-th frame (default: 1)")
    add("--heavy", action="store_true",
        help="the heavy landmark model: errs less, takes three times as long")  # fmt: skip


def _add_lifting(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("lifting").add_argument
    add("--load", default="detector", metavar="CHECKPOINT",
        help="detector, gt, or a file (default: detector, which suits 2D with errors)")  # fmt: skip
    add("--smooth", action="store_true", help="smooth the 2D over time (One-Euro filter)")
    add("--no_average", action="store_true",
        help="lift once, not mirrored and leant, too, to take the middle")  # fmt: skip
    add("--steady_bones", action="store_true", help="one length for each bone over the clip")
    add("--as_is", action="store_true",
        help="the 2D is from pictures like those that a checkpoint for px has learnt from: don't "
        "move the person to their place and size")  # fmt: skip
    add_reading(parser)
    add_precision(parser)
    add_statistics(parser)


def run(options: argparse.Namespace) -> int:
    """Read, lift, write, and say what came out."""
    from core.cli.statistics import with_statistics
    from core.formats import keypoints
    from core.workflows import annotate, footage
    from core.workflows.lift import PoseLifter
    from core.workflows.open import open_checkpoint
    from core.workflows.predict import Options, predict

    out = Path(options.out)
    # Before the work, not after it.
    targets = {"3D": out} | ({"2D": Path(options.out_2d)} if options.out_2d else {})
    for kind, target in targets.items():
        if target.suffix.lower() not in keypoints.SUFFIXES:
            known = ", ".join(keypoints.SUFFIXES)
            problem = f"{kind} poses are written as {known}, not {target.suffix!r}"
            raise PoseFormatError(problem, file=target)
        if not target.parent.is_dir():
            raise PoseFormatError("the folder to write into does not exist", file=target.parent)
    _check_targets(options)
    if footage.matches(options.file):
        # A file that is no film is told before PyTorch is loaded.
        for said in footage.announced(options.file).notes:
            note(said)
    else:
        _check_no_film(options)
    if options.annotated:
        _check_annotated(options)
    lifter = with_statistics(
        PoseLifter(open_checkpoint(options.load), precision=options.precision),
        options.statistics,
    )
    sequence, size_px, original = _two_d(options)
    found = predict(
        lifter,
        sequence,
        Options(
            smooth=options.smooth,
            average=not options.no_average,
            steady_bones=options.steady_bones,
            place=not options.as_is,
        ),
        size_px=size_px,
    )
    keypoints.write(out, found.poses)
    print(f"{out}: {len(found.poses):,} frames, 17 joints, mm relative to the hip")
    print(f"2D read: {sequence.source or options.file}")
    if options.out_2d:
        keypoints.write(options.out_2d, found.input)
        print(f"{options.out_2d}: the 2D that was lifted, px")
    if options.annotated and original is not None:
        with ProgressLine("drawing", "frames") as line:
            told = annotate.annotate(options.annotated, original, found.input, progress=line)
        print(f"{options.annotated}: the skeleton over the pictures, {told}")
    if found.filled.any():
        joints, frames = int(found.filled.sum()), int(found.filled.any(axis=1).sum())
        note(f"{joints:,} joints in {frames:,} frames were interpolated over short gaps")
    if found.empty:
        note(f"{found.empty:,} frames are empty: a joint is missing in 2D")
    for warning in found.warnings:
        note(warning)
    return 0


def _check_targets(options: argparse.Namespace) -> None:
    """Refuse to write one file over another, or over what is read."""
    named = {"FILE": options.file, "--out": options.out, "--out_2d": options.out_2d,
             "--annotated": options.annotated}  # fmt: skip
    seen: dict[Path, str] = {}
    for option, name in named.items():
        if name is None:
            continue
        other = seen.setdefault(Path(name).expanduser().resolve(), option)
        if other != option:
            raise WrongUseError(f"{option} and {other} are the same file, {name}")


def _check_no_film(options: argparse.Namespace) -> None:
    """Refuse what only a photo or film can do, so that nobody believes it was done."""
    given = {"--first": options.first != 1, "--last": options.last is not None,
             "--stride": options.stride != 1, "--heavy": options.heavy}  # fmt: skip
    if wrong := [option for option, is_given in given.items() if is_given]:
        verb = "is" if len(wrong) == 1 else "are"
        raise WrongUseError(f"{', '.join(wrong)} {verb} for photos and films, not for keypoints")


def _check_annotated(options: argparse.Namespace) -> None:
    """Refuse what can't be drawn before the work, not after it."""
    from core.workflows import annotate, footage

    out = Path(options.annotated)
    if not footage.matches(options.file):
        raise WrongUseError("--annotated draws over a photo or film; keypoints have no pictures")
    if out.suffix.lower() not in annotate.SUFFIXES:
        known = ", ".join(annotate.SUFFIXES)
        raise WrongUseError(f"--annotated ends in {known}, not {out.suffix!r}")
    if not out.parent.is_dir():
        raise PoseFormatError("the folder to write into does not exist", file=out.parent)


def _two_d(
    options: argparse.Namespace,
) -> tuple[PoseSequence, tuple[int, int] | None, Original | None]:
    """Read the 2D of one person, or find it in a photo or film; with size and pictures."""
    from core.workflows import footage
    from core.workflows.predict import read_2d

    if reading := reading_said(options, options.fps):
        return _array(Path(options.file).expanduser(), reading), options.size, None
    if not footage.matches(options.file):
        sequence = read_2d(
            options.file,
            fps=options.fps,
            layout=options.layout,
            person=options.person - 1,
            size_px=options.size,
            several=lambda there: note_people(there, options.person),
        )
        return sequence, options.size, None
    last = None if options.last is None else options.last - 1
    if last is not None and last < options.first - 1:
        problem = f"--last {options.last} lies before --first {options.first}"
        raise PoseFormatError(problem, file=options.file)
    eyes = footage.open_eyes("heavy" if options.heavy else "full", options.file)
    with ProgressLine("looking for people", "frames") as line:
        seen = footage.look(
            options.file,
            eyes,
            span=footage.Span(options.first - 1, last, options.stride),
            progress=line,
        )
    for said in seen.notes[len(footage.announced(options.file).notes) :]:
        note(said)
    there = len(seen.detections.tracks)
    if there > 1:
        note_people(there, options.person)
    sequence = seen.detections.person(options.person - 1, fps=options.fps)
    return sequence, seen.detections.size_px, seen.original


def _array(path: Path, reading: dict[str, str]) -> PoseSequence:
    """Read an array of 2D poses as the options say."""
    from core.workflows import plain

    sequence = plain.sequence_of(path, reading)
    if sequence.space != "image":
        raise PoseFormatError("2D poses were expected; these are 3D already", file=path)
    return sequence
