"""The pages' Python through the front door, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app() -> Iterator[AppTest]:
    # The first run in a process imports PyTorch and generates data; the default is 3 seconds.
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)


def options(app: AppTest, key: str) -> list[str]:
    for kind in (app.selectbox, app.segmented_control):
        for widget in kind:
            if widget.key == key:
                return list(widget.options)
    raise AssertionError(f"no picker {key}")


def pick(app: AppTest, **choices: str) -> AppTest:
    for name, value in choices.items():
        key = f"pick_{name}"
        known = {w.key for w in app.selectbox}
        widget: Any = app.selectbox(key) if key in known else app.segmented_control(key)
        widget.set_value(value).run()
    return app


def chosen(app: AppTest, name: str) -> Any:
    return app.session_state[f"pick_{name}"]


def assert_fine(app: AppTest) -> None:
    assert not app.exception
    assert not [e.value for e in app.error]


def test_the_first_start_shows_the_real_recording(app: AppTest) -> None:
    app.run()
    assert_fine(app)
    assert chosen(app, "data") == "balancing"
    assert [c.key for c in app.get("bidi_component")] == ["browse_control", "browse"]
    assert app.query_params["data"] == "balancing"


def test_both_data_sets_and_both_checkpoints_are_offered(app: AppTest) -> None:
    app.run()
    assert options(app, "pick_data")[0].startswith("Balancing")
    assert options(app, "pick_data")[1].startswith("Synthetic")
    assert len(options(app, "pick_checkpoint")) == 3


def test_only_what_exists_is_offered_and_the_paper_orders_the_actions(app: AppTest) -> None:
    pick(app.run(), data="synthetic")
    assert_fine(app)
    assert options(app, "pick_subject")[:2] == ["S9", "S11"]
    assert options(app, "pick_action")[0] == "Directions"
    assert len(options(app, "pick_action")) == 15
    assert options(app, "pick_camera") == ["1", "2", "3", "4"]


def test_next_and_previous_walk_through_the_index(app: AppTest) -> None:
    app.run()
    before = chosen(app, "camera")
    app.button("next").click().run()
    assert_fine(app)
    assert chosen(app, "camera") != before
    app.button("previous").click().run()
    assert chosen(app, "camera") == before


def test_a_link_opens_the_view_it_names(app: AppTest) -> None:
    for name, value in {
        "data": "synthetic", "subject": "S11", "action": "Eating", "camera": "58860488",
        "protocol": "2", "space": "world", "frame": "7",
    }.items():  # fmt: skip
        app.query_params[name] = value
    app.run()
    assert_fine(app)
    assert (chosen(app, "subject"), chosen(app, "action")) == ("S11", "Eating")
    assert (chosen(app, "camera"), chosen(app, "protocol")) == ("58860488", "2")
    assert app.query_params["frame"] == "7"
    assert app.query_params["space"] == "world"


def test_a_link_to_what_is_not_there_shows_the_nearest_and_says_so(app: AppTest) -> None:
    app.query_params["data"] = "synthetic"
    app.query_params["action"] = "Juggling"
    app.run()
    assert_fine(app)
    assert any("Juggling" in toast.value for toast in app.toast)


def test_a_link_to_a_missing_folder_names_the_path_it_looked_at(
    app: AppTest, tmp_path: Path
) -> None:
    app.query_params["data"] = str(tmp_path / "nowhere")
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    assert "nowhere" in app.error[0].value
    app.button("start_over").click().run()
    assert_fine(app)
    assert chosen(app, "data") == "balancing"


def test_every_camera_of_balancing_can_be_shown(app: AppTest) -> None:
    app.run()
    seen = [chosen(app, "camera")]
    while not app.button("next").disabled:
        app.button("next").click().run()
        assert_fine(app)
        seen.append(chosen(app, "camera"))
    assert seen == ["cam_01", "cam_02", "cam_03", "cam_04"]


def open_files(app: AppTest) -> AppTest:
    app.run()
    app.switch_page("pages/files.py").run()
    assert_fine(app)
    return app


def submit(app: AppTest, label: str) -> AppTest:
    next(b for b in app.button if b.label == label).click().run()
    return app


def test_open_files_asks_for_a_path_first(app: AppTest) -> None:
    submit(open_files(app), "Open the data set")
    said = "Type the path of a folder or file, or choose files and wait until they are here."
    assert [w.value for w in app.warning] == [said]


@pytest.mark.parametrize("what", ["dataset", "checkpoint"])
def test_a_path_that_is_not_there_is_named(app: AppTest, tmp_path: Path, what: str) -> None:
    open_files(app)
    app.text_input(f"{what}_path").set_value(str(tmp_path / "nowhere"))
    submit(app, {"dataset": "Open the data set", "checkpoint": "Load the checkpoint"}[what])
    assert not app.exception
    assert "nowhere" in app.error[0].value


def test_the_re_implementations_own_files_open_and_lift(app: AppTest, shared: Path) -> None:
    folder = shared / "fixtures" / "reimplementation"
    open_files(app)
    app.text_input("dataset_path").set_value(str(folder / "data"))
    submit(app, "Open the data set")
    assert not app.error
    assert "14,360 frames" in app.success[0].value
    app.text_input("checkpoint_path").set_value(str(folder / "ckpt_best.pth.tar"))
    submit(app, "Load the checkpoint")
    assert not app.error
    assert "width 1024, 2 stages" in app.success[0].value
    app.switch_page("app.py").run()
    assert_fine(app)
    assert chosen(app, "data") == str(folder / "data")
    assert chosen(app, "checkpoint") == str(folder / "ckpt_best.pth.tar")


def test_the_data_set_stays_chosen_from_page_to_page(app: AppTest) -> None:
    pick(app.run(), data="synthetic", action="Eating")
    for page in ("pages/errors.py", "pages/compare.py", "app.py"):
        app.switch_page(page).run()
        assert_fine(app)
        assert chosen(app, "data") == "synthetic", page
    assert chosen(app, "action") == "Eating"
