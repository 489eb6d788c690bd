// Play, scrub, speed, loop, jump: one row of controls.

import { button, element, setPressed, setText } from "./dom.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

export function clock(frame, fps) {
  const seconds = frame / fps;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
}

export class Transport {
  constructor(viewer) {
    this.viewer = viewer;
    this.play = button("▶", "Play (space)", () => viewer.player.toggle(), { class: "pv-play" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      step: 1,
      "aria-label": "Frame",
      oninput: () => viewer.seek(Number(this.slider.value), false),
      onchange: () => viewer.report(),
    });
    this.time = element("output", { class: "pv-time" });
    const counting = "Frames count from 0, as in files";
    this.count = element("output", { class: "pv-count", title: counting });
    this.speed = element(
      "select",
      {
        "aria-label": "Speed",
        title: "Speed",
        onchange: () => viewer.player.setSpeed(Number(this.speed.value)),
      },
      ...SPEEDS.map((value) =>
        element("option", { value, selected: value === 1 }, `${String(value)}×`),
      ),
    );
    this.loop = button("Loop", "Start again at the end", () => {
      viewer.player.loop = !viewer.player.loop;
      setPressed(this.loop, viewer.player.loop);
    });
    setPressed(this.loop, viewer.player.loop);
    this.worst = button("Worst", "Jump to worst frame (w)", () => viewer.seekWorst());
    this.save = button("PNG", "Save the current figure as PNG", () => viewer.savePicture());
    this.keys = button("?", "Show the keys (?)", () => viewer.keys.toggle(), { class: "pv-help" });
    this.clock = element("span", { class: "pv-clock" }, this.time, this.count);
    this.root = element(
      "div",
      { class: "pv-transport", role: "group", "aria-label": "Playback" },
      this.play,
      this.slider,
      this.clock,
      this.speed,
      this.loop,
      this.worst,
      this.save,
      this.keys,
    );
  }

  update() {
    const { packet } = this.viewer;
    this.slider.max = packet.frames - 1;
    // A photo has nothing to play.
    const still = packet.frames === 1;
    for (const part of [this.play, this.slider, this.clock, this.speed, this.loop]) {
      part.hidden = still;
    }
    this.root.classList.toggle("pv-still", still);
    this.worst.hidden = !packet.errors.some((errors) => errors.unit === "mm");
    this.end = ` / ${clock(packet.frames - 1, packet.fps)}`;
  }

  draw(frame) {
    const { packet } = this.viewer;
    this.slider.value = frame;
    setText(this.time, clock(frame, packet.fps) + this.end);
    setText(this.count, `frame ${frame} / ${packet.frames - 1}`);
    this.slider.setAttribute("aria-valuetext", `frame ${frame}`);
  }

  playingChanged() {
    const { playing } = this.viewer.player;
    this.play.textContent = playing ? "❚❚" : "▶";
    this.play.setAttribute("aria-label", playing ? "Pause (space)" : "Play (space)");
    this.play.title = playing ? "Pause (space)" : "Play (space)";
  }
}
