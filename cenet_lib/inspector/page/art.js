/** Pictures of codes: a face or a voice, and bars of the channels that set codes apart. */

import { css, mix } from "./colours.js";
import { clamp, sized } from "./dom.js";
import { pixelRatio } from "./paper.js";

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
 * @property {Brush} context
 * @property {Point} centre in pixels
 * @property {number} size of the whole picture, in pixels
 * @property {Place} place of a face or a voice on it
 * @property {Theme} theme
 *
 * @typedef {CanvasRenderingContext2D} Brush what draws: a canvas, or what writes it down
 * @typedef {{ wide: number, scale: number, aside: number, shift: number }} Place on a square from
 *   -1 to 1: how large across and down, and how far from the middle
 */

/**
 * Share a square from -1 to 1 among a picture and the bars below it, as `layout` in pictures.py
 * does.
 *
 * @param {string} stream
 * @param {boolean} drawn is there a face or a voice
 * @param {number} nBars
 */
export function layoutOf(stream, drawn, nBars) {
  const place = { wide: 1, scale: 1, aside: 0, shift: 0 };
  if (!drawn) return { place, lane: { middle: 0, longest: 1 } };
  if (stream === "acoustic") {
    const voice = { ...place, wide: 0.82, aside: -0.18 }; // room for an arrow to its right
    if (!nBars) return { place: voice, lane: null };
    const lane = { middle: 0.6, longest: 0.4 };
    return { place: { ...voice, scale: 0.6, shift: -0.4 }, lane };
  }
  // A dropped jaw reaches down to 1.18, so a face is a little smaller than its square.
  if (!nBars) return { place: { wide: 0.91, scale: 0.91, aside: 0, shift: -0.09 }, lane: null };
  const face = { wide: 0.74, scale: 0.74, aside: 0, shift: -0.26 };
  return { place: face, lane: { middle: 0.8, longest: 0.2 } };
}

/** @param {Sheet} sheet @param {Point[]} points from -1 to 1 */
function onSheet({ centre: [x, y], size, place }, points) {
  return points.map(
    ([u, v]) =>
      /** @type {Point} */ ([
        x + ((u * place.wide + place.aside) * size) / 2,
        y + ((v * place.scale + place.shift) * size) / 2,
      ]),
  );
}

/** @param {Sheet} sheet */
const lineWidth = ({ size }) => Math.max(size / 34, 0.9);

/**
 * Trace a smooth curve through points (Catmull-Rom, as Bézier curves).
 *
 * @param {Brush} context
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
  const { context, theme } = sheet;
  context.globalAlpha = opacity;
  context.lineWidth = (kind === "brow" ? 1.8 : 1) * lineWidth(sheet);
  trace(context, points, ["head", "eye", "mouth"].includes(kind));
  if (kind === "head" || kind === "eye") fill(context, theme.paper);
  if (kind === "mouth") fill(context, theme.ink);
  context.stroke();
}

/** @param {Brush} context @param {string} colour */
function fill(context, colour) {
  context.fillStyle = colour;
  context.fill();
}

