// Plays by the clock: the frame is where the data is at this moment, so a slow machine skips
// frames and keeps the pace.

export class Player {
  constructor(viewer) {
    this.viewer = viewer;
    this.playing = false;
    this.speed = 1;
    this.loop = true;
    this.script = [];
    this.drawn = 0;
    // A hidden page gets no animation frames; it goes on from where it was left.
    this.onvisibility = () => this.rebase();
    document.addEventListener("visibilitychange", this.onvisibility);
  }

  play() {
    const { packet } = this.viewer;
    if (this.playing || packet.frames < 2) return;
    if (!this.loop && this.viewer.frame >= packet.frames - 1) this.viewer.drawFrame(0);
    this.playing = true;
    this.rebase();
    this.request = requestAnimationFrame(() => this.tick());
    this.viewer.playingChanged();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.viewer.playingChanged();
    this.viewer.report();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  rebase() {
    this.start = { frame: this.viewer.frame, time: performance.now() };
  }

  setSpeed(speed) {
    this.speed = speed;
    this.rebase();
  }

  // The time of the call, not the animation frame's stamp, which can lie before `start`.
  due() {
    const seconds = Math.max(0, performance.now() - this.start.time) / 1000;
    return this.start.frame + Math.floor(seconds * this.viewer.packet.fps * this.speed);
  }

  tick() {
    if (!this.playing) return;
    this.request = requestAnimationFrame(() => this.tick());
    const { frames } = this.viewer.packet;
    let frame = this.due();
    if (frame >= frames && !this.loop) {
      this.viewer.drawFrame(frames - 1);
      this.pause();
      return;
    }
    frame %= frames;
    if (frame === this.viewer.frame) return;
    const before = performance.now();
    this.viewer.drawFrame(frame);
    this.drawn += 1;
    this.script.push(performance.now() - before);
    if (this.script.length > 600) this.script.shift();
  }

  dispose() {
    this.playing = false;
    cancelAnimationFrame(this.request);
    document.removeEventListener("visibilitychange", this.onvisibility);
  }
}
