"""`python -m core export`: into the files of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import (
    Commands,
    Parser,
    WrongUseError,
    add_reading,
    add_statistics,
    positive,
    reading_said,
    whole_number,
)
from core.cli.notes import note, note_people
from core.cli.progress import ProgressLine
from core.errors import PoseFormatError

if TYPE_CHECKING:
    from core.sequence import PoseSequence
    from core.workflows.export_file import Shown
    from core.workflows.lift import PoseLifter

VIEWS = ("front", "side", "top")


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export",
        help="write for other tools: motion, films, a page, numbers; a checkpoint as ONNX",
        description="Lift one recording, a file of poses, or a film, and write it for others; the\n"
        "ending says as what: motion (.bvh, .trc, .c3d), a film (.mp4, .gif), the viewer as one\n"
        "page that works offline (.html), numbers (.npz, .csv, .json). With --annotated: the\n"
        "film or photo itself with the skeleton over it (.mp4, .gif; .png, .jpg).\n"
        "Or write a checkpoint as ONNX, to lift poses where there is no PyTorch.",
        epilog="example: python -m core export --data_dir balancing --camera cam_01 --out x.bvh\n"
        "example: python -m core export --input poses_2d.csv --out film.mp4 --view side\n"
        "example: python -m core export --input me.mp4 --annotated --out skeleton.mp4\n"
        "example: python -m core export --load detector --onnx detector.onnx --pixels",
    )
    add = parser.add_argument
    add("--out", metavar="FILE", help="the file to write; its ending says as what")
    add("--load", metavar="CHECKPOINT",
        help="gt, detector, or a file (default: what suits the 2D)")  # fmt: skip
    add_statistics(parser)
    _add_what(parser)
    add_reading(parser)
    _add_how(parser)
    network = parser.add_argument_group("a checkpoint")
    network.add_argument("--onnx", metavar="OUT", help="the .onnx file to write")
    network.add_argument(
        "--pixels",
        action="store_true",
        help="joints in px in and joints in mm out: framing and normalisation in the file too "
        "(default: the network alone, normalised in and out)",
    )
    parser.set_defaults(run=run)


def _add_what(parser: Parser) -> None:
    group = parser.add_argument_group(
        "what", "a recording: the first one of the data set that the names leave"
    )
    add = group.add_argument
    add("--data_dir", metavar="DATA", help="balancing, synthetic, or a data set's path")
    add("--subject", metavar="NAME")
    add("--action", metavar="NAME")
    add("--take", metavar="NAME")
    add("--camera", metavar="NAME")
    add("--input", metavar="WHAT",
        help="with --data_dir: 2D source by name (default: gt); without: a file of poses, 2D in "
        "px or 3D in mm, as of `python -m core predict`; or a photo or film")  # fmt: skip
    add("--person", type=whole_number, metavar="N",
        help="who of several people in --input (default: the most prominent)")  # fmt: skip
    add("--input_fps", type=positive, metavar="N",
        help="frames a second of the poses in --input, where the file does not say it "
        "(default: 50; a detector's: 30)")  # fmt: skip
    add("--figure", choices=("prediction", "truth"), default="prediction",
        help="whose motion .bvh, .trc and .c3d hold (default: prediction)")  # fmt: skip
    add("--frames", type=_frames, metavar="FIRST:LAST[:STEP]",
        help="only these, counted from 0, the last one included; for all but numbers")  # fmt: skip


def _add_how(parser: Parser) -> None:
    group = parser.add_argument_group("how it is drawn (motion: only --space)")
    add = group.add_argument
    add("--space", choices=("camera", "world"), default="camera",
        help="camera: the hip stays in place; world: it goes where the truth goes")  # fmt: skip
    add("--protocol", type=int, choices=(1, 2), default=1,
        help="of the errors; 2 draws the aligned prediction")  # fmt: skip
    add("--annotated", action="store_true",
        help="the film or photo itself with the skeleton over it, in its size")  # fmt: skip
    add("--view", type=_view, default="front", metavar="VIEW",
        help="front, side, top, or degrees to the camera's right (default: front)")  # fmt: skip
    add("--width", type=whole_number, metavar="PX", help="of a film (default: 1280; GIF: 800; "
        "annotated: its own; GIF: 640)")  # fmt: skip
    add("--fps", type=positive, metavar="N",
        help="of a film; frames are left out to keep the pace (default: the recording's, at most "
        "30; GIF: 20)")  # fmt: skip
    add("--theme", choices=("light", "dark"), default="light")
    add("--colors", choices=("sides", "errors"), default="sides", help="of a film's joints")
    add("--no_overlay", action="store_true", help="no pale truth beneath the prediction")


def run(options: argparse.Namespace) -> int:
    """Write what was asked for."""
    if options.onnx is not None:
        if options.out is not None:
            raise WrongUseError("--out and --onnx are two things; ask for one")
        return _onnx(options)
    if options.out is None:
        raise WrongUseError("nothing to write: name a file with --out FILE or --onnx OUT.onnx")
    return _file(options)


def _file(options: argparse.Namespace) -> int:
    from core.workflows import annotate, export_file

    out = Path(options.out)
    suffix = out.suffix.lower()
    # Before the work, not after it.
    if suffix not in (known := annotate.SUFFIXES if options.annotated else export_file.SUFFIXES):
        raise WrongUseError(f"--out ends in {', '.join(known)}, not {suffix!r}")
    if options.frames is not None and suffix in export_file.NUMBERS:
        raise WrongUseError("--frames is for motion, films and pages; numbers are written whole")
    least, most = export_file.LEAST_WIDTH, export_file.MOST_WIDTH
    if options.width is not None and not least <= options.width <= most:
        raise WrongUseError(f"--width is {least} to {most:,} px, not {options.width:,}")
    if options.data_dir is None and options.input is None:
        raise WrongUseError("name what to export: --data_dir DATA, or --input FILE of poses")
    what = _from_dataset(options) if options.data_dir is not None else _from_file(options)
    look = export_file.Look(
        annotated=options.annotated,
        view=options.view,
        width=options.width,
        fps=options.fps,
        theme=options.theme,
        overlay=not options.no_overlay,
        error_colors=options.colors == "errors",
    )
    with ProgressLine("drawing", "frames") as line:
        note = export_file.write(
            out, what, figure=options.figure, frames=options.frames, look=look, progress=line
        )
    size = export_file.size_of(out.stat().st_size)
    print(", ".join(part for part in (f"{out}: {what.packet.title}", note, size) if part))
    return 0


def _from_dataset(options: argparse.Namespace) -> Shown:
    from core.workflows import export_file, plain
    from core.workflows.evaluate import pick_source
    from core.workflows.lift import lift_recording
    from core.workflows.open import checkpoint_for, open_dataset

    reading = reading_said(options, options.input_fps)
    dataset = open_dataset(plain.joined(options.data_dir, reading))
    source = pick_source(dataset, options.input)
    key = export_file.pick(
        dataset,
        source,
        subject=options.subject,
        action=options.action,
        take=options.take,
        camera=options.camera,
    )
    lifter = _lifter(options, checkpoint_for(source))
    lifted = lift_recording(lifter, dataset, dataset.load(key), source)
    return export_file.shown(lifted, dataset, protocol=options.protocol, space=options.space)


def _from_file(options: argparse.Namespace) -> Shown:
    from core.workflows import export_file, footage

    if options.figure == "truth" or options.space == "world":
        raise WrongUseError("a file of poses has no truth and no world: that takes --data_dir")
    for name in ("subject", "action", "take", "camera"):
        if getattr(options, name) is not None:
            raise WrongUseError(f"--{name} picks a recording of --data_dir, not of a file")
    path = Path(options.input).expanduser()
    if footage.matches(path):
        if reading_said(options, None) or options.input_fps is not None:
            problem = "--joint_order, --unit, --axes and --input_fps are for poses, not for films"
            raise WrongUseError(problem)
        return _from_footage(options, path)
    if options.annotated:
        raise WrongUseError("--annotated draws over a photo or film; keypoints have no pictures")
    sequence = _read(options, path)
    lifter = _lifter(options, "detector") if sequence.space == "image" else None
    what = export_file.shown_poses(lifter, sequence, path.stem)
    for warning in what.warnings:
        note(warning)
    return what


def _read(options: argparse.Namespace, path: Path) -> PoseSequence:
    """Read one person's poses: an array as the options say, or a file that says it itself."""
    from core.formats import keypoints
    from core.workflows import plain
    from core.workflows.predict import read_2d

    person, fps = options.person or 1, options.input_fps
    one = f"--person {person}: the file holds one person"
    if reading := reading_said(options, fps):
        if person > 1:
            raise WrongUseError(one)
        return plain.sequence_of(path, reading)
    try:
        sequence = keypoints.read(path, fps=fps)
    except PoseFormatError:
        # A layout of a detector's, or nothing: its reader says what.
        return read_2d(
            path, fps=fps, person=person - 1, several=lambda there: note_people(there, person)
        )
    if person > 1:
        raise WrongUseError(one)
    return sequence


