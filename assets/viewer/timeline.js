// Error over time, on the heatmap's own time axis, with the sequence's median dashed. Between two
// lines the area takes the colour of the difference: as in the heatmap, blue where A is better.

import { element, fitCanvas, onScrub } from "./dom.js";
import { millimetres } from "./packet.js";

export class Timeline {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = element("canvas", {});
    this.cursor = element("div", { class: "pv-cursor" });
    this.label = element("div", { class: "pv-axis", "aria-hidden": "true" });
    this.chart = element(
      "div",
      { class: "pv-line", role: "img", "aria-label": "Error over time" },
      this.canvas,
      this.cursor,
    );
    this.note = element("div", { class: "pv-note" });
    this.parts = [this.label, this.chart, this.note];
    onScrub(this.chart, (x, ended) => viewer.seek(viewer.frameAt(x, this.width), ended));
    this.chart.addEventListener("pointermove", (event) => this.hover(event));
    this.chart.addEventListener("pointerleave", () => viewer.tip.hide());
  }

  // The lines that are drawn: those in mm, each with its look.
  lines() {
    const { packet, protocol, theme } = this.viewer;
    const looks = [
      { color: theme.text, dash: [] },
      { color: theme.text, dash: [1.5, 2] },
    ];
    return packet.errors
      .filter((errors) => errors.unit === "mm")
      .map((errors, i) => ({ errors, ...errors.under(protocol), ...looks[i % looks.length] }));
  }

  resize() {
    this.width = this.chart.clientWidth;
    this.height = this.chart.clientHeight;
    this.paint();
  }

  paint() {
    if (!this.width || !this.height) return;
    const { theme, protocol } = this.viewer;
    const context = fitCanvas(this.canvas, this.width, this.height);
    context.fillStyle = theme.panel;
    context.fillRect(0, 0, this.width, this.height);
    const lines = this.lines();
    const peak = Math.max(1, ...lines.map(({ means }) => highest(means)));
    const top = Math.ceil(peak / 25) * 25;
    const y = (value) => this.height - 2 - (value / top) * (this.height - 4);
    if (lines.length === 2) this.fillBetween(context, lines[0].means, lines[1].means, y);
    for (const { means, median, color, dash } of lines) {
      context.strokeStyle = color;
      context.lineWidth = 1;
      context.setLineDash(dash);
      this.trace(context, means, y);
      context.setLineDash([5, 4]);
      context.beginPath();
      context.moveTo(0, y(median));
      context.lineTo(this.width, y(median));
      context.stroke();
      context.setLineDash([]);
    }
    const name = protocol === 2 ? "P-MPJPE" : "MPJPE";
    this.label.replaceChildren(
      element("span", {}, `${top} mm`),
      element("span", {}, name),
      element("span", {}, "0"),
    );
    this.note.replaceChildren(
      ...lines.map(({ errors, median, dash }) =>
        element(
          "span",
          {},
          lines.length > 1
            ? element("i", { class: dash.length ? "pv-sample pv-dotted" : "pv-sample" })
            : null,
          lines.length > 1
            ? `${errors.title} ${millimetres(median)} mm`
            : `median ${millimetres(median)} mm (dashed)`,
        ),
      ),
      lines.length > 1 ? element("span", {}, "medians dashed") : "",
    );
  }

  // A column a pixel, from the one mean to the other; nothing where either is unknown.
  fillBetween(context, a, b, y) {
    const scale = this.viewer.packet.style.diverging_scale;
    const columns = Math.max(1, Math.min(Math.round(this.width), a.length));
    for (let column = 0; column < columns; column++) {
      const first = Math.floor((column / columns) * a.length);
      const last = Math.max(first + 1, Math.floor(((column + 1) / columns) * a.length));
      const [ofA, ofB] = [a, b].map((means) => average(means.slice(first, last)));
      if (Number.isNaN(ofA - ofB)) continue;
      context.fillStyle = ofB > ofA ? scale.at(-1) : scale[0];
      const x = (column / columns) * this.width;
      const wide = this.width / columns + 0.5;
      context.globalAlpha = 0.4;
      context.fillRect(x, y(Math.max(ofA, ofB)), wide, Math.abs(y(ofA) - y(ofB)));
    }
    context.globalAlpha = 1;
  }

  // Each pixel column from its lowest to its highest frame; a gap where nothing is known.
  trace(context, means, y) {
    const columns = Math.min(Math.round(this.width * (window.devicePixelRatio || 1)), means.length);
    context.beginPath();
    let open = false;
    for (let column = 0; column < columns; column++) {
      const first = Math.floor((column / columns) * means.length);
      const last = Math.max(first + 1, Math.floor(((column + 1) / columns) * means.length));
      let low = Infinity;
      let high = -Infinity;
      for (let f = first; f < last; f++) {
        if (means[f] < low) low = means[f];
        if (means[f] > high) high = means[f];
      }
      if (low === Infinity) {
        open = false;
        continue;
      }
      const x = ((column + 0.5) / columns) * this.width;
      if (open) context.lineTo(x, y(low));
      else context.moveTo(x, y(low));
      context.lineTo(x, y(high));
      open = true;
    }
    context.stroke();
  }

  draw(frame) {
    const x = ((frame + 0.5) / this.viewer.packet.frames) * this.width;
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  hover(event) {
    const frame = this.viewer.frameAt(event.offsetX, this.width);
    const shown = this.lines();
    const lines = shown.map(({ errors, means }) =>
      `${errors.title} ${millimetres(means[frame])} mm`.trim(),
    );
    if (shown.length === 2) {
      const [a, b] = shown;
      const apart = b.means[frame] - a.means[frame];
      const sign = apart > 0 ? "+" : "";
      lines.push(`${b.errors.title} − ${a.errors.title} ${sign}${millimetres(apart)} mm`);
    }
    this.viewer.tip.show([`frame ${frame}`, ...lines], event.clientX, event.clientY);
  }
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function highest(values) {
  let peak = 0;
  for (const value of values) if (value > peak) peak = value;
  return peak;
}
