// The keyboard, and the overlay that explains it.

import { button, element } from "./dom.js";

const KEYS = [
  ["Space", "play or pause"],
  ["← →", "one frame back or on"],
  ["Shift ← →", "ten frames"],
  ["Home End", "first, last frame"],
  ["W", "worst frame"],
  ["O", "overlay of truth and prediction"],
  ["E", "joints coloured by error"],
  ["F S T", "front, side, top view"],
  ["?", "these keys"],
];

// What one types into takes every key; other controls of the page only those that work them.
const TYPED =
  "input:not([type=radio], [type=checkbox], [type=range], [type=button]), textarea, select, " +
  "[contenteditable=true], [role=combobox], [role=listbox], [role=dialog]";
const WORKED = "input, button, a, summary, [role=slider], [role=tab], [role=menuitem]";
const WORKING_KEYS = [" ", "Enter", "ArrowLeft", "ArrowRight", "Home", "End"];

export class Keys {
  constructor(viewer) {
    this.viewer = viewer;
    this.dialog = element(
      "dialog",
      { class: "pv-keys", "aria-label": "Keys" },
      element(
        "dl",
        {},
        ...KEYS.flatMap(([key, meaning]) => [
          element("dt", {}, ...key.split(" ").map((k) => element("kbd", {}, k))),
          element("dd", {}, meaning),
        ]),
      ),
      button("Close", "Close", () => this.dialog.close()),
    );
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.onkeydown = (event) => this.press(event);
    document.addEventListener("keydown", this.onkeydown);
  }

  toggle() {
    if (this.dialog.open) this.dialog.close();
    else this.dialog.showModal();
  }

  // Whether the focused element wants this key for itself.
  taken(event) {
    const target = event.target;
    if (!(target instanceof Element)) return false;
    if (this.viewer.root.contains(target)) {
      if (target.matches("select")) return true;
      return target.matches("button") && (event.key === " " || event.key === "Enter");
    }
    if (target.closest(TYPED)) return true;
    return target.closest(WORKED) !== null && WORKING_KEYS.includes(event.key);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (this.taken(event)) return;
    const action = this.action(event);
    if (!action || (this.dialog.open && event.key !== "?")) return;
    event.preventDefault();
    action();
  }

  action(event) {
    const { viewer } = this;
    const step = event.shiftKey ? 10 : 1;
    const actions = {
      " ": () => viewer.player.toggle(),
      arrowleft: () => viewer.seek(viewer.frame - step),
      arrowright: () => viewer.seek(viewer.frame + step),
      home: () => viewer.seek(0),
      end: () => viewer.seek(viewer.packet.frames - 1),
      w: () => viewer.seekWorst(),
      o: () => viewer.setOverlay(!viewer.overlay),
      e: () => viewer.setErrorColors(!viewer.errorColors),
      f: () => viewer.cameras.look("front"),
      s: () => viewer.cameras.look(viewer.cameras.name === "side" ? "front" : "side"),
      t: () => viewer.cameras.look(viewer.cameras.name === "top" ? "front" : "top"),
      "?": () => this.toggle(),
    };
    return actions[event.key.toLowerCase()];
  }

  dispose() {
    document.removeEventListener("keydown", this.onkeydown);
  }
}
