"""One lifted sequence as one file, by its ending: numbers, motion, a film, a photo, or a page.

What is written is always what the viewer shows: `Shown` holds its packet. The command line and the
pages call this; the formats are in `export`, `motion_export`, `film` and `core.viz.page`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.dataset import Dataset, Key, Recording
from core.errors import PoseFormatError
from core.formats import keypoints
from core.sequence import PoseSequence
from core.viz.browse import browse_packet
from core.viz.cut import cut
from core.viz.packet import Layer, Packet, Protocol, ScenePanel
from core.viz.page import page
from core.viz.stage import DrawnSpace, can_show_world, set_stage
from core.viz.style import Theme
from core.workflows import annotate, evaluate, export, motion_export
from core.workflows.footage import Original
from core.workflows.in_place import whole_file
from core.workflows.lift import LiftedRecording, PoseLifter
from core.workflows.predict import predict

Progress = Callable[[int, int], None]

NUMBERS = (".npz", ".csv", ".json")
FILMS = (".mp4", ".gif")
PAGE = ".html"
# Narrower than this, nobody can read what stands in a film.
LEAST_WIDTH = 240
# No screen is wider, and memory ends somewhere.
MOST_WIDTH = 7680
SUFFIXES = (*NUMBERS, *motion_export.SUFFIXES, *FILMS, PAGE)


@dataclass(frozen=True, eq=False)
class Shown:
    """What is exported.

    Attributes:
        packet: as the viewer shows it.
        lifted: the recording with its prediction; None for a file of 3D poses.
        poses: the 3D that is exported as numbers where there is no `lifted`.
        notes: what people must know of it.
        original: where the pictures lie in full size, if they do.
        warnings: those of the notes that say what looks wrong with the 2D.
    """

    packet: Packet
    lifted: LiftedRecording | None
    poses: PoseSequence
    notes: tuple[str, ...] = ()
    original: Original | None = None
    warnings: tuple[str, ...] = ()

    @property
    def behind(self) -> Original | annotate.Small | None:
        """The pictures that a skeleton can be drawn over, as large as there are."""
        if self.lifted is None or self.original is not None:
            return self.original
        pictures = self.lifted.recording.pictures
        return None if pictures is None else annotate.Small(pictures)


@dataclass(frozen=True)
class Look:
    """How a film is drawn; see `core.viz.film.Film`.

    Attributes:
        annotated: the pictures themselves with the skeleton over them, not the panels; of what
            follows, only width and fps count then.
        view: "front", "side", "top", or degrees to the camera's right.
        width: of the film, px; if None 1280, or 800 for a GIF; annotated, the pictures' own, or
            640 for a GIF.
        fps: pictures a second; the recording's own where None, up to a film's most.
        theme: light or dark.
        overlay: truth beneath the prediction.
        error_colors: joints coloured by their error.
    """

    annotated: bool = False
    view: str = "front"
    width: int | None = None
    fps: float | None = None
    theme: Theme = "light"
    overlay: bool = True
    error_colors: bool = False


PLAIN = Look()


def size_of(count: int) -> str:
    """Say how large a file of so many bytes is."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{max(1, round(count / 1e3))} kB"


def shown(
    lifted: LiftedRecording,
    dataset: Dataset,
    *,
    protocol: Protocol = 1,
    space: DrawnSpace = "camera",
) -> Shown:
    """Show a lifted recording as Browse does.

    Raises:
        PoseFormatError: world space is asked for, and the recording has none.
    """
    if space == "world" and not can_show_world(lifted.recording):
        raise PoseFormatError(
            "the world can't be shown: it needs the camera and the 3D truth in its frame",
            file=dataset.title,
            place=str(lifted.recording.key),
        )
    packet = browse_packet(
        lifted.recording,
        lifted.source,
        lifted.prediction,
        lifted.aligned,
        lifted.errors,
        protocol=protocol,
        space=space,
    )
    if dataset.kind == "synthetic":
        # In the title it goes with every saved figure, too.
        packet = replace(packet, title=f"Synthetic · {packet.title}")
    checkpoint = f"Checkpoint: {lifted.provenance.get('checkpoint', '')}."
    notes = (f"{dataset.title}. {dataset.credit}".strip(), checkpoint, *dataset.notes)
    return Shown(packet, lifted, lifted.prediction, notes)


def shown_poses(lifter: PoseLifter | None, sequence: PoseSequence, name: str) -> Shown:
    """Show poses of a file: 2D is lifted, 3D is shown as it is.

    Args:
        lifter: for 2D.
        sequence: image space with the joints of INPUT_16, or 3D with those of H36M_17.
        name: of the file, for people.

    Raises:
        PoseFormatError: statistics are missing.
        ValueError: 2D without a lifter.
    """
    key = Key(name, "", "", "")
    if sequence.space == "image":
        if lifter is None:
            raise ValueError("2D needs a lifter")
        found = predict(lifter, sequence)
        recording = Recording(key, {"2D": found.input}, None)
        provenance = {
            "file": name,
            "checkpoint": lifter.checkpoint.name,
            "checkpoint_digest": lifter.checkpoint.digest,
            "precision": lifter.computed_in,
        }
        lifted = LiftedRecording(recording, "2D", found.poses, None, None, None, provenance)
        packet = browse_packet(recording, "2D", found.poses, None, None)
        notes = (f"Checkpoint: {lifter.checkpoint.name}.", *found.warnings)
        packet = replace(packet, title=name)
        return Shown(packet, lifted, found.poses, notes, warnings=found.warnings)
    if sequence.space == "world":
        raise PoseFormatError("poses in camera axes were expected, not in a world's", file=name)
    recording = Recording(key, {}, sequence)
    stage = set_stage(recording, None)
    relative = sequence.positions - sequence.positions[:, [sequence.skeleton.root]]
    layer = Layer("prediction", "3D", "prediction", sequence.skeleton, stage.place(relative))
    packet = Packet(
        title=name,
        timeline=f"{name}/{len(sequence)}",
        fps=sequence.fps,
        panels=(ScenePanel("3D", ("prediction",)),),
        layers=(layer,),
        stage=stage,
    )
    return Shown(packet, None, sequence)


