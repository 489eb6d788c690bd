// One viewpoint for all scenes: turning one turns the others, and nothing else ever does.

const DISTANCE = 1.5;
const ELEVATION = (10 * Math.PI) / 180;
const SETTLE_MS = 400;

function aroundUp({ x, y, z }, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return { x: x * c - y * s, y: x * s + y * c, z };
}

function turned(camera, angle) {
  if (!angle) return camera;
  const { eye, center, up } = camera;
  return {
    ...camera,
    eye: aroundUp(eye, angle),
    center: aroundUp(center, angle),
    up: aroundUp(up, angle),
  };
}

export class Cameras {
  constructor(viewer) {
    this.viewer = viewer;
    this.name = "front";
    this.camera = null;
  }

  // Watches a scene's pointer and wheel; `plotly_relayouting` lags behind the hand.
  watch(panel) {
    const follow = () => this.follow(panel);
    panel.body.addEventListener("pointerdown", () => {
      this.held = true;
      follow();
    });
    panel.body.addEventListener("wheel", follow, { passive: true });
  }

  release() {
    this.held = false;
    this.until = performance.now() + SETTLE_MS;
  }

  follow(panel) {
    this.until = performance.now() + SETTLE_MS;
    this.leader = panel;
    if (this.following) return;
    this.following = true;
    const step = () => {
      if (this.viewer.disposed) return;
      this.copyFrom(this.leader);
      if (this.held || performance.now() < this.until) requestAnimationFrame(step);
      else this.following = false;
    };
    requestAnimationFrame(step);
  }

  copyFrom(panel) {
    const scene = panel.plot._fullLayout?.scene?._scene;
    if (typeof scene?.getCamera !== "function") return;
    const seen = scene.getCamera();
    const known = JSON.stringify(seen);
    if (known === panel.seenFrom) return;
    panel.seenFrom = known;
    this.camera = turned(seen, -panel.turn);
    this.name = null;
    this.viewer.viewChanged();
    for (const other of this.viewer.scenes) {
      if (other !== panel) this.apply(other);
    }
  }

  apply(panel) {
    const full = panel.plot._fullLayout?.scene;
    if (!full || !this.camera) return;
    const camera = this.cameraOf(panel);
    panel.seenFrom = JSON.stringify(camera);
    // Kept in the layouts too: Plotly goes back to those whenever it draws the scene anew.
    full.camera = structuredClone(camera);
    panel.plot.layout.scene.camera = structuredClone(camera);
    const { aspectmode, aspectratio } = full;
    if (typeof full._scene?.setViewport === "function") {
      full._scene.setViewport({ camera, aspectmode, aspectratio });
    } else {
      window.Plotly.relayout(panel.plot, { "scene.camera": camera });
    }
  }

  // The viewpoint of one scene: the common one, turned where the scene shows another side.
  cameraOf(panel) {
    return this.camera && turned(this.camera, panel.turn);
  }

  // "front" is as the camera saw the person, "side" from its right, "top" from above.
  look(name) {
    const [fx, fy] = this.viewer.packet.stage?.front ?? [0, 1];
    const flat = Math.cos(ELEVATION) * DISTANCE;
    const rise = Math.sin(ELEVATION) * DISTANCE;
    const eye = {
      front: { x: -fx * flat, y: -fy * flat, z: rise },
      side: { x: fy * flat, y: -fx * flat, z: rise },
      // Not quite overhead, where a turntable would not know its heading.
      top: { x: -fx * 0.01, y: -fy * 0.01, z: DISTANCE },
    }[name];
    this.name = name;
    this.camera = {
      eye,
      center: { x: 0, y: 0, z: 0 },
      up: { x: 0, y: 0, z: 1 },
      projection: { type: "perspective" },
    };
    for (const panel of this.viewer.scenes) this.apply(panel);
    this.viewer.viewChanged();
  }

  // Turns the viewpoint as one heading turns into another; distance and height stay.
  turn(from, to) {
    if (!this.camera || !from || !to) return;
    const angle = Math.atan2(to[1], to[0]) - Math.atan2(from[1], from[0]);
    this.camera.eye = aroundUp(this.camera.eye, angle);
    for (const panel of this.viewer.scenes) this.apply(panel);
  }
}
