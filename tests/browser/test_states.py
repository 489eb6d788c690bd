"""Data that lacks something, in a real browser: each page says so and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.formats import dataset_file
from tests.browser.test_app import APP, READY_MS, link, press, wait_for_drawing
from tests.toys import toy_dataset, toy_human36m

DATA = {
    "toy": toy_dataset,
    "one": lambda: toy_dataset(actions=("Sitting",)),
    "gaps": lambda: toy_dataset(missing=True),
    "blind": lambda: toy_dataset(blind=True),
    "gt_only": toy_human36m,
}


@pytest.fixture(scope="module")
def visit(serve, open_page, tmp_path_factory) -> Callable[..., Any]:
    """Open a page of the app on one of the small data sets: `visit("errors", "one")`."""
    url = serve(APP)
    folder = tmp_path_factory.mktemp("states")
    for name, make in DATA.items():
        dataset_file.write(folder / f"{name}.safetensors", make())

    # One page for all: what it has read once it need not read again.
    page = open_page("about:blank")

    def opened(name: str, data: str, **choice: str) -> Any:
        page.goto(link(f"{url}/{name}", data=str(folder / f"{data}.safetensors"), **choice))
        return page

    return opened


def said(page: Any, text: str) -> Any:
    """Wait for a sentence, or a part of one, in the page or a toast."""
    found = page.get_by_text(text)
    found.first.wait_for(timeout=READY_MS)
    return found.first


def words(page: Any) -> str:
    return page.locator(".stMain").inner_text()


def rows_of_worst_list(page: Any) -> int:
    """The grid's cells are painted; for those who can't see there is a table, its head a row."""
    grid = page.locator("[data-testid=stDataFrame] table[role=grid]")
    grid.wait_for(state="attached", timeout=READY_MS)
    return int(grid.get_attribute("aria-rowcount")) - 1


def test_compare_says_which_second_source_is_missing_and_offers_the_other_checkpoint(visit) -> None:
    page = visit("compare", "toy", subject="S11", action="Directions", b_input="hourglass")
    said(page, "The link asks for B's input “hourglass”, which is not here. Showing “gt”.")
    wait_for_drawing(page)
    said(page, "The checkpoint “Trained on detector 2D”")


def test_compare_says_what_to_do_where_there_is_a_single_source(visit) -> None:
    page = visit("compare", "gt_only", a_checkpoint="gt", b_checkpoint="gt")
    said(page, "A and B are the same. This recording has a single 2D input. Choose another")
    assert page.locator(".pv").count() == 0


def test_one_action_stands_alone_on_every_page(visit) -> None:
    page = visit("errors", "one")
    page.locator(".paper-table").first.wait_for(timeout=READY_MS)
    head = page.locator(".paper-table tr").first.inner_text().split()
    assert head[-4:] == ["Sitting", "Avg", "All", "fr."]
    page.locator(".st-key-figure_errors_heatmap .js-plotly-plot").wait_for(timeout=READY_MS)
    page = visit("compare", "one")
    said(page, "a single one says nothing of the spread")
    page = visit("robustness", "one")
    page.locator(".st-key-figure_robustness_chart .trace").first.wait_for(timeout=READY_MS)
    assert page.locator(".st-key-pick_curve").count() == 0, "nothing to choose"


def test_a_filter_that_leaves_nothing_says_so_and_lets_go_again(visit) -> None:
    page = visit("errors", "toy")
    assert rows_of_worst_list(page) == 4, "a frame for each test recording"
    bound = page.get_by_label("At most (mm)")
    bound.fill("0")
    bound.press("Enter")
    said(page, "No frame matches. Widen a filter, or clear")
    assert page.locator("[data-testid=stDataFrame]").count() == 0
    bound = page.get_by_label("At least (mm)")
    bound.fill("5")
    bound.press("Enter")
    said(page, "No error is at least 5 and at most 0 mm: swap the two.")


def test_predictions_that_are_missing_are_counted_and_left_out(visit) -> None:
    page = visit("errors", "gaps")
    said(page, "2 frames are left out of the last row: a joint is missing.")
    assert rows_of_worst_list(page) == 4
    assert "nan" not in words(page).lower()
    page = visit("compare", "gaps", subject="S9", action="Sitting")
    said(page, "2 frames lack a joint and are left out.")
    wait_for_drawing(page)
    assert "nan" not in words(page).lower()
    press(page, "protocol", "#2")
    said(page, "Protocol #2 (P-MPJPE)")
    assert "nan" not in words(page).lower()


def test_where_no_frame_can_be_judged_each_page_says_so(visit) -> None:
    page = visit("errors", "blind")
    said(page, "none has all joints in 2D and 3D")
    said(page, "Choose another 2D input, checkpoint or data set on the left.")
    page.get_by_role("button", name="Try again").wait_for(timeout=READY_MS)
    page = visit("compare", "blind")
    said(page, "Nothing to compare here: no frame has 3D truth and all joints in both A and B.")
    said(page, "none has all joints in 2D and 3D")
    page = visit("robustness", "blind")
    said(page, "no frame has all joints in 2D")
