// The head of the viewer: what is shown, and its errors in this frame and over the sequence.

import { element, setText } from "./dom.js";
import { millimetres } from "./packet.js";

// Errors in the picture; those in mm are named by their protocol.
const IN_PICTURE = {
  px: ["2D error", "Mean distance in the picture"],
  "%": ["2D doubt", "What the detector's confidence lacks to 100 %, mean of the joints"],
};
const NAMES = { 1: "MPJPE", 2: "P-MPJPE" };
const MEANINGS = {
  1: "Protocol #1: mean distance of the joints after putting the roots together",
  2: "Protocol #2: the same after the best similarity alignment of each frame",
};

const scope = (name, figures) =>
  element(
    "span",
    { class: "pv-scope" },
    element("span", { class: "pv-when" }, name),
    ...figures,
  );

export class Numbers {
  constructor(viewer) {
    this.viewer = viewer;
    this.title = element("h2", { class: "pv-heading" });
    this.sets = element("div", { class: "pv-numbers", role: "group", "aria-label": "Errors" });
    this.root = element("header", { class: "pv-head" }, this.title, this.sets);
  }

  update() {
    this.figures = [];
    const { title, errors } = this.viewer.packet;
    setText(this.title, title);
    this.sets.replaceChildren(...errors.map((each) => this.set(each)));
    this.sets.hidden = errors.length === 0;
    for (const { value, others, read, factor } of this.figures.filter((f) => !f.live)) {
      this.write(value, others, read(), factor);
    }
  }

  set(errors) {
    const joints = errors.joint_count;
    const figures = (live) =>
      errors.protocols.map((protocol) => this.figure(errors, protocol, live, joints));
    return element(
      "div",
      { class: "pv-set" },
      errors.title ? element("strong", { class: "pv-name" }, errors.title) : null,
      ...(this.viewer.packet.frames === 1
        ? figures(true)
        : [scope("Frame", figures(true)), scope("Sequence", figures(false))]),
    );
  }

  figure(errors, protocol, live, joints) {
    const { by_protocol, unit, root_counts } = errors;
    const value = element("b", {});
    const others = element("span", {});
    const [name, meaning] = IN_PICTURE[unit] ?? [NAMES[protocol], MEANINGS[protocol]];
    const counted = root_counts ? `${joints} joints, the root counted` : `${joints} joints`;
    this.figures.push({
      live,
      value,
      others: root_counts ? others : null,
      factor: joints / (joints - 1),
      read: live
        ? (frame) => by_protocol[protocol].means[frame]
        : () => by_protocol[protocol].mean,
    });
    return element(
      "span",
      {
        class: "pv-figure",
        "data-protocol": protocol,
        "data-scope": live ? "frame" : "sequence",
        title: `${meaning}. ${counted}; only frames with all joints. Lower is better.`,
      },
      `${name} `,
      value,
      ` ${unit}`,
      root_counts ? element("small", {}, ` (${joints - 1} joints `, others, ")") : null,
    );
  }

  write(value, others, number, factor) {
    setText(value, millimetres(number));
    if (others) setText(others, millimetres(number * factor));
  }

  draw(frame) {
    for (const { live, value, others, read, factor } of this.figures) {
      if (live) this.write(value, others, read(frame), factor);
    }
    this.sets.dataset.protocol = this.viewer.protocol;
  }
}
