// A 3D panel: one Plotly scene. While playing, arrays are changed in place and Plotly's own scene
// objects are told so, which is ten times cheaper than any public call. Those objects are private:
// the version of Plotly is pinned, their presence is checked, and `restyle` stands in for them.

import { element, setText } from "./dom.js";
import { Figure, floorTrace } from "./figures.js";

const REACH_PX = 16;
// The scene's unit: a person is a bit less than one unit tall at any size of the box.
const UNIT_MM = 2000;
const ROOM_MM = { side: 1500, below: 300, above: 2100 };

export class ScenePanel {
  constructor(viewer, spec) {
    this.viewer = viewer;
    this.title = element("span", { class: "pv-title" });
    this.tools = element("span", { class: "pv-tools" });
    this.plot = element("div", { class: "pv-plot" });
    this.body = element("div", { class: "pv-body" }, this.plot);
    this.root = element(
      "section",
      { class: "pv-panel pv-scene" },
      this.body,
      element("header", {}, this.title, this.tools),
    );
    this.body.addEventListener("pointermove", (event) => this.hover(event));
    this.body.addEventListener("pointerleave", () => viewer.tip.hide());
    letSwipesScroll(this.body);
    this.update(spec);
  }

  update(spec) {
    this.spec = spec;
    this.turn = spec.turn;
    this.root.setAttribute("aria-label", `${spec.title}, drag to turn`);
    this.size = roomOf(this.viewer.packet.stage);
    this.writeTitle();
    if (this.looks() === this.rendered) this.adopt();
    else this.figures = null;
  }

  // The title says what is drawn now: aligned under Protocol #2, with truth beneath it or not.
  writeTitle() {
    const { overlay, protocol } = this.viewer;
    const aligned = protocol === 2 && this.spec.layers.some((layer) => layer.aligned);
    const beneath = overlay ? this.spec.overlay.map((layer) => layer.title.toLowerCase()) : [];
    const title = this.spec.title + (aligned ? ", aligned" : "");
    setText(this.title, [title, ...beneath].join(" over "));
  }

  resize() {
    this.width = this.body.clientWidth;
    this.height = this.body.clientHeight;
  }

  // Builds the scene anew: another packet, theme, size or set of figures. A call during a call
  // is one more round, so that the last state wins.
  async render() {
    this.stale = true;
    if (this.rendering) return this.rendering;
    this.rendering = this.renderUntilFresh();
    await this.rendering;
    this.rendering = null;
    this.draw(this.viewer.frame);
    return null;
  }

  async renderUntilFresh() {
    await this.viewer.plotly;
    while (this.stale && !this.viewer.disposed) {
      this.stale = false;
      if (!this.width || !this.height) return;
      const looks = this.looks();
      if (this.figures && looks === this.rendered) continue;
      this.rendered = looks;
      const { figures, data, layout } = this.compose(this.viewer.frame);
      this.figures = figures;
      await window.Plotly.react(this.plot, data, layout, {
        displayModeBar: false,
        scrollZoom: true,
        doubleClick: false,
        plotGlPixelRatio: this.viewer.pixelRatio,
      });
      this.dropPicking();
      this.viewer.cameras.apply(this);
    }
  }

  shown() {
    return [...(this.viewer.overlay ? this.spec.overlay : []), ...this.spec.layers];
  }

  // All that a scene is made from but the poses. Where it is the same for another sequence, the
  // scene that stands is kept, which saves the half second in which Plotly would build it anew.
  looks() {
    const { packet, theme, overlay } = this.viewer;
    const bodies = this.shown().map(({ id, role, bones, sides }) => [id, role, bones, sides]);
    const { floor } = packet.stage;
    return JSON.stringify([this.width, this.height, this.size, floor, theme, overlay, bodies]);
  }

  adopt() {
    this.shown().forEach((layer, i) => {
      this.figures[i].layer = layer;
      this.figures[i].scale = this.viewer.scaleOf(layer);
    });
  }

