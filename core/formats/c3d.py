"""C3D marker files, as motion-capture software reads them: named 3D points over time, mm.

Written through the package c3d, which is imported only then. Axes are the markers' own.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from core.errors import PoseFormatError
from core.formats.trc import Markers

# C3D counts frames with 16 bits.
LARGEST_FRAMES = 65535


def to_bytes(markers: Markers, *, y_up: bool = True) -> bytes:
    """Write markers as a C3D file: floats, mm, points that are missing marked invalid.

    Args:
        markers: their positions as they shall stand in the file.
        y_up: says in the file that y points up, else z.

    Raises:
        PoseFormatError: there is no frame, or more than C3D can count.
    """
    import c3d

    frames = len(markers.positions)
    if not 0 < frames <= LARGEST_FRAMES:
        problem = f"a C3D file has 1 to {LARGEST_FRAMES:,} frames, not {frames:,}"
        raise PoseFormatError(problem, file="C3D")
    writer: Any = c3d.Writer(point_rate=markers.fps, analog_rate=0)
    known = np.isfinite(markers.positions).all(axis=2)
    points = np.zeros((frames, len(markers.names), 5), dtype=np.float32)
    points[..., :3] = np.where(known[..., None], markers.positions, 0)
    # Residual -1 is C3D's word for a point that is not there.
    points[..., 3] = np.where(known, 0, -1)
    writer.add_frames([(frame, np.zeros((0, 0), dtype=np.float32)) for frame in points])
    writer.set_point_labels(list(markers.names))
    writer.set_screen_axis(X="+X", Y="+Y" if y_up else "+Z")
    target = io.BytesIO()
    with warnings.catch_warnings():
        # It wonders that there are markers without forces.
        warnings.filterwarnings("ignore", "No analog data")
        writer.write(target)
    return target.getvalue()
