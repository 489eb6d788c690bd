"""Poses as CSV, in every manner of separating cells and writing numbers."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import keypoints
from core.formats.keypoints_csv import read_csv
from core.skeleton import H36M_17, INPUT_16
from tests.formats.test_keypoints import pixels

NUMBERS = pixels(4).round(2).reshape(4, 34) + 0.001
TITLES = [f"{joint}_{axis}" for joint in H36M_17.joints for axis in "xy"]
IN_16 = H36M_17.indices(INPUT_16.joints)


def table(separator: str, decimal: str = ".", *, titles: bool = False) -> str:
    rows = [[f"{v:.3f}".replace(".", decimal) for v in row] for row in NUMBERS]
    return "".join(f"{separator.join(row)}\n" for row in [TITLES] * titles + rows)


def savetxt(separator: str, header: str) -> str:
    text = io.StringIO()
    np.savetxt(text, NUMBERS, "%.3f", separator, header=header)
    return text.getvalue()


MANNERS = {
    "commas": table(","),
    "titles": table(",", titles=True),
    "semicolons": table(";"),
    "Excel in Europe": table(";", ","),
    "Excel in Europe, titles": table(";", ",", titles=True),
    "Excel in Europe, a frame each": "".join(
        f"{'frame' if i == 0 else i - 1};{line}\n"
        for i, line in enumerate(table(";", ",", titles=True).splitlines())
    ),
    "tabs": table("\t"),
    "tabs, decimal commas": table("\t", ",", titles=True),
    "spaces": table(" "),
    "spaces, decimal commas": table("  ", ","),
    "commas and spaces": table(", ", titles=True),
    "old Mac": table(",").replace("\n", "\r"),
    "savetxt": savetxt(" ", "written by numpy.savetxt\nin two lines"),
    "savetxt with commas": savetxt(",", "x, y of joints"),
    "savetxt with titles": savetxt(",", ",".join(TITLES)),
    "a file name each": "".join(
        f"{'image' if i == 0 else f'{i:03d}.png'},{line}\n"
        for i, line in enumerate(table(",", titles=True).splitlines())
    ),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("manner", MANNERS)
def test_a_table_of_every_manner_gives_its_numbers(manner, encoding):
    data = MANNERS[manner].encode(encoding)
    found = keypoints.read_bytes(data, "a.csv").positions
    np.testing.assert_allclose(found, NUMBERS.reshape(4, 17, 2)[:, IN_16], rtol=1e-6)


def test_titles_in_a_comment_say_which_joint_is_where():
    order = np.random.default_rng(0).permutation(17)
    titles = np.reshape(TITLES, (17, 2))[order].ravel()
    text = io.StringIO()
    moved = NUMBERS.reshape(4, 17, 2)[:, order].reshape(4, 34)
    np.savetxt(text, moved, "%.3f", ",", header=",".join(titles))
    found = keypoints.read_bytes(text.getvalue().encode(), "a.csv").positions
    np.testing.assert_allclose(found, NUMBERS.reshape(4, 17, 2)[:, IN_16], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1;2\n# why\n\n3", r"line 4: has 1 cells; 2 were expected, semicolons between them"),
        ("hip_x;hip_y\n1,5;x", "line 2: 'x' is not a number; cells separated by semicolons"),
        ("hip_x;hip_y\n1,5;y", "and numbers with a decimal comma were expected in this file"),
        ("hip_x,hip_y\n1,two", "line 2: 'two' is not a number; cells separated by commas and"),
        ("1.5,2.5,N/A\n", "line 1: 'N/A' is not a number"),
        ("1,5;2\n1.5;2", "line 2: '1.5' has a decimal point, but '1,5' a comma"),
        ("hip_x;hip_y\n1,234;5\n987;6", "the comma of '1,234' may be a decimal sign or part thou"),
        ("# nothing\n\n", "the file is empty"),
        ("hip_x,hip_y\n1,2\n1;2", "line 3: has 1 cells; 2 were expected, commas between them"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_said_with_what_was_expected(text, message):
    with pytest.raises(PoseFormatError, match=message) as caught:
        read_csv(text.encode(), "a.csv")
    assert str(caught.value).startswith("a.csv")


def test_another_encoding_is_refused_by_name():
    with pytest.raises(PoseFormatError, match="UTF-8, or UTF-16 with its byte order mark, was exp"):
        read_csv("tête_x\n1\n".encode("latin-1"), "a.csv")


def two_sets(one: str, other: str) -> bytes:
    titles = [f"{before}{title}" for before in (one, other) for title in TITLES]
    rows = [",".join(f"{v:.3f}" for v in (*row, *row + 10)) for row in NUMBERS]
    return "\n".join([",".join(titles), *rows]).encode()


def test_one_set_of_poses_may_be_named_before_its_joints():
    data = two_sets("theirs_", "unfinished").replace(b"unfinishedhip_x", b"unfinished_x")
    found = keypoints.read_bytes(data, "a.csv")
    np.testing.assert_allclose(found.positions, NUMBERS.reshape(4, 17, 2)[:, IN_16], rtol=1e-6)
    assert found.source == "a.csv, theirs"


@pytest.mark.parametrize(
    ("one", "other", "held"),
    [("a_", "b_", "a_hip and b_hip"), ("", "input_", "hip and input_hip"),
     ("truth_", "theirs_", "truth_hip and theirs_hip")],
)  # fmt: skip
def test_which_of_several_poses_is_meant_is_never_guessed(one, other, held):
    message = rf"line 1: it holds several poses \({held}\), and it is not certain which are meant"
    with pytest.raises(PoseFormatError, match=message):
        keypoints.read_bytes(two_sets(one, other), "a.csv")


CELLS = st.sampled_from([*TITLES[:4], "1", "2,5", "3.5", "1,000", "", "word", '"', "#", "-1e3"])


@given(
    st.lists(st.tuples(CELLS, st.sampled_from([",", ";", "\t", " ", "\n", "\r\n"])), max_size=40)
)
@settings(max_examples=200, deadline=None)
def test_any_cells_give_numbers_or_our_own_error(cells):
    with contextlib.suppress(PoseFormatError):
        keypoints.read_bytes("".join(c + s for c, s in cells).encode(), "x.csv")
