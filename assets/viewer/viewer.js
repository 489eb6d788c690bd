// One viewer: holds the state, builds the parts, draws a frame. Parts read the state from here.

import { Cameras } from "./cameras.js";
import { readTheme, Scale } from "./colors.js";
import { button, element, setPressed, Tip } from "./dom.js";
import { composeFigure, download, fileName } from "./export.js";
import { Heatmap } from "./heatmap.js";
import { ImagePanel } from "./image_panel.js";
import { Keys } from "./keys.js";
import { Numbers } from "./numbers.js";
import { millimetres } from "./packet.js";
import { Player } from "./player.js";
import { renderingPixelRatio } from "./plotly.js";
import { ScenePanel } from "./scene_panel.js";
import { Timeline } from "./timeline.js";
import { Transport } from "./transport.js";

const NARROW_PX = 640;
const REPORT_AFTER_MS = 250;

export class Viewer {
  constructor(parent, packet, plotly) {
    this.packet = packet;
    // 2D, heatmap and controls are there at once; the scenes follow when plotly.js is.
    this.plotly = plotly;
    this.frame = 0;
    this.protocol = 1;
    this.errorColors = false;
    this.pixelRatio = renderingPixelRatio();
    this.root = element("div", { class: "pv", tabindex: -1 });
    // A click on a panel brings the keys here from wherever the page had its focus.
    this.root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("button, input, select")) this.root.focus({ preventScroll: true });
    });
    parent.append(this.root);
    this.narrow = this.root.clientWidth < NARROW_PX;
    // On a phone the panels lie one below the other, so the pair is compared in one scene.
    this.overlay = this.narrow;
    this.theme = readTheme(this.root);
    this.cameras = new Cameras(this);
    this.player = new Player(this);
    this.keys = new Keys(this);
    this.numbers = new Numbers(this);
    this.transport = new Transport(this);
    this.timeline = new Timeline(this);
    this.panelBox = element("div", { class: "pv-panels" });
    this.charts = element("div", { class: "pv-charts" });
    this.note = element("p", { class: "pv-remark" });
    this.root.append(
      this.numbers.root,
      this.panelBox,
      this.transport.root,
      this.charts,
      this.note,
      this.keys.dialog,
    );
    this.tip = new Tip(this.root);
    this.panels = [];
    this.heatmaps = [];
    this.onrelease = () => this.cameras.release();
    window.addEventListener("pointerup", this.onrelease);
    window.addEventListener("pointercancel", this.onrelease);
    this.resized = new ResizeObserver(() => this.layOut());
    this.build();
    this.cameras.look("front");
  }

  get scenes() {
    return this.panels.filter((panel) => panel instanceof ScenePanel);
  }

  // Shows another packet. Viewpoint, speed, overlay and colours stay as the user left them.
  show(packet) {
    const before = this.packet;
    this.packet = packet;
    this.frame = Math.min(this.frame, packet.frames - 1);
    // A named view keeps its name when the heading changes; a view of one's own keeps its place in
    // the room, unless the room itself is another.
    if (this.cameras.name || before.stage?.space !== packet.stage?.space) {
      this.cameras.turn(before.stage?.front, packet.stage?.front);
    }
    this.build();
    this.player.rebase();
  }

  build() {
    const { packet } = this;
    this.buildPanels();
    this.heatmaps = packet.heatmaps.map((spec) => new Heatmap(this, spec));
    this.charts.replaceChildren(
      ...(packet.errors.some((errors) => errors.unit === "mm") ? this.timeline.parts : []),
      ...this.heatmaps.flatMap((heatmap) => heatmap.parts),
    );
    this.note.textContent = packet.note;
    this.note.hidden = !packet.note;
    this.numbers.update();
    this.transport.update();
    this.layOut();
  }

  // Panels are kept where their kind stays the same, so scenes keep their WebGL context.
  buildPanels() {
    const kinds = { image: ImagePanel, scene: ScenePanel };
    const { panels } = this.packet;
    const same =
      panels.length === this.panels.length &&
      panels.every((spec, i) => this.panels[i] instanceof kinds[spec.kind]);
    if (same) {
      this.panels.forEach((panel, i) => panel.update(panels[i]));
    } else {
      for (const panel of this.panels) panel.dispose();
      this.panels = panels.map((spec) => new kinds[spec.kind](this, spec));
      this.panelBox.replaceChildren(...this.panels.map((panel) => panel.root));
      this.panelBox.style.setProperty("--pv-columns", panels.length);
      for (const scene of this.scenes) this.cameras.watch(scene);
      this.resized.disconnect();
      this.resized.observe(this.root);
      for (const panel of this.panels) this.resized.observe(panel.body);
    }
    this.panels.forEach((panel, i) => {
      panel.root.classList.toggle("pv-first", panels[i].overlay.length > 0);
    });
    this.addTools();
  }

  // View buttons live in the first scene, figure switches in the last, where there is room.
  addTools() {
    this.views = {};
    this.switches = {};
    const { scenes } = this;
    if (!scenes.length) return;
    const titles = {
      front: "As the camera saw it; also undoes turning and zoom (f)",
      side: "From the side: shows depth (s)",
      top: "From above (t)",
    };
    for (const [name, title] of Object.entries(titles)) {
      const label = name[0].toUpperCase() + name.slice(1);
      this.views[name] = button(label, title, () => this.cameras.look(name));
    }
    for (const scene of scenes) scene.tools.replaceChildren();
    scenes[0].tools.append(...Object.values(this.views));
    if (this.packet.panels.some((panel) => panel.overlay.length)) {
      this.switches.overlay = button("Overlay", "Truth and prediction in one scene (o)", () =>
        this.setOverlay(!this.overlay),
      );
    }
    const coloured = this.packet.layers.find((layer) => layer.errors);
    if (coloured) {
      const what = this.errorsOf(coloured).unit === "%" ? "Doubt" : "Error";
      const title = `Joints coloured by ${what.toLowerCase()} (e)`;
      this.switches.errorColors = button(what, title, () =>
        this.setErrorColors(!this.errorColors),
      );
    }
    scenes[scenes.length - 1].tools.append(...Object.values(this.switches));
    this.switchesChanged();
    this.viewChanged();
  }

  layOut() {
    if (this.laying) return;
    this.laying = true;
    requestAnimationFrame(() => {
      this.laying = false;
      if (this.disposed) return;
      this.narrow = this.root.clientWidth < NARROW_PX;
      this.root.classList.toggle("pv-narrow", this.narrow);
      this.redraw();
    });
  }

  redraw() {
    for (const part of [...this.panels, ...this.heatmaps, this.timeline]) part.resize();
    this.drawFrame(this.frame);
    this.render().catch((error) => this.fail(error));
  }

  async render() {
    await Promise.all(this.scenes.map((scene) => scene.render()));
    this.root.dataset.ready = this.packet.digest;
  }

  fail(error) {
    this.note.textContent = `The 3D panels can't be drawn: ${error.message}`;
    this.note.hidden = false;
  }

  drawFrame(frame) {
    this.frame = frame;
    for (const panel of this.panels) panel.draw(frame);
    for (const heatmap of this.heatmaps) heatmap.draw(frame);
    this.timeline.draw(frame);
    this.transport.draw(frame);
    this.numbers.draw(frame);
  }

  setTheme() {
    this.theme = readTheme(this.root);
    this.redraw();
  }

  frameAt(x, width) {
    const frame = Math.floor((x / width) * this.packet.frames);
    return Math.max(0, Math.min(frame, this.packet.frames - 1));
  }

  // Goes to a frame; `ended` is false while a drag goes on, and Python hears nothing yet.
  seek(frame, ended = true) {
    const target = Math.max(0, Math.min(frame, this.packet.frames - 1));
    this.drawFrame(target);
    this.player.rebase();
    if (ended) this.report();
  }

  seekWorst() {
    const [errors] = this.packet.errors.filter((each) => each.unit === "mm");
    if (!errors) return;
    this.player.pause();
    this.seek(errors.worstFrame(this.protocol));
  }

  setProtocol(protocol) {
    if (protocol === this.protocol) return;
    this.protocol = protocol;
    for (const heatmap of this.heatmaps) heatmap.paint();
    this.timeline.paint();
    for (const scene of this.scenes) scene.writeTitle();
    this.drawFrame(this.frame);
  }

  setOverlay(overlay) {
    if (!this.switches.overlay) return;
    this.overlay = overlay;
    this.switchesChanged();
    for (const scene of this.scenes.filter((each) => each.spec.overlay.length)) {
      scene.writeTitle();
      scene.render();
    }
  }

  setErrorColors(errorColors) {
    if (!this.switches.errorColors) return;
    this.errorColors = errorColors;
    this.switchesChanged();
    this.drawFrame(this.frame);
  }

  switchesChanged() {
    for (const [name, node] of Object.entries(this.switches)) setPressed(node, this[name]);
  }

  viewChanged() {
    for (const [name, node] of Object.entries(this.views)) {
      setPressed(node, name === this.cameras.name);
    }
  }

  playingChanged() {
    this.tip.hide();
    this.transport.playingChanged();
    this.root.dataset.playing = this.player.playing;
  }

  async savePicture() {
    this.player.pause();
    download(await composeFigure(this), fileName(this));
  }

  // Tells Python where the viewer stands, once it has come to rest; never while playing.
  report() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => {
      if (this.player.playing || this.disposed) return;
      const { frame, packet } = this;
      if (this.told?.frame === frame && this.told.timeline === packet.timeline) return;
      this.told = { frame, timeline: packet.timeline };
      this.onreport(this.told);
    }, REPORT_AFTER_MS);
  }

  // Goes where Python asked. Python knows that already, unless something else reached it on the
  // way: then it is told again, so that the two never disagree.
  obey(frame) {
    this.seek(frame, false);
    if (this.told?.timeline === this.packet.timeline) this.report();
  }

  errorsOf(layer) {
    return layer.errors ? this.packet.errorsOf(layer.errors) : null;
  }

  scaleOf(layer) {
    const errors = this.errorsOf(layer);
    const { error_scale, clipped } = this.packet.style;
    return errors && new Scale(error_scale, { limit: errors.limit, clipped });
  }

  errorText(layer, joint) {
    const errors = this.errorsOf(layer);
    if (!errors) return null;
    const value = errors.under(this.protocol).values[this.frame * errors.joint_count + joint];
    return `${millimetres(value)} ${errors.unit} ${errors.unit === "%" ? "in doubt" : "off"}`;
  }

  // For tests and for a look under the bonnet: `element.poseViewer.stats()`.
  stats() {
    const script = [...this.player.script].sort((a, b) => a - b);
    const at = (share) => script[Math.min(script.length - 1, Math.floor(share * script.length))];
    return {
      frame: this.frame,
      frames: this.packet.frames,
      playing: this.player.playing,
      drawn: this.player.drawn,
      script_ms: {
        mean: script.reduce((sum, ms) => sum + ms, 0) / Math.max(1, script.length),
        median: at(0.5) ?? 0,
        p95: at(0.95) ?? 0,
      },
      fast: this.scenes.every((scene) => scene.fast),
      protocol: this.protocol,
      overlay: this.overlay,
      error_colors: this.errorColors,
      camera: this.cameras.camera,
      digest: this.packet.digest,
    };
  }

  dispose() {
    this.disposed = true;
    clearTimeout(this.reporting);
    this.player.dispose();
    this.keys.dispose();
    this.resized.disconnect();
    window.removeEventListener("pointerup", this.onrelease);
    window.removeEventListener("pointercancel", this.onrelease);
    for (const panel of this.panels) panel.dispose();
    this.root.remove();
  }
}
