"""Random numbers that depend on what they are for, and smooth random motion.

A take draws from its own generator, so it doesn't matter which others were made before.
"""

from __future__ import annotations

import hashlib

import numpy as np

from core.synthetic.arrays import Array

# Part of every seed and of the data set's digest: raise it when the motion changes.
VERSION = 1


def generator(seed: int, *names: str) -> np.random.Generator:
    """Make the generator that belongs to these names, the same on every machine."""
    label = "|".join((str(VERSION), str(seed), *names))
    digest = hashlib.blake2b(label.encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def wander(
    rng: np.random.Generator,
    frames: int,
    channels: int,
    fps: float,
    *,
    low_hz: float = 0.08,
    high_hz: float = 2.5,
    slope: float = 1.0,
) -> Array:
    """Make smooth noise (frames, channels) of unit RMS: sines with amplitude ~ 1 / f^slope.

    Bodies never hold still; sway and tremor have about this spectrum.
    """
    length = 1 << max(int(np.ceil(np.log2(max(frames, 2)))), 9)
    frequency = np.arange(1, length // 2) * fps / length
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    count = int(inside.sum())
    amplitude = frequency[inside] ** -slope
    amplitude = amplitude / np.sqrt(np.sum(amplitude**2)) * length / np.sqrt(2)
    phase = rng.uniform(0, 2 * np.pi, (channels, count))
    spectrum = np.zeros((channels, length // 2 + 1), dtype=np.complex128)
    spectrum[:, 1:-1][:, inside] = amplitude * np.exp(1j * phase)
    return np.fft.irfft(spectrum, n=length, axis=1)[:, :frames].T
