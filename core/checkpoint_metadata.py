"""What a checkpoint of ours says about itself: JSON in the metadata of a safetensors file.

`FORMAT`, the network's options, the joints in and out, the statistics, the framing of the 2D and
the provenance. Whatever a file says is checked before it is believed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from core.errors import PoseFormatError
from core.framing import FRAMINGS, Framing
from core.model import LifterConfig
from core.normalization import Statistics
from core.skeleton import INPUT_16, OUTPUT_16_JOINTS
from core.weights import INPUTS, OUTPUTS, check_sizes

FORMAT = "pose-baseline-lifter"
VERSION = 1


@dataclass(frozen=True)
class Stated:
    """What stands in the metadata; the attributes are those of `checkpoint.Checkpoint`."""

    config: LifterConfig
    input_statistics: Statistics | None = None
    output_statistics: Statistics | None = None
    framing: Framing = "image"
    provenance: Mapping[str, Any] = field(default_factory=dict)


def written(stated: Stated) -> dict[str, str]:
    """Put it as safetensors keeps it, text by text."""
    known = {"input": stated.input_statistics, "output": stated.output_statistics}
    statistics = {
        name: {
            "mean": values.mean.tolist(),
            "std": values.std.tolist(),
            "origin": values.origin,
            "estimated": values.estimated,
        }
        for name, values in known.items()
        if values is not None
    }
    return {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(asdict(stated.config)),
        "joints": json.dumps({"input": INPUT_16.joints, "output": OUTPUT_16_JOINTS}),
        "statistics": json.dumps(statistics),
        "framing": stated.framing,
        "provenance": json.dumps(dict(stated.provenance)),
    }


def read(data: bytes, name: str) -> Stated:
    """Read a whole file's metadata; `name` is the file's, for messages.

    Raises:
        PoseFormatError: it is no safetensors file, none of ours, or says what can't be.
    """
    metadata = _header(data, name).get("__metadata__") or {}
    if metadata.get("format") != FORMAT:
        raise PoseFormatError(
            f'is a safetensors file, but its metadata does not say "format": "{FORMAT}"; '
            "it holds no 3D pose baseline",
            file=name,
            place="metadata",
        )
    if metadata.get("version") != str(VERSION):
        raise PoseFormatError(
            f"has version {metadata.get('version')!r}; this program reads version {VERSION}",
            file=name,
            place="metadata",
        )
    config = _config(metadata, name)
    _check_joints(metadata, name)
    statistics = _json(metadata, "statistics", name)
    framing = metadata.get("framing")
    if framing not in FRAMINGS:
        raise PoseFormatError(
            f"framing is {framing!r}; expected one of {', '.join(FRAMINGS)}",
            file=name,
            place="metadata",
        )
    return Stated(
        config=config,
        input_statistics=_statistics(statistics, "input", INPUTS, name),
        output_statistics=_statistics(statistics, "output", OUTPUTS, name),
        framing=framing,
        provenance=_json(metadata, "provenance", name),
    )


def _header(data: bytes, name: str) -> dict[str, Any]:
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= len(data) - 8:
        raise PoseFormatError(
            f"is no safetensors file, or is cut short: it has {len(data)} bytes and its header "
            f"alone should have {length}",
            file=name,
        )
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise PoseFormatError("is no safetensors file: its header is not JSON", file=name)
    return header


def _json(metadata: Mapping[str, str], key: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata[key])
    except (KeyError, TypeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PoseFormatError(
            f"{key} is missing or not a JSON object", file=name, place="metadata"
        ) from None
    return value


def _config(metadata: Mapping[str, str], name: str) -> LifterConfig:
    stated = _json(metadata, "config", name)
    kinds = {f.name: type(f.default) for f in fields(LifterConfig)}
    for key, value in stated.items():
        if key not in kinds:
            raise PoseFormatError(f"unknown option {key!r}", file=name, place="config")
        wanted = (int, float) if kinds[key] is float else kinds[key]
        if not isinstance(value, wanted) or (kinds[key] is not bool and isinstance(value, bool)):
            raise PoseFormatError(
                f"{key} is {value!r}; expected {kinds[key].__name__}", file=name, place="config"
            )
    try:
        config = LifterConfig(**stated)
    except ValueError as error:
        raise PoseFormatError(str(error), file=name, place="config") from None
    check_sizes(config, name)
    return config


def _check_joints(metadata: Mapping[str, str], name: str) -> None:
    stated = _json(metadata, "joints", name)
    for key, joints in (("input", INPUT_16.joints), ("output", OUTPUT_16_JOINTS)):
        if stated.get(key) != list(joints):
            raise PoseFormatError(
                f"the {key} joints are {stated.get(key)}; expected {list(joints)}",
                file=name,
                place="joints",
            )


def _statistics(stated: Mapping[str, Any], key: str, size: int, name: str) -> Statistics | None:
    if key not in stated:
        return None
    try:
        known = stated[key]
        statistics = Statistics(
            known["mean"], known["std"], str(known["origin"]), bool(known["estimated"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PoseFormatError(
            f"the {key} statistics can't be used: {error}", file=name, place="statistics"
        ) from None
    if statistics.mean.size != size:
        raise PoseFormatError(
            f"the {key} statistics have {statistics.mean.size} numbers; expected {size}",
            file=name,
            place="statistics",
        )
    return statistics
