"""A BVH parser of the tests' own: recursive, one matrix at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Joint:
    name: str
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: list[str] = field(default_factory=list)
    children: list[Joint] = field(default_factory=list)


def turn(axis: str, degrees: float) -> np.ndarray:
    """4 x 4 rotation about x, y or z."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    m = np.eye(4)
    a, b = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    m[a, a] = m[b, b] = c
    m[a, b], m[b, a] = -s, s
    return m


def parse(text: str) -> tuple[Joint, float, list[list[float]]]:
    """Return the root, the frame time in seconds, and the rows."""
    words = iter(text.split())

    def expect(*wanted: str) -> None:
        for word in wanted:
            found = next(words)
            assert found == word, f"{word} expected, {found} found"

    def body(joint: Joint) -> Joint:
        expect("{")
        while (word := next(words)) != "}":
            if word == "OFFSET":
                joint.offset = np.array([float(next(words)) for _ in range(3)])
            elif word == "CHANNELS":
                joint.channels = [next(words) for _ in range(int(next(words)))]
            elif word == "JOINT":
                joint.children.append(body(Joint(next(words))))
            elif word == "End":
                expect("Site")
                joint.children.append(body(Joint(joint.name + " end")))
            else:
                raise AssertionError(f"unknown word {word}")
        return joint

    expect("HIERARCHY", "ROOT")
    root = body(Joint(next(words)))
    expect("MOTION", "Frames:")
    frames = int(next(words))
    expect("Frame", "Time:")
    frame_time = float(next(words))
    numbers = [float(word) for word in words]
    width = len(numbers) // max(frames, 1)
    assert width * frames == len(numbers)
    return root, frame_time, [numbers[i * width : (i + 1) * width] for i in range(frames)]


def places(root: Joint, row: list[float]) -> dict[str, np.ndarray]:
    """Where each joint is in one frame, in the file's units."""
    values = iter(row)
    found: dict[str, np.ndarray] = {}

    def visit(joint: Joint, above: np.ndarray) -> None:
        own = np.eye(4)
        own[:3, 3] = joint.offset
        for channel in joint.channels:
            value = next(values)
            if channel.endswith("position"):
                shift = np.eye(4)
                shift["XYZ".index(channel[0]), 3] = value
                own = own @ shift
            else:
                own = own @ turn(channel[0], value)
        here = above @ own
        found[joint.name] = here[:3, 3]
        for child in joint.children:
            visit(child, here)

    visit(root, np.eye(4))
    assert next(values, None) is None
    return found
