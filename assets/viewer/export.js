// The current figure as one PNG: panels as they stand, title and numbers above.

import { millimetres } from "./packet.js";

const SCALE = 2;
const PAD = 16;
const HEAD = 56;

export async function composeFigure(viewer) {
  const { packet, panels, frame, theme } = viewer;
  const width = panels.reduce((sum, panel) => sum + panel.width, PAD * (panels.length + 1));
  const height = Math.max(...panels.map((panel) => panel.height)) + HEAD + 2 * PAD;
  const canvas = document.createElement("canvas");
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  context.fillStyle = theme.text;
  context.font = `600 16px ${theme.font}`;
  context.fillText(`${packet.title} · frame ${frame}`, PAD, PAD + 16);
  context.font = `13px ${theme.font}`;
  context.fillStyle = theme.muted;
  context.fillText(captionOf(viewer), PAD, PAD + 38);

  drawLegend(context, viewer, width - PAD);

  let left = PAD;
  for (const panel of panels) {
    const top = HEAD + PAD;
    context.drawImage(await panel.image(SCALE), left, top, panel.width, panel.height);
    context.strokeStyle = theme.line;
    context.strokeRect(left, top, panel.width, panel.height);
    drawTitle(context, panel.title.textContent, left, top, theme);
    left += panel.width + PAD;
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// On a ground of its own, as on the page: behind it there may be a picture.
function drawTitle(context, title, left, top, theme) {
  context.font = `600 12px ${theme.font}`;
  context.fillStyle = theme.background;
  context.globalAlpha = 0.8;
  context.fillRect(left + 4, top + 4, context.measureText(title).width + 8, 20);
  context.globalAlpha = 1;
  context.fillStyle = theme.text;
  context.fillText(title, left + 8, top + 18);
}

function drawLegend(context, { packet, theme }, right) {
  const { sides } = packet.style;
  let x = right;
  for (const side of ["right", "left"]) {
    x -= context.measureText(side).width;
    context.fillStyle = theme.muted;
    context.fillText(side, x, PAD + 38);
    context.fillStyle = sides[side];
    context.fillRect(x - 22, PAD + 32, 16, 4);
    x -= 38;
  }
}

function captionOf({ packet, frame, protocol }) {
  const parts = packet.errors.map((errors) => {
    const numbers = errors.protocols.map((p) => {
      const name = { px: "2D error", "%": "2D doubt" }[errors.unit] ?? (p === 2 ? "P-MPJPE" : "MPJPE");
      return `${name} ${millimetres(errors.by_protocol[p].means[frame])} ${errors.unit}`;
    });
    return [errors.title, ...numbers].filter(Boolean).join("  ");
  });
  if (packet.errors.length) parts.push(`drawn under Protocol #${protocol}`);
  return [...parts, packet.note].filter(Boolean).join("  ·  ");
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function fileName({ packet, frame }) {
  const title = packet.title.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_|_$/g, "");
  return `${title}_frame${String(frame).padStart(5, "0")}.png`;
}
