/** Pictures of codes: a face, a voice, or a fingerprint for channels without telling names. */

import { css, mix } from "./colours.js";
import { clamp, sized } from "./dom.js";

/** @import { Theme } from "./colours.js" */
/** @import { CodeBook, Look } from "./data.js" */
/** @import { FacePart } from "./records.js" */

/** @typedef {[number, number]} Point */
/** @typedef {Record<string, number>} Activation from -1 to 1 for each thing that can be drawn */

/**
 * Move the curves of the face; the same as `face_curves` in pictures.py.
 *
 * @param {FacePart[]} parts
 * @param {Activation} activation
 */
export function faceCurves(parts, activation) {
  const a = (/** @type {string} */ name) => activation[name] ?? 0;
  const turn = 0.22 * a("roll");
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return parts.map((part) => {
    const [sx, sy] = part.kind === "head" ? [0, 0] : [0.15 * a("yaw"), 0.16 * a("pitch")];
    const points = movedPoints(part, activation).map(([x, y]) => {
      const [u, v] = [x + sx, y + sy];
      return /** @type {Point} */ ([u * cos - v * sin, u * sin + v * cos]);
    });
    return { part, points, opacity: part.shows ? Math.max(...part.shows.map(a)) : 1 };
  });
}

/**
 * Where the pupil of an eye is; the same as `pupil` in pictures.py.
 *
 * @param {FacePart} part
 * @param {Point[]} eye its outline
 * @param {Activation} activation
 */
export function pupilOf({ gaze = {} }, eye, activation) {
  const at = (/** @type {0 | 1} */ j) =>
    Object.entries(gaze).reduce(
      (sum, [name, move]) => sum + (activation[name] ?? 0) * move[j],
      eye.reduce((sum, point) => sum + point[j], 0) / eye.length,
    );
  return /** @type {Point} */ ([at(0), at(1)]);
}

/** @param {FacePart} part @param {Activation} activation */
function movedPoints(part, activation) {
  const points = part.points.map(([x, y]) => /** @type {Point} */ ([x, y]));
  for (const [unit, moves] of Object.entries(part.moves)) {
    for (const [i, [dx, dy]] of Object.entries(moves)) {
      points[Number(i)][0] += (activation[unit] ?? 0) * dx;
      points[Number(i)][1] += (activation[unit] ?? 0) * dy;
    }
  }
  return points;
}

const PULSES = [0.07, 0.24, 0.32, 0.55, 0.71, 0.78, 0.95];

/**
 * The voice as a curve; the same as `wave` in pictures.py.
 *
 * @param {Activation} activation
 * @param {number} n points
 */
export function wave(activation, n = 72) {
  const a = (/** @type {string} */ name) => activation[name] ?? 0;
  const height = 0.55 * 1.6 ** a("energy");
  const cycles = 4 * 1.9 ** a("pitch");
  const share = clamp(1 + a("voicing"), 0, 1);
  return Array.from({ length: n }, (_, i) => {
    const t = i / (n - 1);
    const smooth = Math.sin(2 * Math.PI * cycles * t);
    let pulses = -0.25;
    for (const at of PULSES) pulses += 1.3 * Math.exp(-(((t - at) / 0.022) ** 2));
    const noise = 0.35 * Math.sin(997 * t) * Math.sin(331 * t + 1);
    const voiced = (1 - a("creak")) * smooth + a("creak") * pulses;
    const edge = Math.min(1, 9 * Math.min(t, 1 - t));
    const y = edge * height * (share * voiced + (1 - share) * noise);
    return /** @type {Point} */ ([2 * t - 1, clamp(-y, -1, 1)]);
  });
}

/**
 * A sheet to draw one code on, as large as its canvas.
 *
 * @typedef {object} Sheet
 * @property {CanvasRenderingContext2D} context
 * @property {number} centre in pixels, across and down
 * @property {number} size of the picture, in pixels
 * @property {Theme} theme
 * @property {string} tint of the skin
 */

/** @param {Sheet} sheet @param {Point[]} points from -1 to 1 */
function onSheet({ centre, size }, points) {
  return points.map(
    ([u, v]) => /** @type {Point} */ ([centre + (u * size) / 2, centre + (v * size) / 2]),
  );
}

/** @param {Sheet} sheet */
const lineWidth = ({ size }) => Math.max(size / 34, 0.9);

/**
 * Trace a smooth curve through points (Catmull-Rom, as Bézier curves).
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 * @param {boolean} closed
 */
function trace(context, points, closed) {
  const n = points.length;
  const at = (/** @type {number} */ i) =>
    closed ? points[(i + n) % n] : points[clamp(i, 0, n - 1)];
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 0; i < (closed ? n : n - 1); i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    context.bezierCurveTo(
      ...[p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6],
      ...[p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6],
      ...p2,
    );
  }
  if (closed) context.closePath();
}