def _from_footage(options: argparse.Namespace, path: Path) -> Shown:
    """Look at a photo or film, and lift one person."""
    from core.workflows import footage, own
    from core.workflows.predict import predict

    # A file that is no film is told before PyTorch is loaded.
    footage.announced(path)
    lifter = _lifter(options, "detector")
    eyes = footage.open_eyes("full", path)
    with ProgressLine("looking for people", "frames") as line:
        seen = footage.look(path, eyes, progress=line)
    material = own.from_footage(seen, path.stem)
    person = (options.person or 1) - 1
    there = len(seen.detections.tracks)
    if there > 1:
        note_people(there, person + 1)
    prediction = predict(lifter, seen.detections.person(person), size_px=seen.original.size_px)
    lifted = own.as_recording(material, prediction, own.lifted_with(lifter, material))
    for said in (*seen.notes, *prediction.warnings):
        note(said)
    return own.shown(material, lifted, prediction, (*seen.notes, *prediction.warnings))


def _lifter(options: argparse.Namespace, suited: str) -> PoseLifter:
    from core.cli.statistics import with_statistics
    from core.workflows.lift import PoseLifter
    from core.workflows.open import open_checkpoint

    return with_statistics(PoseLifter(open_checkpoint(options.load or suited)), options.statistics)


