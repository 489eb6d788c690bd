"""Lift your own: a photo, a film, the camera or keypoints in, the person in 3D out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import PoseFormatError
from core.viz.own import preview
from core.workflows import export, own
from core.workflows.own import Material, UndecidedLayoutError
from core.workflows.predict import Options, predict
from pages.components import choice, frame, loaders, own_source, pickers, take_along, viewer

if TYPE_CHECKING:
    from core.sequence import PoseSequence

RECOGNISED = "as recognised"


def pick_layout(material: Material) -> tuple[Material, str]:
    """Ask for the layout where the data doesn't tell it, and let it be overridden where it does.

    Returns:
        The material in the layout that was picked, and what is doubtful about that.
    """
    found = material.detections
    if found is None:
        return material, ""
    try:
        recognised = found.layout()
    except UndecidedLayoutError as error:
        asked = st.radio("Layout", list(error.choices), index=0, key="own_layout_asked")
        doubt = (
            "These numbers fit more than one layout, and the poses don't tell which. Choose "
            "one in the sidebar by the preview: knees must be at the knees."
        )
        return own.taken_as(material, asked), doubt
    same = [name for name in found.layouts_of_same_length() if name != recognised.name]
    if not same:
        return material, ""
    chosen = st.selectbox(
        "Layout",
        [RECOGNISED, *same],
        format_func=lambda name: f"{recognised.name} (recognised)" if name == RECOGNISED else name,
        key="own_layout",
        help="Which point comes when. It is told from the data; the preview shows it.",
    )
    if chosen == RECOGNISED:
        return material, ""
    try:
        found.layout(chosen)
    except PoseFormatError as error:
        doubt = f"You chose {chosen}, but {error.problem}. They are taken so all the same."
        return own.taken_as(material, chosen), doubt
    return own.taken_as(material, chosen), ""


def pick_size(material: Material) -> Material:
    """Ask for the picture's size where the coordinates are fractions of it."""
    found = material.detections
    if found is None or not found.in_fractions or material.size_px is not None:
        return material
    st.info("The coordinates are fractions of the picture. How large is it?")
    left, right = st.columns(2)
    width = left.number_input("Width, px", 1, 20000, 1920, key="own_width")
    height = right.number_input("Height, px", 1, 20000, 1080, key="own_height")
    return own.in_px(material, (int(width), int(height)))


def pick_fps(material: Material) -> float | None:
    """Ask for the pace where a clip of keypoints doesn't say it; None where it is known."""
    found = material.detections
    if found is None or found.fps is not None or len(found.frames) < 2:
        return None
    return float(
        st.number_input(
            "Frames a second",
            1.0,
            1000.0,
            30.0,
            key="own_fps",
            help="The file doesn't say it. It is the pace of the film, and what smoothing goes by.",
        )
    )


def pick_person(material: Material) -> int:
    """Offer everybody who is followed through the clip, the most prominent first."""
    found = material.detections
    count = 0 if found is None else len(found.tracks)
    if count < 2:
        return 0
    key = own_source.PERSON
    st.session_state.setdefault(key, st.session_state.pop(own_source.CLICKED, 0))
    chosen = st.segmented_control(
        "Person",
        list(range(count)),
        format_func=lambda i: str(i + 1),
        key=key,
        required=True,
        help="Numbered as in the preview, the largest and longest in view first. A click on "
        "somebody in the preview picks them, too.",
    )
    return int(chosen or 0)


def pick_options(frames: int, framing: str) -> Options:
    """Draw the switches; `framing` is the checkpoint's."""
    film = frames > 1
    return Options(
        smooth=film
        and st.toggle(
            "Smooth over time",
            key="own_smooth",
            help="One-Euro filter on the 2D: jitter goes, quick moves stay.",
        ),
        average=st.toggle(
            "Average several lifts",
            value=True,
            key="own_average",
            help="Lifts the person mirrored, too, and leant to either side, and takes the middle: "
            "more accurate, most where the camera leans.",
        ),
        steady_bones=film
        and st.toggle(
            "Bones of one length",
            key="own_bones",
            help="Each bone gets its median length over the clip, left and right alike.",
        ),
        level=st.toggle(
            "Level by the posture",
            key="own_level",
            help="Off: drawn as if from a camera that looks down by 13 degrees, as most do. On: "
            "turned so that the person stands upright in the middle of the clip.",
        ),
        place=framing == "image"
        and st.toggle(
            "Place as in training",
            value=True,
            key="own_place",
            help="This checkpoint takes pixels as they lie. On: the person is moved and scaled to "
            "where, and as large as, the people were that it has learnt from. Off: for 2D from the "
            "same pictures, such as Human3.6M's.",
        ),
    )