/** @param {Sheet} sheet @param {Point[]} eye @param {Point} pupil */
function drawPupil(sheet, eye, pupil) {
  const { context, size, place, theme } = sheet;
  const [[x, y]] = onSheet(sheet, [pupil]);
  context.save();
  context.clip(); // lids cover the pupil
  context.beginPath();
  context.arc(x, y, 0.0425 * size * place.scale, 0, 2 * Math.PI);
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

const LONGEST_BAR = 3; // standard deviations; beyond, bars are cut

/** From -1 to 1, by the square root; the same as `bar_heights` in pictures.py. @param {number} z */
export const heightOf = (z) => Math.sign(z) * Math.sqrt(Math.min(Math.abs(z) / LONGEST_BAR, 1));

/**
 * Draw values as bars, up and down from a line in the middle.
 *
 * @param {Sheet} sheet
 * @param {Float32Array} bars in standard deviations
 * @param {{ middle: number, longest: number }} lane on a square from -1 to 1
 */
function drawBars({ context, centre: [x, y], size, theme }, bars, { middle, longest }) {
  const step = size / bars.length;
  const base = y + (middle * size) / 2;
  context.fillStyle = theme.ink;
  bars.forEach((value, i) => {
    const height = (heightOf(value) * longest * size) / 2;
    const left = x - size / 2 + (i + 0.15) * step;
    context.fillRect(left, Math.min(base, base - height), 0.7 * step, Math.abs(height));
  });
  context.fillStyle = theme.muted;
  context.fillRect(x - size / 2, base - 0.25, size, 0.5);
}

const LEAST_LEAN = 0.08; // codes below are as frequent in negative as in positive segments

/**
 * Mark beside a picture where a code is more frequent: an arrow up in positive segments, one down
 * in negative ones. It says so by its shape as well as by its colour.
 *
 * @param {Sheet} sheet
 * @param {number} lean in [-1, 1]
 */
function drawLean({ context, centre: [x, y], size, theme }, lean) {
  if (Math.abs(lean) < LEAST_LEAN) return;
  const [half, reach] = [0.085 * size, (0.09 + 0.09 * Math.min(1, Math.abs(lean) / 0.4)) * size];
  const middle = x + size / 2 - half;
  const [tip, base] = lean > 0 ? [0, reach] : [reach, 0];
  context.beginPath();
  context.moveTo(middle, y - size / 2 + tip);
  context.lineTo(middle - half, y - size / 2 + base);
  context.lineTo(middle + half, y - size / 2 + base);
  context.closePath();
  fill(context, lean > 0 ? theme.positive : theme.negative);
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
   * The colour of a stretch of time: towards that of the segments in which its codes are more
   * frequent.
   *
   * @param {number} lean in [-1, 1]
   */
  tint(lean) {
    const strong = lean < 0 ? this.theme.negative : this.theme.positive;
    return css(mix([this.theme.paper, strong], Math.min(1, Math.abs(lean) / 0.4) * 0.3));
  }

  /**
   * Draw a code large, or one of its frames.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {number} box side of the canvas
   * @param {CodeBook} book
   * @param {number} code
   * @param {Look} look
   */
  portrait(canvas, box, book, code, look = book.looks[code]) {
    this.#onCanvas(canvas, box, box - 6, look, book, code);
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
    const key = `${code} ${size} ${pixelRatio()}`;
    if (!drawn.has(key)) {
      const canvas = document.createElement("canvas");
      this.#onCanvas(canvas, size, size - 2, book.looks[code], book, code);
      drawn.set(key, canvas);
    }
    return /** @type {HTMLCanvasElement} */ (drawn.get(key));
  }

  /**
   * Put a code's small picture where others are drawn.
   *
   * @param {Brush} context
   * @param {CodeBook} book
   * @param {number} code
   * @param {Point} corner
   * @param {number} size
   */
  stamp(context, book, code, corner, size) {
    context.drawImage(this.glyph(book, code, size), ...corner, size, size);
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} box
   * @param {number} size
   * @param {Look} look
   * @param {CodeBook} book
   * @param {number} code
   */
  #onCanvas(canvas, box, size, look, book, code) {
    const context = sized(canvas, box, box);
    this.paint(context, [box / 2, box / 2], size, look, book, code);
  }

  /**
   * @param {Brush} context
   * @param {Point} centre
   * @param {number} size
   * @param {Look} look
   * @param {CodeBook} book
   * @param {number} code
   */
  paint(context, centre, size, look, book, code) {
    const { face, theme } = this;
    const { place, lane } = layoutOf(book.stream, look.activation !== null, look.bars.length);
    const sheet = { context, centre, size, place, theme };
    context.save();
    context.lineCap = "round";
    context.lineJoin = "round";
    context.strokeStyle = theme.ink;
    if (lane && look.bars.length) drawBars(sheet, look.bars, lane);
    if (look.activation && book.stream === "acoustic") drawVoice(sheet, look.activation);
    else if (look.activation) drawFace(sheet, face, look.activation);
    context.globalAlpha = 1;
    drawLean(sheet, leanOf(book, code));
    context.restore();
  }
}

/** Where a code is more frequent, in [-1, 1]; padding is nowhere. */
export const leanOf = (/** @type {CodeBook} */ book, /** @type {number} */ code) =>
  book.codes[code]?.lean ?? 0;
