// The pictures behind the 2D panel: decoded when they are needed, a bounded number kept.

const KEPT = 40;
const AHEAD = 6;
const AT_ONCE = 3;

export class Pictures {
  constructor({ bytes, ends }, onready) {
    this.bytes = bytes;
    this.ends = ends;
    this.onready = onready;
    this.decoded = new Map();
    this.pending = new Set();
    this.frame = 0;
    this.latest = null;
  }

  // The picture of a frame, or the one shown last until it is decoded, which is a blink.
  at(frame) {
    this.frame = frame;
    this.request();
    const bitmap = this.decoded.get(frame);
    if (bitmap) {
      this.decoded.delete(frame);
      this.decoded.set(frame, bitmap);
      this.latest = bitmap;
    }
    return this.latest;
  }

  request() {
    const last = Math.min(this.frame + AHEAD, this.ends.length - 1);
    for (let f = this.frame; f <= last && this.pending.size < AT_ONCE; f++) {
      if (!this.decoded.has(f) && !this.pending.has(f)) this.decode(f);
    }
  }

  async decode(frame) {
    this.pending.add(frame);
    const start = frame ? this.ends[frame - 1] : 0;
    try {
      const bitmap = await createImageBitmap(new Blob([this.bytes.slice(start, this.ends[frame])]));
      if (this.disposed) return bitmap.close();
      this.decoded.set(frame, bitmap);
      this.forget();
      if (frame === this.frame) this.onready();
    } catch {
      // A picture that no browser can decode is a gap; the joints are drawn without it.
      this.decoded.set(frame, null);
    } finally {
      this.pending.delete(frame);
      if (!this.disposed) this.request();
    }
  }

  forget() {
    for (const [frame, bitmap] of this.decoded) {
      if (this.decoded.size <= KEPT) return;
      if (bitmap === this.latest || frame === this.frame) continue;
      this.decoded.delete(frame);
      bitmap?.close();
    }
  }

  dispose() {
    this.disposed = true;
    for (const bitmap of this.decoded.values()) bitmap?.close();
    this.decoded.clear();
    this.latest = null;
  }
}
