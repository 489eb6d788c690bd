// Small tools for elements, so that the parts below read as what they build.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export function button(label, title, onclick, attributes = {}) {
  return element(
    "button",
    { type: "button", title, "aria-label": title, onclick, ...attributes },
    label,
  );
}

export function setPressed(node, pressed) {
  node.setAttribute("aria-pressed", String(pressed));
}

// Writing an equal text still costs a layout, and most numbers stay as they are.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Brings a canvas to its element's size in device pixels; returns a context in CSS pixels.
export function fitCanvas(canvas, width, height, ratio = window.devicePixelRatio || 1) {
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// Calls `seek(x, ended)` with x in CSS pixels of `target` for a click and while dragging.
export function onScrub(target, seek) {
  const place = (event) => event.clientX - target.getBoundingClientRect().left;
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    seek(place(event), false);
  });
  target.addEventListener("pointermove", (event) => {
    if (target.hasPointerCapture(event.pointerId)) seek(place(event), false);
  });
  const end = (event) => {
    if (!target.hasPointerCapture(event.pointerId)) return;
    target.releasePointerCapture(event.pointerId);
    seek(place(event), true);
  };
  target.addEventListener("pointerup", end);
  target.addEventListener("pointercancel", end);
}

// One small label that follows the pointer; shared by all parts of a viewer.
export class Tip {
  constructor(root) {
    this.root = root;
    this.node = element("div", { class: "pv-tip", role: "status", hidden: true });
    root.append(this.node);
  }

  show(lines, clientX, clientY) {
    const [head, ...rest] = lines;
    this.node.replaceChildren(
      element("strong", {}, head),
      ...rest.map((line) => element("span", {}, line)),
    );
    this.node.hidden = false;
    const box = this.root.getBoundingClientRect();
    const left = Math.min(clientX - box.left + 14, box.width - this.node.offsetWidth - 4);
    const above = clientY - box.top - this.node.offsetHeight - 10;
    const top = above < 0 ? clientY - box.top + 18 : above;
    this.node.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
  }

  hide() {
    this.node.hidden = true;
  }
}
