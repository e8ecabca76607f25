/** A stream over time, painted: which code each frame is, what attention it gets, and its pictures. */

import { leanOf } from "./art.js";
import { activationOf } from "./data.js";
import { clamp, sized } from "./dom.js";
import { pixelRatio } from "./paper.js";
import { chosenIn } from "./scene.js";
import { frameInWords } from "./telling.js";
import { paintVoice } from "./voice.js";

/** @import { StreamReading } from "./data.js" */
/** @import { Plot } from "./plot.js" */
/** @import { Scene } from "./scene.js" */

/** @typedef {CanvasRenderingContext2D} Context */

/** The lanes of a strip, from its top, in pixels. */
export const LANES = { codes: 30, gap: 4, attention: 30, cues: 12, voice: 40, axis: 18 };
const SMALLEST_PICTURE = 16; // pixels
const LEAST_PARTED = 3; // narrower runs have no line between them, which would hide their colours

/** @param {HTMLCanvasElement} canvas @param {Plot} plot @param {Scene} scene */
export function drawStrip(canvas, plot, scene) {
  const { codes, gap, cues, axis } = LANES;
  const attention = laneHeight(plot);
  const marks = scene.utterance.cues[plot.stream];
  const spoken = hasVoice(scene, plot) && scene.film;
  const above = codes + gap + attention + (marks ? gap + cues : 0);
  const bottom = above + (spoken ? gap + LANES.voice : 0);
  const context = sized(canvas, plot.width, bottom + axis);
  context.textAlign = "center";
  paintCodeLane(context, plot, scene);
  if (attention && plot.data.attends) {
    paintAttentionLane(context, plot, scene, codes + gap + attention);
  }
  if (marks) paintCueLane(context, plot, scene, marks, codes + gap + attention + gap);
  if (spoken) {
    const lane = { top: above + gap, height: LANES.voice };
    paintVoice(context, plot, spoken, scene.theme, lane);
  }
  paintAxis(context, plot, scene, bottom);
  paintStretches(context, plot, scene, bottom);
  context.fillStyle = scene.theme.muted;
  context.fillRect(plot.frameX(plot.time.playhead + 0.5) - 0.5, 0, 1.5, bottom);
  if (plot.time.peek !== null) {
    context.fillStyle = scene.theme.accent;
    context.fillRect(plot.frameX(plot.time.peek + 0.5) - 0.5, 0, 1.5, bottom);
  }
  canvas.setAttribute("aria-valuenow", String(plot.frame));
  canvas.setAttribute("aria-valuetext", frameInWords(scene, plot, plot.frame));
}

/**
 * A veil over stretches that are taken away, and a box around the marked one.
 *
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {number} height
 */
function paintStretches(context, plot, { changes, theme }, height) {
  const edges = (/** @type {{ from: number, to: number }} */ { from, to }) => {
    const left = plot.frameX(from);
    return { left, width: Math.max(plot.frameX(to) - left, 2) };
  };
  for (const change of changes.list) {
    if (change.kind !== "gap" || change.stream !== plot.stream) continue;
    const { left, width } = edges(change);
    context.globalAlpha = 0.8;
    context.fillStyle = theme.paper;
    context.fillRect(left, 0, width, height);
    context.globalAlpha = 1;
  }
  if (!plot.time.mark) return;
  const { left, width } = edges(plot.time.mark);
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  context.strokeRect(left + 1, 1, Math.max(width - 2, 1), height - 2);
}

/** Several models' attention made one has no lane. @param {Plot} plot */
export const laneHeight = ({ data }) => (data.kind === "attention" ? LANES.attention : 0);

/** Whether a strip has a lane with sound and pitch. @param {Scene} scene @param {Plot} plot */
export const hasVoice = ({ film }, { stream }) => stream === "acoustic" && film?.level != null;

/**
 * Yield the stretches of frames in sight that have the same value.
 *
 * @param {Float32Array} values (n,)
 * @param {Plot} plot
 */
