// A 2D panel: joints over the picture, on a canvas.

import { button, element, fitCanvas, setPressed } from "./dom.js";
import { Pictures } from "./pictures.js";

const REACH_PX = 14;
const MARGIN = 0.12;

export class ImagePanel {
  constructor(viewer, spec) {
    this.viewer = viewer;
    this.canvas = element("canvas", { role: "img" });
    this.title = element("span", { class: "pv-title" });
    this.whole = false;
    this.fit = button("Whole picture", "Show the whole picture or the person", () => {
      this.whole = !this.whole;
      setPressed(this.fit, this.whole);
      this.draw();
    });
    setPressed(this.fit, false);
    this.legend = element("div", { class: "pv-legend", "aria-label": "Colours of the sides" });
    this.body = element("div", { class: "pv-body" }, this.canvas);
    this.root = element(
      "section",
      { class: "pv-panel pv-image" },
      this.body,
      element("header", {}, this.title, element("span", { class: "pv-tools" }, this.fit)),
      this.legend,
    );
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => viewer.tip.hide());
    this.update(spec);
  }

  update(spec) {
    this.spec = spec;
    this.title.textContent = this.title.title = spec.title;
    this.canvas.setAttribute("aria-label", spec.title);
    this.root.setAttribute("aria-label", spec.title);
    this.pictures?.dispose();
    this.pictures = spec.encoded
      ? new Pictures(spec.encoded, () => this.draw())
      : null;
    const { sides } = this.viewer.packet.style;
    this.legend.replaceChildren(
      ...["left", "right"].map((side) =>
        element("span", {}, element("i", { style: `background:${sides[side]}` }), side),
      ),
    );
  }

  resize() {
    this.width = this.body.clientWidth;
    this.height = this.body.clientHeight;
  }

  // What part of the picture fills the panel: px of the picture -> CSS px of the canvas.
  view() {
    const { size, box } = this.spec;
    const [low, high] = box ?? [[0, 0], size ?? [1, 1]];
    let [left, top, right, bottom] = [...low, ...high];
    if (this.whole && size) [left, top, right, bottom] = [0, 0, ...size];
    const reach = Math.max(right - left, bottom - top, 1) * (this.whole ? 0.02 : MARGIN);
    const scale = Math.min(
      this.width / (right - left + 2 * reach),
      this.height / (bottom - top + 2 * reach),
    );
    return {
      scale,
      x: this.width / 2 - (scale * (left + right)) / 2,
      y: this.height / 2 - (scale * (top + bottom)) / 2,
    };
  }

  draw(frame = this.viewer.frame) {
    if (this.width && this.height) this.paint(this.canvas, frame);
  }

  paint(canvas, frame, ratio) {
    const { theme, packet, protocol } = this.viewer;
    const context = fitCanvas(canvas, this.width, this.height, ratio);
    const { scale, x, y } = this.view();
    context.fillStyle = theme.panel;
    context.fillRect(0, 0, this.width, this.height);
    this.drawGround(context, frame, { scale, x, y }, theme);
    this.spec.layers.forEach((layer, nth) => {
      const points = layer.at(frame, protocol);
      this.drawFigure(context, layer, points, { scale, x, y }, packet.style, nth > 0);
    });
  }

  drawGround(context, frame, { scale, x, y }, theme) {
    const { size } = this.spec;
    if (!size) return;
    const picture = this.pictures?.at(frame);
    if (picture) {
      context.drawImage(picture, x, y, size[0] * scale, size[1] * scale);
    }
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.strokeRect(x, y, size[0] * scale, size[1] * scale);
    if (this.whole) {
      context.fillStyle = theme.muted;
      context.font = `11px ${theme.font}`;
      context.textAlign = "right";
      context.fillText(
        `${size[0]} × ${size[1]} px`,
        x + size[0] * scale - 6,
        y + size[1] * scale - 6,
      );
    }
  }

  drawFigure(context, layer, points, { scale, x, y }, style, second) {
    const look = style.bones[second ? "second" : layer.role];
    const place = (joint) => [points[2 * joint] * scale + x, points[2 * joint + 1] * scale + y];
    context.lineCap = "round";
    // A light rim keeps the figure readable over any picture.
    const strokes = this.pictures
      ? [["rgba(255,255,255,0.75)", look.width + 2.5], [null, look.width]]
      : [[null, look.width]];
    context.globalAlpha = look.opacity;
    for (const [rim, width] of strokes) {
      context.lineWidth = width;
      layer.bones.forEach(([parent, child], bone) => {
        const [ax, ay] = place(parent);
        const [bx, by] = place(child);
        if (Number.isNaN(ax + ay + bx + by)) return;
        context.strokeStyle = rim ?? style.sides[layer.bone_sides[bone]];
        context.beginPath();
        context.moveTo(ax, ay);
        context.lineTo(bx, by);
        context.stroke();
      });
    }
    for (let joint = 0; joint < layer.joint_count; joint++) {
      const [jx, jy] = place(joint);
      if (Number.isNaN(jx + jy)) continue;
      context.fillStyle = style.sides[layer.sides[joint]];
      context.strokeStyle = "#ffffff";
      context.lineWidth = 1;
      context.beginPath();
      context.arc(jx, jy, look.joint / 2, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  // The panel as a picture, at its own resolution.
  async image(ratio) {
    const canvas = document.createElement("canvas");
    this.paint(canvas, this.viewer.frame, ratio);
    return canvas;
  }

  hover(event) {
    const { scale, x, y } = this.view();
    let nearest = null;
    let best = REACH_PX;
    for (const layer of this.spec.layers) {
      const points = layer.at(this.viewer.frame, this.viewer.protocol);
      for (let joint = 0; joint < layer.joint_count; joint++) {
        const [px, py] = [points[2 * joint], points[2 * joint + 1]];
        const away = Math.hypot(px * scale + x - event.offsetX, py * scale + y - event.offsetY);
        if (away < best) {
          best = away;
          nearest = { layer, joint, px, py };
        }
      }
    }
    if (!nearest) return this.viewer.tip.hide();
    const { layer, joint, px, py } = nearest;
    const lines = [layer.joints[joint], `x ${px.toFixed(1)}, y ${py.toFixed(1)} px`];
    if (this.spec.layers.length > 1) lines.push(layer.title);
    const error = this.viewer.errorText(layer, joint);
    if (error) lines.push(error);
    this.viewer.tip.show(lines, event.clientX, event.clientY);
  }

  dispose() {
    this.pictures?.dispose();
  }
}
