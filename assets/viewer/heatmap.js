// Joint x frame in colours, with the joints' bars of the current frame beside it.

import { element, fitCanvas, onScrub } from "./dom.js";
import { Scale } from "./colors.js";
import { millimetres } from "./packet.js";

const GROUP_GAP = 4;

export class Heatmap {
  constructor(viewer, spec) {
    this.viewer = viewer;
    this.labels = element("div", { class: "pv-rows", "aria-hidden": "true" });
    this.canvas = element("canvas", {});
    this.cursor = element("div", { class: "pv-cursor" });
    this.map = element("div", { class: "pv-map", role: "img" }, this.canvas, this.cursor);
    this.bars = element("canvas", {});
    this.barBox = element("div", { class: "pv-bars", role: "img" }, this.bars);
    this.heading = element("h4", {});
    this.key = element("div", { class: "pv-scale" });
    this.parts = [this.heading, this.labels, this.map, this.barBox, this.key];
    onScrub(this.map, (x, ended) => viewer.seek(viewer.frameAt(x, this.width), ended));
    this.map.addEventListener("pointermove", (event) => this.hover(event));
    this.map.addEventListener("pointerleave", () => viewer.tip.hide());
    this.update(spec);
  }

  update(spec) {
    const { packet } = this.viewer;
    this.spec = spec;
    this.errors = packet.errorsOf(spec.errors);
    this.minus = spec.minus && packet.errorsOf(spec.minus);
    const limit = this.minus ? spec.limit : this.errors.limit;
    const stops = this.minus ? packet.style.diverging_scale : packet.style.error_scale;
    const { clipped } = packet.style;
    this.scale = new Scale(stops, { limit, diverging: Boolean(this.minus), clipped });
    this.heading.textContent = spec.title;
    this.heading.hidden = !spec.title;
    this.map.setAttribute("aria-label", `${spec.title || "Error"} by joint and frame`);
    this.barBox.setAttribute("aria-label", `${spec.title || "Error"} of each joint in this frame`);
    const gaps = this.errors.rows.map((row, i, rows) => i > 0 && row.group !== rows[i - 1].group);
    let top = 0;
    this.rows = this.errors.rows.map((row, i) => {
      top += gaps[i] ? 1 : 0;
      return { ...row, gapsAbove: top };
    });
    this.gaps = top;
    this.writeKey();
  }

  // The colour bar, once; what lies beyond it has its own patch.
  writeKey() {
    const { limit, diverging, clipped } = this.scale;
    const { unit } = this.errors;
    const bar = element("i", { class: "pv-ramp", style: `background:${this.scale.gradient()}` });
    this.key.replaceChildren(
      element("span", {}, diverging ? `−${limit}` : "0"),
      bar,
      element("span", {}, diverging ? `+${limit} ${unit}` : `${limit} ${unit}`),
      ...(diverging || unit === "%" // nothing lies beyond 100 %
        ? []
        : [
            element("i", { class: "pv-patch", style: `background:${clipped}` }),
            element("span", {}, "beyond"),
          ]),
    );
  }

  value(frame, joint) {
    const at = frame * this.errors.joint_count + joint;
    const { protocol } = this.viewer;
    const value = this.errors.under(protocol).values[at];
    return this.minus ? value - this.minus.under(protocol).values[at] : value;
  }

  resize() {
    this.width = this.map.clientWidth;
    this.height = this.map.clientHeight;
    this.pitch = (this.height - this.gaps * GROUP_GAP) / this.rows.length;
    this.labels.replaceChildren(
      ...this.rows.map((row, i) =>
        element("span", { style: `top:${this.top(i)}px;height:${this.pitch}px` }, row.name),
      ),
    );
    this.paint();
  }

  top(row) {
    return row * this.pitch + this.rows[row].gapsAbove * GROUP_GAP;
  }

  // One column a device pixel; where it holds several frames it shows the worst of them, so no
  // spike is lost.
  paint() {
    if (!this.width || !this.height) return;
    const { packet, theme } = this.viewer;
    const context = fitCanvas(this.canvas, this.width, this.height);
    const columns = this.canvas.width;
    const strip = new ImageData(columns, this.rows.length);
    this.rows.forEach(({ joint }, row) => {
      for (let column = 0; column < columns; column++) {
        const first = Math.floor((column / columns) * packet.frames);
        const last = Math.max(first + 1, Math.floor(((column + 1) / columns) * packet.frames));
        let worst = NaN;
        for (let frame = first; frame < last; frame++) {
          const value = this.value(frame, joint);
          if (Number.isNaN(worst) || Math.abs(value) > Math.abs(worst)) worst = value;
        }
        const index = this.scale.index(worst);
        if (index < 0) continue;
        const pixel = 4 * (row * columns + column);
        for (let c = 0; c < 3; c++) {
          strip.data[pixel + c] = this.scale.channels[3 * index + c];
        }
        strip.data[pixel + 3] = 255;
      }
    });
    const small = new OffscreenCanvas(columns, this.rows.length);
    small.getContext("2d").putImageData(strip, 0, 0);
    context.fillStyle = theme.background;
    context.fillRect(0, 0, this.width, this.height);
    context.imageSmoothingEnabled = false;
    this.rows.forEach((_, row) => {
      const y = Math.round(this.top(row));
      const height = Math.round(this.top(row) + this.pitch) - y - (this.pitch > 8 ? 1 : 0);
      context.fillStyle = theme.panel;
      context.fillRect(0, y, this.width, height);
      context.drawImage(small, 0, row, columns, 1, 0, y, this.width, height);
    });
  }

  draw(frame) {
    if (!this.width) return;
    const { packet, theme } = this.viewer;
    const x = ((frame + 0.5) / packet.frames) * this.width;
    this.cursor.style.transform = `translateX(${x}px)`;
    const width = this.barBox.clientWidth;
    const context = fitCanvas(this.bars, width, this.height);
    context.clearRect(0, 0, width, this.height);
    const room = width - 34;
    const zero = this.minus ? room / 2 : 0;
    context.font = `10px ${theme.font}`;
    context.textBaseline = "middle";
    this.rows.forEach(({ joint }, row) => {
      const value = this.value(frame, joint);
      const middle = this.top(row) + this.pitch / 2;
      const share = Math.max(-1, Math.min(1, value / this.scale.limit));
      const length = (this.minus ? room / 2 : room) * (Number.isNaN(share) ? 0 : share);
      const height = Math.max(2, this.pitch - 3);
      context.fillStyle = this.scale.color(value, theme.muted);
      const left = Math.min(zero, zero + length);
      context.fillRect(left, middle - height / 2, Math.abs(length), height);
      context.fillStyle = theme.text;
      context.fillText(millimetres(value), (this.minus ? room : length) + 4, middle);
    });
  }

  hover(event) {
    const frame = this.viewer.frameAt(event.offsetX, this.width);
    const row = this.rows.findIndex((_, i) => event.offsetY < this.top(i) + this.pitch);
    if (row < 0) return this.viewer.tip.hide();
    const { joint } = this.rows[row];
    const value = millimetres(this.value(frame, joint));
    const lines = [this.errors.joints[joint], `${value} ${this.errors.unit}`, `frame ${frame}`];
    this.viewer.tip.show(lines, event.clientX, event.clientY);
  }
}
