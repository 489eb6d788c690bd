"""Check a CDF file's records before its library walks them.

The library trusts the counts and links that a file names: a few changed bytes make it loop for
hours or take all memory. Here they are bounded first. Source: the CDF Internal Format Description.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

MOST_VARIABLES = 64
MOST_ATTRIBUTES = 256
MOST_DIMENSIONS = 10
MOST_ENTRIES = 10_000
LONGEST_CHAIN = 1000


@dataclass(frozen=True)
class Version:
    """Where fields stand in the records of one version of the format, in bytes.

    Attributes:
        link: format of sizes and offsets in the file.
        general: number of r-variables, attributes, r-dimensions and z-variables, in the global
            record.
        first: the offset of the first z-variable, in the global record.
        variable: the next one, its last record, its index, its elements and its dimensions.
        index: the next one, and the number of entries.
    """

    link: str
    global_at: int
    general: tuple[int, int, int, int]
    first: int
    variable: tuple[int, int, int, int, int]
    index: tuple[int, int]


VERSIONS = {
    b"\xcd\xf3\x00\x01": Version(">q", 20, (44, 48, 56, 60), 20, (12, 24, 28, 64, 340), (12, 20)),
    b"\xcd\xf2\x60\x02": Version(">i", 16, (24, 28, 36, 40), 12, (8, 16, 20, 48, 128), (8, 12)),
}
PLAIN = b"\x00\x00\xff\xff"


def check(data: bytes) -> None:
    """Check the records of a file.

    Raises:
        ValueError: a count or link is beyond what such a file has; the message says which.
    """
    version = VERSIONS.get(data[:4])
    if version is None:
        raise ValueError("a CDF file of version 3, or 2.6 and later, was expected")
    if data[4:8] != PLAIN:
        raise ValueError("a file that is compressed as a whole is not read")

    def number(at: int, kind: str = ">i") -> int:
        size = struct.calcsize(kind)
        if not 0 <= at <= len(data) - size:
            raise ValueError("a link points out of the file")
        (value,) = struct.unpack(kind, data[at : at + size])
        return int(value)

    def bounded(at: int, most: int, what: str) -> int:
        value = number(at)
        if not 0 <= value <= most:
            raise ValueError(f"{value} {what} were announced")
        return value

    start = number(version.global_at, version.link)
    r_variables, attributes, r_dimensions, z_variables = version.general
    bounded(start + r_variables, MOST_VARIABLES, "variables")
    bounded(start + attributes, MOST_ATTRIBUTES, "attributes")
    bounded(start + r_dimensions, MOST_DIMENSIONS, "dimensions")
    count = bounded(start + z_variables, MOST_VARIABLES, "variables")
    at = number(start + version.first, version.link)
    following, records, index, elements, dimensions = version.variable
    for _ in range(count):
        if not -1 <= number(at + records) < LONGEST_CHAIN:
            raise ValueError(f"{number(at + records)} records were announced")
        bounded(at + elements, LONGEST_CHAIN, "elements")
        bounded(at + dimensions, MOST_DIMENSIONS, "dimensions")
        _check_index(version, number(at + index, version.link), number, bounded)
        at = number(at + following, version.link)


def _check_index(
    version: Version,
    at: int,
    number: Callable[[int, str], int],
    bounded: Callable[[int, int, str], int],
) -> None:
    """Follow the chain of a variable's index records; one that bites its tail has no end."""
    following, entries = version.index
    steps = 0
    while at > 0:
        steps += 1
        if steps > LONGEST_CHAIN:
            raise ValueError("its index records form a ring")
        bounded(at + entries, MOST_ENTRIES, "index entries")
        at = number(at + following, version.link)