def _onnx(options: argparse.Namespace) -> int:
    from core.workflows import onnx_export

    out = Path(options.onnx)
    if options.load is None:
        raise WrongUseError("--onnx needs the checkpoint: --load gt, --load detector, or a file")
    if out.suffix.lower() != onnx_export.SUFFIX:
        raise WrongUseError(f"an ONNX file ends in {onnx_export.SUFFIX}, not {out.suffix!r}")
    lifter = _lifter(options, options.load)
    onnx_export.write(out, lifter, pixels=options.pixels)
    what = "(poses, 16, 2) px in, (poses, 17, 3) mm out" if options.pixels else (
        f"(poses, {lifter.checkpoint.config.inputs}) normalised in, "
        f"(poses, {lifter.checkpoint.config.outputs}) normalised out"
    )  # fmt: skip
    print(f"{out}: {lifter.checkpoint.name}, {what}, {out.stat().st_size / 1e6:.1f} MB")
    return 0


def _frames(text: str) -> range:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected FIRST:LAST or FIRST:LAST:STEP, not {text!r}")
    first, last, step = (*map(int, parts), 1)[:3]
    if last < first or step < 1:
        raise argparse.ArgumentTypeError(f"expected a last frame after the first, not {text!r}")
    return range(first, last + 1, step)


def _view(text: str) -> str:
    if text in VIEWS:
        return text
    try:
        degrees = float(text)
    except ValueError:
        degrees = float("nan")
    if not -360 <= degrees <= 360:
        raise argparse.ArgumentTypeError(f"expected {', '.join(VIEWS)} or degrees, not {text!r}")
    return text
