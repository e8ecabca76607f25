/** The heat maps, painted: words by codes, or words by frames over time. */

import { channelsOf, css, differenceColour, inkOn, rampColour, stepBack } from "./colours.js";
import { clamp, contextOf, counted, h, quoted, short, signed, sized } from "./dom.js";
import { pixelRatio } from "./paper.js";
import { STREAMS } from "./records.js";
import { chosenIn, effectOf, isTaken, rowName } from "./scene.js";

/** @import { Rgb } from "./colours.js" */
/** @import { Plot } from "./plot.js" */
/** @import { Effects, Scene } from "./scene.js" */

/** @typedef {CanvasRenderingContext2D} Context */

const EFFECT_ROOM = 42; // pixels for the bars of what codes add to the prediction
const LONGEST_EFFECT = 14;

/**
 * Paint what stands above the columns: the codes' pictures, numbers and effects.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Plot} plot
 * @param {Scene} scene
 */
export function drawHead(canvas, plot, scene) {
  paintHead(sized(canvas, plot.width, headHeight(plot, scene)), plot, scene);
}

/** @param {Plot} plot @param {Scene} scene */
export const headHeight = (plot, scene) =>
  plot.head.effect + (hasEffects(scene, plot) ? EFFECT_ROOM : 0) + 4;