/** @param {Sheet} sheet @param {FacePart[]} parts @param {Activation} activation */
function drawFace(sheet, parts, activation) {
  for (const { part, points, opacity } of faceCurves(parts, activation)) {
    if (opacity <= 0) continue;
    const { kind } = part;
    drawPart(sheet, kind, onSheet(sheet, points), opacity);
    if (kind === "eye") drawPupil(sheet, points, pupilOf(part, points, activation));
  }
}

/** @param {Sheet} sheet @param {string} kind @param {Point[]} points @param {number} opacity */
function drawPart(sheet, kind, points, opacity) {
  const { context, tint, theme } = sheet;
  context.globalAlpha = opacity;
  context.lineWidth = (kind === "brow" ? 1.8 : 1) * lineWidth(sheet);
  trace(context, points, ["head", "eye", "mouth"].includes(kind));
  if (kind === "head") fill(context, tint);
  if (kind === "eye") fill(context, theme.paper);
  if (kind === "mouth") fill(context, theme.ink);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {string} colour */
function fill(context, colour) {
  context.fillStyle = colour;
  context.fill();
}

/** @param {Sheet} sheet @param {Point[]} eye @param {Point} pupil */
function drawPupil(sheet, eye, pupil) {
  const { context, size, theme } = sheet;
  const [[x, y]] = onSheet(sheet, [pupil]);
  context.save();
  context.clip(); // lids cover the pupil
  context.beginPath();
  context.arc(x, y, 0.0425 * size, 0, 2 * Math.PI);
  fill(context, theme.ink);
  context.restore();
  trace(context, onSheet(sheet, eye), true);
  context.stroke();
}

/** @param {Sheet} sheet @param {Activation} activation */
function drawVoice(sheet, activation) {
  sheet.context.lineWidth = lineWidth(sheet) * 1.15 * 1.7 ** -(activation.breath ?? 0);
  trace(sheet.context, onSheet(sheet, wave(activation)), false);
  sheet.context.stroke();
}

/**
 * Draw channel values as bars, up and down from the mean.
 *
 * @param {Sheet} sheet
 * @param {Float32Array} z
 */
function drawFingerprint({ context, centre, size, theme }, z) {
  const bars = Math.min(z.length, 20);
  const width = size / bars;
  context.fillStyle = theme.ink;
  for (let i = 0; i < bars; i++) {
    let peak = 0;
    for (let j = Math.floor((i * z.length) / bars); j < ((i + 1) * z.length) / bars; j++) {
      if (Math.abs(z[j]) > Math.abs(peak)) peak = z[j];
    }
    const height = (clamp(peak, -3, 3) / 3) * (size / 2);
    context.fillRect(centre - size / 2 + i * width, centre, Math.max(width - 0.5, 0.5), -height);
  }
}

/** Draws codes in the colours of a theme, and keeps the small pictures that recur. */
export class Pictures {
  /** @type {Map<CodeBook, Map<string, HTMLCanvasElement>>} */
  #glyphs = new Map();

  /** @param {FacePart[]} face @param {Theme} theme */
  constructor(face, theme) {
    this.face = face;
    this.theme = theme;
  }

  /**
   * The colour of a code: towards that of the segments in which it is more frequent.
   *
   * @param {CodeBook} book
   * @param {number} code
   */
  tint(book, code) {
    const about = book.codes[code]; // padding has no profile
    const lean = about ? clamp(about.lean / 0.4, -1, 1) : 0;
    const strong = lean < 0 ? this.theme.negative : this.theme.positive;
    return css(mix([this.theme.paper, strong], Math.abs(lean) * 0.3));
  }

  /**
   * Draw a code large, or a frame in the tint of its code.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {number} box side of the canvas
   * @param {CodeBook} book
   * @param {number} code
   * @param {Look} look
   */
  portrait(canvas, box, book, code, look = book.looks[code]) {
    this.#draw(canvas, box, box - 6, look, book, code);
  }

  /**
   * Return a code's small picture.
   *
   * @param {CodeBook} book
   * @param {number} code
   * @param {number} size
   */
  glyph(book, code, size) {
    const drawn = this.#glyphs.get(book) ?? new Map();
    this.#glyphs.set(book, drawn);
    const key = `${code} ${size}`;
    if (!drawn.has(key)) {
      const canvas = document.createElement("canvas");
      this.#draw(canvas, size, size - 2, book.looks[code], book, code);
      drawn.set(key, canvas);
    }
    return /** @type {HTMLCanvasElement} */ (drawn.get(key));
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} box
   * @param {number} size
   * @param {Look} look
   * @param {CodeBook} book
   * @param {number} code
   */
  #draw(canvas, box, size, look, book, code) {
    const { face, theme } = this;
    const context = sized(canvas, box, box);
    const sheet = { context, centre: box / 2, size, theme, tint: this.tint(book, code) };
    context.save();
    context.lineCap = "round";
    context.lineJoin = "round";
    context.strokeStyle = theme.ink;
    if (!look.activation) drawFingerprint(sheet, look.z);
    else if (book.stream === "acoustic") drawVoice(sheet, look.activation);
    else drawFace(sheet, face, look.activation);
    context.restore();
  }
}