function* runs(values, { time, data }) {
  const last = Math.min(data.n, Math.ceil(time.to));
  for (let start = Math.max(0, Math.floor(time.from)), end = start; start < last; start = end) {
    while (end < last && values[end] === values[start]) end += 1;
    yield { value: values[start], start, end };
  }
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
function paintCodeLane(context, plot, scene) {
  const { book, codes } = plot.data;
  const { theme, pictures } = scene;
  const chosen = chosenIn(scene, plot.subject, plot.stream);
  const height = LANES.codes;
  paintLean(context, plot, scene);
  for (const { value: code, start, end } of runs(codes, plot)) {
    const [left, right] = [plot.frameX(start), plot.frameX(end)];
    if (right - left >= LEAST_PARTED) {
      context.fillStyle = theme.line;
      context.fillRect(left, 0, 0.75, height);
    }
    const size = Math.floor(Math.min(height - 4, right - left - 2));
    if (size >= SMALLEST_PICTURE) {
      const [x, y] = [(left + right - size) / 2, (height - size) / 2];
      context.drawImage(pictures.glyph(book, code, size), x, y, size, size);
    }
    if (code !== chosen) continue;
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.strokeRect(left + 1, 1, Math.max(right - left - 2, 1), height - 2);
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, plot.width - 1, height - 1);
}

/**
 * Paint the colours of the codes; one pixel column has the mean of the frames that fall into it.
 *
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 */
function paintLean(context, { data, time, width }, { pictures }) {
  const step = 1 / pixelRatio();
  const end = Math.min(width, time.xOf(data.n, width)); // another model may read more frames
  for (let x = 0; x < end; x += step) {
    const a = time.frameAt(x, width, data.n);
    const b = clamp(Math.floor(time.from + ((x + step) / width) * time.span), a + 1, data.n);
    let sum = 0;
    for (let i = a; i < b; i++) sum += leanOf(data.book, data.codes[i]);
    context.fillStyle = pictures.tint(sum / (b - a));
    context.fillRect(x, 0, step, LANES.codes);
  }
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene @param {number} base */
function paintAttentionLane(context, plot, scene, base) {
  const { data, time, width, stream } = plot;
  const rows = laneRows(scene, data);
  // Scaled to its own peak, common to the models that are compared.
  const peaks = scene.utterance.subjects.map(({ streams }) => lanePeak(scene, streams[stream]));
  const most = Math.max(1e-9, ...peaks);
  const step = 1 / pixelRatio();
  context.fillStyle = scene.theme.accent;
  for (let x = 0; x < width; x += step) {
    const a = time.frameAt(x, width, data.n);
    const b = clamp(Math.floor(time.from + ((x + step) / width) * time.span), a + 1, data.n);
    const sum = rows.reduce((total, row) => total + data.mean(row, a, b), 0);
    const height = (sum / Math.max(rows.length, 1) / most) * LANES.attention;
    if (height > 0) context.fillRect(x, base - height, step, height);
  }
  context.fillStyle = scene.theme.line;
  context.fillRect(0, base, width, 1);
}

/**
 * The rows whose attention a strip shows: the chosen one, or all words that were read.
 *
 * @param {Scene} scene
 * @param {StreamReading} data
 */
function laneRows({ row, utterance }, data) {
  if (row !== null) return [row];
  return [...utterance.words.keys()].filter((i) => !Number.isNaN(data.at(i, data.columns[0])));
}

/** @param {Scene} scene @param {StreamReading} data */
function lanePeak(scene, data) {
  if (!data.attends) return 0;
  const rows = laneRows(scene, data);
  if (!rows.length) return 0;
  const onFrame = (/** @type {number} */ code) =>
    rows.reduce((sum, row) => sum + data.at(row, code), 0) / rows.length / data.counts[code];
  return Math.max(0, ...data.columns.filter((code) => code < data.k).map(onFrame));
}

/**
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {Float32Array} marks
 * @param {number} top
 */
function paintCueLane(context, plot, { theme }, marks, top) {
  for (const { value: mark, start, end } of runs(marks, plot)) {
    if (!mark) continue;
    const [left, right] = [plot.frameX(start), plot.frameX(end)];
    context.fillStyle = mark > 0 ? theme.positive : theme.negative;
    context.fillRect(left, top, Math.max(right - left - 1, 1), LANES.cues);
    context.fillStyle = theme.paper;
    context.font = "700 11px Arial, sans-serif";
    const y = top + LANES.cues - 2;
    if (right - left > 10) context.fillText(mark > 0 ? "+" : "−", (left + right) / 2, y);
  }
}

/**
 * Paint the time in seconds, or in frames where their rate is unknown.
 *
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {number} top
 */
function paintAxis(context, plot, scene, top) {
  const { time, width } = plot;
  const { from, to, placeOf, unit } = scaleOf(plot, scene);
  const wish = (to - from) / clamp(Math.floor(width / 90), 2, 8);
  const tick = tickFor(unit ? wish : Math.max(wish, 1)); // there are no half frames
  context.fillStyle = scene.theme.muted;
  context.font = "11px Arial, sans-serif";
  for (let t = Math.ceil(from / tick) * tick; placeOf(t) < time.to && t <= to; t += tick) {
    const x = plot.frameX(placeOf(t));
    context.textAlign = x < 12 ? "left" : "center";
    if (x > width - 14) break; // its label would not fit
    context.fillText(`${+t.toFixed(2)}${unit}`, x, top + 14);
    context.fillRect(x, top + 1, 1, 3);
  }
}

/**
 * What the axis counts in: the film's seconds, which pass unevenly; seconds; or frames.
 *
 * @param {Plot} plot
 * @param {Scene} scene
 */
function scaleOf({ time, stream }, { corpus, film }) {
  const times = film?.times[stream];
  if (film && times?.length) {
    const at = (/** @type {number} */ frame) =>
      times[clamp(Math.floor(frame), 0, times.length - 1)];
    const placeOf = (/** @type {number} */ t) => film.placeOf(stream, t);
    return { from: at(time.from), to: at(time.to), placeOf, unit: " s" };
  }
  const rate = corpus.frame_rate[stream];
  const placeOf = (/** @type {number} */ t) => t * (rate || 1);
  return {
    from: time.from / (rate || 1),
    to: time.to / (rate || 1),
    placeOf,
    unit: rate ? " s" : "",
  };
}

/** The next of 1, 2, 5, 10, 20, … @param {number} wish */
function tickFor(wish) {
  const power = 10 ** Math.floor(Math.log10(wish));
  return [1, 2, 5, 10].map((m) => m * power).find((tick) => tick >= wish) || 1;
}

/**
 * Draw the frame that is shown.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Plot} plot
 * @param {Scene} scene
 */
export function drawFrame(canvas, { data, frame }, { pictures }) {
  const { book, looks } = data;
  const code = data.codes[frame];
  const own = looks && book.art.length ? activationOf(book.art, looks, frame) : null;
  const look = own ? { ...book.looks[code], activation: own } : book.looks[code];
  pictures.portrait(canvas, 84, book, code, look);
}