/** Whether bars of effects stand above the map: those of one model. @param {Scene} scene @param {Plot} plot */
export const hasEffects = ({ effects }, { data }) => effects !== null && data.kind === "attention";

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
export function paintHead(context, plot, scene) {
  const { data, columnWidth, head } = plot;
  const height = headHeight(plot, scene);
  const chosen = chosenIn(scene, plot.subject, plot.stream);
  context.textAlign = "center";
  data.columns.forEach((code, i) => {
    if (code === chosen) {
      context.fillStyle = scene.theme.soft;
      context.fillRect(i * columnWidth, 0, columnWidth, height);
    }
    if (scene.film && data.n && code === data.codes[plot.frame]) {
      context.fillStyle = scene.theme.accent; // where the film is
      context.fillRect(i * columnWidth + 1, height - 4, columnWidth - 2, 3);
    }
    drawColumnName(context, plot, scene, i);
    drawEffect(context, plot, scene, code, (i + 0.5) * columnWidth);
    if (isTaken(scene, plot.subject, plot.stream, code)) {
      context.globalAlpha = 0.75;
      context.fillStyle = scene.theme.paper;
      context.fillRect(i * columnWidth, 0, columnWidth, height);
      context.globalAlpha = 1;
    }
  });
  if (hasEffects(scene, plot)) {
    context.fillStyle = scene.theme.line;
    context.fillRect(0, head.effect + 19, plot.columnsWidth, 1);
  }
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene @param {number} column */
function drawColumnName(context, plot, scene, column) {
  const { data, columnWidth, head } = plot;
  const { theme } = scene;
  const code = data.columns[column];
  const middle = (column + 0.5) * columnWidth;
  const top = (column % head.levels) * head.step;
  const number = top + head.number + 11;
  if (column % head.levels < head.levels - 1) {
    context.fillStyle = theme.line;
    context.fillRect(middle - 0.5, number + 3, 1, head.effect - number - 3); // to its column
  }
  if (code < data.k && head.pictured) {
    scene.pictures.stamp(context, data.book, code, [middle - head.size / 2, top], head.size);
  }
  if (head.levels * columnWidth < 13) return;
  const on = code === chosenIn(scene, plot.subject, plot.stream);
  context.fillStyle = on ? theme.ink : theme.muted;
  context.font = `${on ? "650 " : ""}${head.pictured ? 12 : 10}px Arial, sans-serif`;
  context.fillText(code === data.k ? "pad" : String(code), middle, number);
}

/**
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {number} code
 * @param {number} middle
 */
function drawEffect(context, plot, scene, code, middle) {
  const { columnWidth, head } = plot;
  const effect = effectOf(scene, plot.subject, plot.stream, code);
  if (effect === null || !scene.effects || !hasEffects(scene, plot)) return;
  const base = head.effect + 19;
  const half = Math.min(7, columnWidth / 3);
  const length = (effect / strongest(scene.effects)) * LONGEST_EFFECT;
  context.fillStyle = effect < 0 ? scene.theme.negative : scene.theme.positive;
  context.fillRect(middle - half, base, 2 * half, -length);
  if (columnWidth >= 28 && Math.abs(effect) >= 0.005) {
    context.font = "11px Arial, sans-serif";
    const text = (effect < 0 ? "−" : "+") + short(Math.abs(effect));
    context.fillText(text, middle, effect < 0 ? base - 4 : base + 12);
  }
}

/** @param {Effects} effects */
function strongest(effects) {
  const all = effects.flatMap((subject) =>
    STREAMS.flatMap((stream) => Object.values(subject[stream].effects).map(Math.abs)),
  );
  return Math.max(0.02, ...all);
}

/**
 * Paint a map, with what is chosen, the film's frame and the keyboard's cell.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {boolean} focused
 */
export function drawMap(canvas, plot, scene, focused) {
  const { data, mapHeight } = plot;
  const context = sized(canvas, plot.width, mapHeight);
  paintMap(context, plot, scene);
  if (plot.frames) {
    context.fillStyle = scene.theme.ink;
    context.fillRect(plot.frameX(plot.time.playhead + 0.5) - 0.5, 0, 1, mapHeight);
  }
  if (focused) outlineCursor(context, plot, scene);
  const columns = plot.frames ? counted(data.n, "frame") : counted(data.columns.length, "code");
  const word = scene.row === null ? "" : `; chosen word ${quoted(rowName(scene, scene.row))}`;
  const keys = "Arrow keys move, Enter chooses.";
  const about = `${plot.name}: ${counted(plot.nWords, "word")} by ${columns}${word}. ${keys}`;
  canvas.setAttribute("aria-label", about);
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
export function paintMap(context, plot, scene) {
  if (plot.frames) paintFrames(context, plot, scene);
  else paintCodes(context, plot, scene);
  outlineChosen(context, plot, scene);
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
function outlineChosen(context, plot, scene) {
  const { data, columnWidth } = plot;
  context.strokeStyle = scene.theme.ink;
  context.lineWidth = 2;
  if (scene.row !== null) {
    const wide = plot.frames ? plot.width : plot.columnsWidth;
    context.strokeRect(1, plot.rowTop(scene.row), wide - 2, plot.rowHeight);
  }
  const chosen = chosenIn(scene, plot.subject, plot.stream);
  if (chosen !== null && !plot.frames && data.columns.includes(chosen)) {
    const x = data.columns.indexOf(chosen) * columnWidth;
    context.strokeRect(x, 1, columnWidth, plot.mapHeight - 2);
  }
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
function outlineCursor(context, plot, { cursor, theme }) {
  if (!cursor) return;
  const width = plot.frames ? plot.width / plot.time.span : plot.columnWidth;
  const column = Math.min(cursor.column, plot.nColumns - 1);
  const x = plot.frames ? plot.frameX(column) : column * width;
  context.strokeStyle = theme.accent;
  context.lineWidth = 2.5;
  context.strokeRect(x, plot.rowTop(cursor.row), Math.max(width, 3), plot.rowHeight);
}

/**
 * The colour of a cell, null where the model did not read the word; when a word is chosen, the
 * rows of the others step back.
 *
 * @param {Scene} scene
 * @param {Plot} plot
 * @param {number} value
 * @param {number} row
 */
function cellColour({ theme, row: chosen, utterance }, plot, value, row) {
  if (Number.isNaN(value)) return null;
  const most = (plot.data.most ?? utterance.most)[plot.frames ? "frame" : "code"];
  const colour = plot.data.kind === "difference" ? differenceColour : rampColour;
  const rgb = colour(theme, value, most);
  return chosen === null || row === chosen ? rgb : stepBack(theme, rgb);
}

/** @param {Context} context @param {Plot} plot @param {Scene} scene */
function paintCodes(context, plot, scene) {
  const { data, columnWidth, rowHeight } = plot;
  context.textAlign = "center";
  context.font = `${clamp(rowHeight - 8, 9, 11)}px Arial, sans-serif`;
  data.columns.forEach((code, i) => {
    const cell = (/** @type {number} */ row) => ({ x: i * columnWidth, y: plot.rowTop(row) });
    for (let row = 0; row < data.rows; row++) {
      const value = data.at(row, code);
      paintCell(context, plot, scene, cell(row), value, cellColour(scene, plot, value, row));
    }
    if (!plot.hasShares) return;
    // the last row: what attention would be if it did not choose
    const share = data.counts[code] / data.nWithPadding;
    const colour = cellColour({ ...scene, row: null }, plot, share, data.rows);
    paintCell(context, plot, scene, cell(data.rows), share, colour);
  });
  outlineBlocks(context, plot, scene, plot.columnsWidth);
  if (plot.hasShares)
    context.strokeRect(0.5, plot.rowTop(data.rows) + 0.5, plot.columnsWidth - 1, rowHeight - 1);
}

/**
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {{ x: number, y: number }} corner
 * @param {number} value
 * @param {Rgb | null} colour
 */
function paintCell(context, plot, { theme }, { x, y }, value, colour) {
  const { columnWidth, rowHeight, data } = plot;
  if (!colour) {
    context.fillStyle = theme.soft;
    context.fillRect(x, y, columnWidth, rowHeight);
    return;
  }
  context.fillStyle = css(colour);
  context.fillRect(x + 0.5, y + 0.5, columnWidth - 1, rowHeight - 1);
  if (columnWidth < 26 || rowHeight < 16 || Math.abs(value) < 0.095) return; // no room, or nothing to say
  context.fillStyle = inkOn(colour);
  const text = value >= 0.995 ? "1" : short(value);
  const shown = data.kind === "difference" ? brief(value) : text;
  context.fillText(shown, x + columnWidth / 2, y + rowHeight / 2 + 4);
}

/** A difference, without the nought before its point. @param {number} value */
const brief = (value) => signed(value).replace("0.", ".");

/**
 * Draw a line around the words, and one around the first token.
 *
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {number} width
 */
function outlineBlocks(context, plot, { theme }, width) {
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, width - 1, plot.nWords * plot.rowHeight - 1);
  context.strokeRect(0.5, plot.rowTop(plot.nWords) + 0.5, width - 1, plot.rowHeight - 1);
}

/**
 * One pixel column shows the mean of the frames that fall into it.
 *
 * @param {Context} context
 * @param {Plot} plot
 * @param {Scene} scene
 */
function paintFrames(context, plot, scene) {
  const { rows } = plot.data;
  const pixels = Math.max(1, Math.round(plot.width * pixelRatio()));
  const image = frameImage(plot, scene, pixels);
  const canvas = h("canvas");
  [canvas.width, canvas.height] = [pixels, rows];
  contextOf(canvas).putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  for (let row = 0; row < rows; row++) {
    const [y, height] = [plot.rowTop(row), plot.rowHeight];
    context.drawImage(canvas, 0, row, pixels, 1, 0, y, plot.width, height);
  }
  outlineBlocks(context, plot, scene, plot.width);
}

/**
 * Return the map with one pixel per row.
 *
 * @param {Plot} plot
 * @param {Scene} scene
 * @param {number} pixels
 */
function frameImage(plot, scene, pixels) {
  const { data, time } = plot;
  const soft = channelsOf(scene.theme.soft);
  const image = new ImageData(pixels, data.rows);
  for (let p = 0; p < pixels; p++) {
    const first = time.from + (p / pixels) * time.span;
    const a = Math.min(Math.floor(first), data.n - 1);
    const b = clamp(Math.floor(first + time.span / pixels), a + 1, data.n);
    for (let row = 0; row < data.rows; row++) {
      const rgb = cellColour(scene, plot, data.mean(row, a, b), row) ?? soft;
      const at = 4 * (row * pixels + p);
      image.data.set(rgb, at);
      image.data[at + 3] = 255; // opaque
    }
  }
  return image;
}