  compose(frame) {
    const { packet, theme, overlay } = this.viewer;
    const { stage, style } = packet;
    // People in a hall are small; so are their joints, down to where they can still be seen.
    const shrink = Math.max(0.6, UNIT_MM / this.size.unit);
    const make = (ghost) => (layer) => {
      const scale = this.viewer.scaleOf(layer);
      return new Figure(layer, { ghost, stage, style, theme, scale, shrink });
    };
    const figures = [
      ...(overlay ? this.spec.overlay.map(make(true)) : []),
      ...this.spec.layers.map(make(false)),
    ];
    for (const each of figures) this.move(each, frame);
    const axis = (i) => ({
      visible: false,
      autorange: false,
      range: [this.size.low[i], this.size.high[i]],
    });
    const ratio = this.size.low.map((low, i) => (this.size.high[i] - low) / this.size.unit);
    return {
      figures,
      data: [floorTrace(stage, this.size, theme), ...figures.flatMap((f) => f.traces)],
      layout: {
        width: this.width,
        height: this.height,
        margin: { l: 0, r: 0, t: 0, b: 0 },
        showlegend: false,
        paper_bgcolor: theme.background,
        scene: {
          xaxis: axis(0),
          yaxis: axis(1),
          zaxis: axis(2),
          aspectmode: "manual",
          aspectratio: { x: ratio[0], y: ratio[1], z: ratio[2] },
          bgcolor: theme.background,
          dragmode: "turntable",
          hovermode: false,
          camera: this.viewer.cameras.cameraOf(this),
        },
      },
    };
  }

  move(figure, frame) {
    const { protocol, errorColors } = this.viewer;
    figure.move(frame, protocol);
    const errors = errorColors ? this.viewer.errorsOf(figure.layer) : null;
    figure.traces[1].marker.color = figure.colors(errors?.under(protocol).values, frame);
  }

  draw(frame) {
    if (!this.figures || this.rendering) return;
    for (const figure of this.figures) this.move(figure, frame);
    const inner = this.inner();
    this.fast = inner !== null;
    if (inner) this.drawFast(inner);
    else this.drawSlowly();
  }

  // Plotly's scene and its trace objects, or null if they are not as this version has them.
  inner() {
    const scene = this.plot._fullLayout?.scene?._scene;
    if (!scene?.glplot || typeof scene.setViewport !== "function") return null;
    const full = this.plot._fullData ?? [];
    const traces = full.map((data) => scene.traces?.[data.uid]);
    if (traces.length !== 1 + 2 * this.figures.length) return null;
    return traces.every((trace) => typeof trace?.update === "function")
      ? { scene, full, traces }
      : null;
  }

  drawFast({ full, traces }) {
    this.figures.forEach((figure, nth) => {
      const first = 1 + 2 * nth;
      figure.fill(full.slice(first, first + 2));
      full[first + 1].marker.color = figure.traces[1].marker.color;
      traces[first].update(full[first]);
      traces[first + 1].update(full[first + 1]);
    });
  }

  // One restyle at a time: of several that overlap, Plotly does not show the last.
  async drawSlowly() {
    this.behind = true;
    if (this.restyling) return;
    this.restyling = true;
    while (this.behind && !this.viewer.disposed) {
      this.behind = false;
      // The figures' own arrays: a restyle has put others into the traces.
      const arrays = this.figures.flatMap(({ bones, joints }) => [bones, joints]);
      const change = {
        x: arrays.map(([x]) => Array.from(x)),
        y: arrays.map(([, y]) => Array.from(y)),
        z: arrays.map(([, , z]) => Array.from(z)),
        "marker.color": this.figures.flatMap(({ traces }) => [undefined, traces[1].marker.color]),
      };
      await window.Plotly.restyle(this.plot, change, arrays.map((_, i) => i + 1));
    }
    this.restyling = false;
  }

  // Plotly renders every object twice and reads the second image back, to know what is under the
  // pointer. `hover` computes that from the camera, so the second image is not drawn.
  dropPicking() {
    const glplot = this.inner()?.scene.glplot;
    if (!glplot?.objects?.length) return;
    for (const object of glplot.objects) object.pickSlots = 0;
    const last = glplot.objects[glplot.objects.length - 1];
    glplot.remove(last);
    glplot.add(last);
  }

  // The panel as a picture, at its own resolution.
  async image(ratio) {
    const { data, layout } = this.compose(this.viewer.frame);
    const picture = new Image();
    picture.src = await window.Plotly.toImage(
      { data, layout },
      { format: "png", width: this.width, height: this.height, scale: ratio },
    );
    await picture.decode();
    return picture;
  }