def show_preview(material: Material, picked: int, *, expanded: bool = False) -> None:
    """Show everybody in one frame with every point's name; a click picks somebody."""
    found = material.detections
    if found is None:
        return
    with st.expander("Who, and which point is which", expanded=expanded or len(found.tracks) > 1):
        known = found.layout()
        tracks = found.tracks
        shown = own.clearest_frame(found, picked)
        people = [track.points(found.frames)[shown] for track in tracks]
        figure = preview(
            people,
            known.points,
            [(int(a), int(b)) for a, b in known.bones],
            picked=picked,
            pictures=material.pictures,
            size_px=material.size_px,
            frame=shown,
        )
        event: Any = st.plotly_chart(
            figure, key="own_preview", on_select="rerun", selection_mode="points",
            config={"displayModeBar": False},
        )  # fmt: skip
        st.caption(
            f"{found.writer}, {known.name}, frame {shown + 1:,}. Left is blue, right is orange; "
            "hover for a point's name."
        )
        points = event.selection.points if event else []
        if points and len(tracks) > 1:
            clicked = points[0].get("customdata")
            clicked = clicked[0] if isinstance(clicked, list) else clicked
            if isinstance(clicked, int) and clicked != picked:
                # The picker is drawn already: it takes the click at the next run.
                st.session_state.pop(own_source.PERSON)
                st.session_state[own_source.CLICKED] = clicked
                st.rerun()


def show_result(material: Material, sequence: PoseSequence, options: Options, spec: str) -> None:
    """Lift and show."""
    model = loaders.checkpoint(spec)
    lifter = loaders.lifter(model, model.digest)
    prediction = predict(lifter, sequence, options, size_px=material.size_px)
    lifted = own.as_recording(material, prediction, own.lifted_with(lifter, material))
    warnings = [frame.escape(warning) for warning in prediction.warnings]
    nothing = len(prediction.poses) == prediction.empty
    if nothing:
        warnings.append(
            "No frame has all the joints that the network needs: hips, shoulders, arms and legs "
            "must be in the 2D, and hips and shoulders must be seen."
        )
    if warnings:
        # One box for all: each of its own would push the figure off the screen.
        st.warning("\n\n".join(warnings), icon=":material/warning:")
    if nothing:
        return
    what = own.shown(material, lifted, prediction)
    start = choice.frame_to_show(len(sequence), f"own/{sequence.digest}")
    chosen = choice.store()
    state = viewer.show(what.packet, key="own", frame=start)
    chosen["frame"] = str(state.frame)
    notes = list(material.notes)
    if prediction.filled.any():
        notes.append(
            f"{int(prediction.filled.sum()):,} joints were interpolated over short gaps; the "
            "heatmap shows how doubtful they are."
        )
    if prediction.empty:
        notes.append(f"{prediction.empty:,} frames are empty: the person or a joint is missing.")
    notes.append(
        "3D is relative to the hip and of an average person's size: one picture can't tell a "
        "near child from a far adult."
    )
    for note in notes:
        st.caption(frame.escape(note))
    with st.sidebar:
        stem = Path(material.name).stem if lifted.truth is None else export.file_name(lifted, "")
        take_along.offer(replace(what, notes=tuple(notes)), stem)


frame.show("Lift your own")
material = own_source.material()
if material is None:
    own_source.choose()
    st.stop()

with st.sidebar:
    st.markdown(f"**{frame.escape(material.name)}**")
    if st.button("Another file", key="own_again", icon=":material/arrow_back:", width="stretch"):
        own_source.forget()
        st.rerun()
with frame.errors_shown():
    with st.sidebar:
        spec = pickers.suited(pickers.pick_checkpoint(), "own")
        material, doubt = pick_layout(material)
        material = pick_size(material)
        person = pick_person(material)
        fps = pick_fps(material)
    if material.detections is None:
        sequence = material.sequence
    else:
        sequence = material.detections.person(person, fps=fps)
    if sequence is None:
        st.stop()
    with st.sidebar:
        options = pick_options(len(sequence), loaders.checkpoint(spec).framing)
    if doubt:
        # Whether it is right is seen in the preview, so that comes first.
        st.warning(frame.escape(doubt), icon=":material/help:")
        show_preview(material, person, expanded=True)
    show_result(material, sequence, options, spec)
    if not doubt:
        show_preview(material, person)