def pick(
    dataset: Dataset,
    source: str,
    *,
    subject: str | None = None,
    action: str | None = None,
    take: str | None = None,
    camera: str | None = None,
) -> Key:
    """Find the one recording that is meant: the first of those that the names leave.

    Raises:
        PoseFormatError: a name is unknown, or no recording is left.
    """
    entries = evaluate.chosen(
        dataset,
        source,
        subjects=None if subject is None else (subject,),
        actions=None if action is None else (action,),
        split=None,
    )
    for what, wanted in (("take", take), ("camera", camera)):
        there = tuple(dict.fromkeys(getattr(e.key, what) for e in entries))
        if wanted is not None and wanted not in there:
            problem = f"no {what} {wanted!r} here; there is {', '.join(there)}"
            raise PoseFormatError(problem, file=dataset.title)
        entries = tuple(e for e in entries if wanted in (None, getattr(e.key, what)))
    if not entries:
        problem = f"no recording has take {take!r} and camera {camera!r}"
        raise PoseFormatError(problem, file=dataset.title)
    return entries[0].key


def write(
    path: str | Path,
    what: Shown,
    *,
    figure: str = "prediction",
    frames: range | None = None,
    look: Look = PLAIN,
    progress: Progress | None = None,
) -> str:
    """Write a file of the kind that its ending says; it appears whole or not at all.

    Args:
        path: its ending is one of `SUFFIXES`, or of `annotate.SUFFIXES` where `look` is annotated.
        what: of `shown` or `shown_poses`.
        figure: "prediction" or "truth", for motion files.
        frames: which ones, for motion, films and pages; all if None.
        look: of films.
        progress: told of films, which take long; raise in it to stop.

    Returns:
        What people should know of the file, as a few words; may be empty.

    Raises:
        PoseFormatError: another ending, frames that are not there, or it can't be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (known := annotate.SUFFIXES if look.annotated else SUFFIXES):
        raise PoseFormatError(f"exports end in {', '.join(known)}, not {suffix!r}", file=path)
    packet = what.packet
    if frames is not None:
        try:
            packet = cut(packet, frames)
        except ValueError:
            raise PoseFormatError(
                f"frames 0 to {packet.frames - 1} are there, not {frames.start} to "
                f"{frames.stop - 1}",
                file=path,
            ) from None
    if look.annotated:
        return _annotated(path, what, frames, look, progress)
    if suffix in FILMS:
        return _film(path, packet, look, progress)
    content, note = _content(path, suffix, packet, what, figure)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return note


def _annotated(
    path: Path, what: Shown, frames: range | None, look: Look, progress: Progress | None
) -> str:
    if what.lifted is None or what.behind is None:
        raise PoseFormatError("there are no pictures to draw the skeleton over", file=path)
    return annotate.annotate(
        path,
        what.behind,
        what.lifted.recording.inputs[what.lifted.source],
        frames=frames,
        width=look.width,
        fps=look.fps,
        progress=progress,
    )


def _film(path: Path, packet: Packet, look: Look, progress: Progress | None) -> str:
    from core.viz.drawing import VIEWS, View
    from core.viz.film import Film
    from core.workflows.film import write_film

    view = VIEWS.get(look.view)
    if view is None:
        view = View(float(look.view), VIEWS["front"].elevation_deg)
    film = Film(
        packet,
        look.width or (800 if path.suffix.lower() == ".gif" else 1280),
        view,
        look.theme,
        packet.protocol,
        look.overlay,
        look.error_colors,
    )
    write_film(path, film, fps=look.fps, progress=progress)
    width, height = film.size_px
    return f"{width} x {height} px, {packet.frames / packet.fps:.1f} s"


def _content(
    path: Path, suffix: str, packet: Packet, what: Shown, figure: str
) -> tuple[bytes, str]:
    if suffix in motion_export.SUFFIXES:
        return motion_export.motion(packet, figure, suffix, name=path.name)
    if suffix == PAGE:
        return page(packet, notes=what.notes).encode(), "opens in a browser, without a network"
    if what.lifted is None or suffix == ".json":
        return keypoints.to_bytes(what.poses, suffix), "mm, camera axes"
    write_numbers = {".npz": export.npz_bytes, ".csv": export.csv_bytes}[suffix]
    return write_numbers(what.lifted), "mm, relative to the hip, camera axes"
