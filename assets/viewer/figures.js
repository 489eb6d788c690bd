// What a 3D scene consists of: floor and figures as Plotly traces, and their arrays by frame.

import { mix } from "./colors.js";

const GRID_MM = 500;
// Above the floor by a hair, so that the two do not flicker through each other.
const SHADOW_LIFT_MM = 4;

// The floor's grid as one line with gaps: one trace, drawn once.
export function floorTrace(stage, size, theme) {
  const x = [];
  const y = [];
  const [left, right] = [size.low[0], size.high[0]].map((v) => Math.round(v / GRID_MM) * GRID_MM);
  const [near, far] = [size.low[1], size.high[1]].map((v) => Math.round(v / GRID_MM) * GRID_MM);
  for (let at = left; at <= right; at += GRID_MM) {
    x.push(at, at, NaN);
    y.push(near, far, NaN);
  }
  for (let at = near; at <= far; at += GRID_MM) {
    x.push(left, right, NaN);
    y.push(at, at, NaN);
  }
  return {
    type: "scatter3d",
    mode: "lines",
    x,
    y,
    z: x.map(() => stage.floor),
    line: { width: 1, color: theme.grid },
    hoverinfo: "skip",
  };
}

// One figure: a trace of bones with their shadow, a trace of joints.
export class Figure {
  constructor(layer, { ghost, stage, style, theme, scale, shrink }) {
    this.layer = layer;
    this.floor = stage.floor + SHADOW_LIFT_MM;
    this.theme = theme;
    this.scale = scale;
    const look = ghost ? style.ghost : style.bones[layer.role];
    const tone = (side) => mix(style.sides[side], theme.background, look.opacity);
    this.sideColors = layer.sides.map(tone);
    const vertices = layer.bones.length * 3;
    this.shadowed = !ghost;
    const length = this.shadowed ? vertices * 2 : vertices;
    this.bones = [0, 1, 2].map(() => new Float64Array(length).fill(NaN));
    this.joints = [0, 1, 2].map(() => new Float64Array(layer.joint_count));
    const colors = layer.bone_sides.flatMap((side) => Array(3).fill(tone(side)));
    this.traces = [
      {
        type: "scatter3d",
        mode: "lines",
        line: {
          width: look.width * shrink,
          color: this.shadowed ? [...colors, ...colors.map(() => theme.shadow)] : colors,
        },
        hoverinfo: "skip",
        connectgaps: false,
      },
      {
        type: "scatter3d",
        mode: "markers",
        marker: {
          size: look.joint * shrink,
          color: this.sideColors,
          opacity: 1,
          line: { width: ghost ? 0 : 1, color: theme.background },
        },
        hoverinfo: "skip",
      },
    ];
    this.fill();
  }

  // Hands the arrays to the traces; they are changed in place afterwards.
  fill(target = this.traces) {
    [this.bones, this.joints].forEach((arrays, i) => {
      [target[i].x, target[i].y, target[i].z] = arrays;
    });
  }

  move(frame, protocol) {
    const { layer, bones, joints } = this;
    const points = layer.at(frame, protocol);
    for (let joint = 0; joint < layer.joint_count; joint++) {
      for (let axis = 0; axis < 3; axis++) joints[axis][joint] = points[3 * joint + axis];
    }
    const shadows = layer.bones.length * 3;
    layer.bones.forEach(([parent, child], bone) => {
      for (let axis = 0; axis < 3; axis++) {
        bones[axis][3 * bone] = joints[axis][parent];
        bones[axis][3 * bone + 1] = joints[axis][child];
        if (this.shadowed) {
          const flat = axis === 2;
          bones[axis][shadows + 3 * bone] = flat ? this.floor : joints[axis][parent];
          bones[axis][shadows + 3 * bone + 1] = flat ? this.floor : joints[axis][child];
        }
      }
    });
  }

  colors(errors, frame) {
    if (!errors) return this.sideColors;
    const start = frame * this.layer.joint_count;
    return this.sideColors.map((_, joint) =>
      this.scale.color(errors[start + joint], this.theme.muted),
    );
  }
}
