/** The mesh of a face, drawn: over a film, or alone. */

import { sized } from "./dom.js";

/** @import { Theme } from "./colours.js" */
/** @import { Film, Share } from "./film.js" */

const MARGIN = 0.06; // around the face, when it is alone

/**
 * @typedef {object} Stage
 * @property {number} width in pixels
 * @property {number} height
 * @property {boolean} over the film, not alone
 * @property {Theme} theme
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Film} film
 * @param {number} time
 * @param {Stage} stage
 * @returns {boolean} whether a face is there
 */
export function drawMesh(canvas, film, time, stage) {
  const context = sized(canvas, stage.width, stage.height);
  const points = film.meshAt(time);
  if (!points) return false;
  const place = stage.over ? placeOver(stage) : placeAlone(film, stage);
  context.lineJoin = "round";
  const looks = stage.over
    ? [/** @type {const} */ (["rgba(0,0,0,0.45)", 3]), /** @type {const} */ (["#ffffff", 1.2])]
    : [/** @type {const} */ ([stage.theme.ink, 1.3])];
  for (const [colour, width] of looks) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const line of film.lines) {
      line.forEach((point, i) => {
        const [x, y] = place(points[point]);
        if (i) context.lineTo(x, y);
        else context.moveTo(x, y);
      });
    }
    context.stroke();
  }
  return true;
}

/** @param {Stage} stage @returns {(share: Share) => Share} */
function placeOver({ width, height }) {
  return ([x, y]) => [x * width, y * height];
}

/**
 * Let the whole path of the face fill the stage, as wide as it is high.
 *
 * @param {Film} film
 * @param {Stage} stage
 * @returns {(share: Share) => Share}
 */
function placeAlone({ box, aspect }, { width, height }) {
  const [left, top, right, bottom] = box;
  const [across, down] = [(right - left) * aspect || 1, bottom - top || 1]; // in heights
  const scale = Math.min(width / across, height / down) * (1 - 2 * MARGIN);
  return ([x, y]) => [
    width / 2 + (x - (left + right) / 2) * aspect * scale,
    height / 2 + (y - (top + bottom) / 2) * scale,
  ];
}