  // Screen places of points [x, y, z] in mm, CSS px of the panel.
  project(point, { scene }) {
    const { model, view, projection } = scene.glplot.cameraParams;
    const scaled = point.map((value, i) => value * scene.dataScale[i]);
    const clip = [model, view, projection].reduce(transform, [...scaled, 1]);
    return [
      ((clip[0] / clip[3] + 1) / 2) * this.width,
      ((1 - clip[1] / clip[3]) / 2) * this.height,
    ];
  }

  hover(event) {
    const inner = this.figures && this.inner();
    if (!inner || event.buttons || this.viewer.player.playing) return this.viewer.tip.hide();
    const box = this.body.getBoundingClientRect();
    const pointer = [event.clientX - box.left, event.clientY - box.top];
    let nearest = null;
    let best = REACH_PX;
    for (const { layer, joints } of this.figures) {
      for (let joint = 0; joint < layer.joint_count; joint++) {
        const point = joints.map((axis) => axis[joint]);
        const [x, y] = this.project(point, inner);
        const away = Math.hypot(x - pointer[0], y - pointer[1]);
        if (away <= best) {
          best = away;
          nearest = { layer, joint, point };
        }
      }
    }
    if (!nearest) return this.viewer.tip.hide();
    const { layer, joint, point } = nearest;
    const lines = [layer.joints[joint]];
    const error = this.viewer.errorText(layer, joint);
    if (error) lines.push(error);
    lines.push(`x ${point[0].toFixed(0)}, y ${point[1].toFixed(0)}, z ${point[2].toFixed(0)} mm`);
    if (this.figures.length > 1) lines.push(layer.title);
    this.viewer.tip.show(lines, event.clientX, event.clientY);
  }

  // Plotly trips over a scene that is taken away while it is drawn.
  async dispose() {
    await this.rendering?.catch(() => null);
    window.Plotly?.purge(this.plot);
  }
}

// Plotly takes every touch for a turn, so a finger on a scene could not scroll a phone's page. A
// gesture that starts upright is left to the page; one that starts sideways turns the scene.
function letSwipesScroll(body) {
  let start = null;
  let turns = false;
  body.addEventListener(
    "touchstart",
    (event) => {
      const [touch] = event.touches;
      start = { x: touch.clientX, y: touch.clientY };
      turns = event.touches.length > 1;
    },
    { capture: true, passive: true },
  );
  body.addEventListener(
    "touchmove",
    (event) => {
      const [touch] = event.touches;
      const [across, along] = [touch.clientX - start.x, touch.clientY - start.y].map(Math.abs);
      turns ||= across > 4 && across > along;
      if (!turns) event.stopPropagation();
    },
    { capture: true, passive: true },
  );
}

function transform(vector, matrix) {
  return [0, 1, 2, 3].map((row) =>
    vector.reduce((sum, value, column) => sum + matrix[4 * column + row] * value, 0),
  );
}

// A box of fixed size around the figures. In camera space it is the same for every sequence, so
// people of different recordings stand at one scale; it grows only where they leave it.
function roomOf(stage) {
  const [low, high] = stage.box ?? [[0, 0, 0], [0, 0, 0]];
  const walks = stage.space === "world";
  const middle = walks ? [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2] : [0, 0];
  const spread = Math.max(...[0, 1].flatMap((i) => [high[i] - middle[i], middle[i] - low[i]]));
  const reach = Math.max(ROOM_MM.side, spread + 300);
  // The box's middle is what the camera looks at, so it grows up and down alike.
  const centre = stage.floor + (ROOM_MM.above - ROOM_MM.below) / 2;
  const half = Math.max(
    (ROOM_MM.above + ROOM_MM.below) / 2,
    high[2] - centre + 100,
    centre - low[2] + 100,
  );
  return {
    low: [middle[0] - reach, middle[1] - reach, centre - half],
    high: [middle[0] + reach, middle[1] + reach, centre + half],
    // A walk is seen whole, from end to end.
    unit: walks ? Math.max(UNIT_MM, 2.4 * (spread + 200)) : UNIT_MM,
  };
}
