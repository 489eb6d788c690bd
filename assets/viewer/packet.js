// The packet as core/viz/packet.py wrote it: a JSON text and flat arrays.

const MISSING = -32768;
const FORMAT = 1;

function column(data, name) {
  const table = data[name];
  return table == null ? null : table.getChildAt(0).toArray();
}

class Layer {
  constructor(spec, data, index) {
    Object.assign(this, spec);
    this.joint_count = spec.joints.length;
    this.poses = { 1: this.poses_of(data, `layer${index}`, spec.scale) };
    this.poses[2] = spec.aligned
      ? this.poses_of(data, `layer${index}_aligned`, spec.aligned_scale)
      : this.poses[1];
    this.points = new Float64Array(this.joint_count * this.dimensions);
  }

  poses_of(data, name, scale) {
    return {
      centres: column(data, `${name}_centres`),
      offsets: column(data, `${name}_offsets`),
      scale,
    };
  }

  // Coordinates of one frame, joint after joint; NaN where a joint is missing. The array is
  // reused by the next call.
  at(frame, protocol) {
    const { centres, offsets, scale } = this.poses[protocol];
    const { points, dimensions } = this;
    const start = frame * points.length;
    const centre = frame * dimensions;
    for (let i = 0; i < points.length; i++) {
      const offset = offsets[start + i];
      points[i] =
        offset === MISSING ? NaN : centres[centre + (i % dimensions)] + offset * scale;
    }
    return points;
  }
}

// As core/metrics.py counts: a frame in which a joint is missing has no mean, and the sequence's
// is over the frames that have one.
function frameMeans(values, joints) {
  const sums = new Float64Array(values.length / joints);
  for (let i = 0; i < values.length; i++) sums[Math.floor(i / joints)] += values[i];
  return sums.map((sum) => sum / joints);
}

function meanOf(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

function medianOf(values) {
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  if (!known.length) return NaN;
  const middle = known.length >> 1;
  return known.length % 2 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
}

class Errors {
  constructor(spec, data, index) {
    Object.assign(this, spec);
    this.joint_count = spec.joints.length;
    this.by_protocol = {};
    for (const protocol of spec.protocols) {
      const values = column(data, `errors${index}_${protocol}`);
      const means = frameMeans(values, this.joint_count);
      this.by_protocol[protocol] = {
        values,
        means,
        mean: meanOf(means),
        median: medianOf(means),
      };
    }
  }

  under(protocol) {
    return this.by_protocol[protocol] ?? this.by_protocol[1];
  }

  worstFrame(protocol) {
    const { means } = this.under(protocol);
    let worst = 0;
    for (let f = 1; f < means.length; f++) {
      if (means[f] > means[worst] || Number.isNaN(means[worst])) worst = f;
    }
    return worst;
  }
}

export class Packet {
  constructor(data) {
    const spec = JSON.parse(data.spec);
    if (spec.format !== FORMAT) {
      throw new Error(`the viewer reads packets of format ${FORMAT}, not ${spec.format}`);
    }
    Object.assign(this, spec);
    this.layers = spec.layers.map((layer, i) => new Layer(layer, data, i));
    this.errors = spec.errors.map((errors, i) => new Errors(errors, data, i));
    this.panels = spec.panels.map((panel, i) => ({
      ...panel,
      layers: panel.layers.map((id) => this.layer(id)),
      overlay: (panel.overlay ?? []).map((id) => this.layer(id)),
      encoded: panel.pictures
        ? { bytes: column(data, `pictures${i}`), ends: column(data, `pictures${i}_ends`) }
        : null,
    }));
  }

  layer(id) {
    return this.layers.find((layer) => layer.id === id);
  }

  errorsOf(id) {
    return this.errors.find((errors) => errors.id === id) ?? null;
  }
}

export function millimetres(value) {
  return Number.isNaN(value) ? "–" : value.toFixed(1);
}
