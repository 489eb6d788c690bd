// Colours: the theme's from Streamlit's CSS variables, the data's from the packet's style.

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function rgb(color) {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function hex(channels) {
  return "#" + channels.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("");
}

// `share` of `front` over `back`. Opaque on purpose: what is transparent costs WebGL a second pass.
export function mix(front, back, share) {
  const [a, b] = [rgb(front), rgb(back)];
  return hex(a.map((channel, i) => channel * share + b[i] * (1 - share)));
}

export function readTheme(root) {
  const style = getComputedStyle(root);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = read("--st-background-color", "#ffffff");
  const text = read("--st-text-color", "#31333f");
  return {
    background,
    text,
    panel: mix(text, background, 0.035),
    line: mix(text, background, 0.18),
    grid: mix(text, background, 0.16),
    shadow: mix(text, background, 0.22),
    muted: mix(text, background, 0.72),
    font: read("--st-font", "sans-serif"),
  };
}

// A scale of colours with 256 steps; what lies beyond its end gets a colour of its own.
export class Scale {
  constructor(stops, { limit, diverging = false, clipped }) {
    this.limit = limit;
    this.diverging = diverging;
    this.clipped = clipped;
    const colors = stops.map(rgb);
    this.table = Array.from({ length: 256 }, (_, i) => {
      const place = (i / 255) * (colors.length - 1);
      const low = Math.min(Math.floor(place), colors.length - 2);
      const share = place - low;
      return hex(colors[low].map((c, k) => c * (1 - share) + colors[low + 1][k] * share));
    });
    this.channels = new Uint8Array([...this.table, clipped].flatMap(rgb));
  }

  // Index into `channels`: 0..255, or 256 for what is clipped; -1 where there is no value.
  index(value) {
    if (Number.isNaN(value)) return -1;
    const share = this.diverging ? (value / this.limit + 1) / 2 : value / this.limit;
    if (share > 1 || share < 0) return this.diverging ? (share > 1 ? 255 : 0) : 256;
    return Math.round(share * 255);
  }

  color(value, missing) {
    const i = this.index(value);
    if (i < 0) return missing;
    return i > 255 ? this.clipped : this.table[i];
  }

  gradient() {
    const stops = this.table.filter((_, i) => i % 15 === 0);
    return `linear-gradient(to right, ${stops.join(", ")})`;
  }
}
