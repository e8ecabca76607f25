/** A voice under its strip: how loud it is, and its pitch. */

/** @import { Film } from "./film.js" */
/** @import { Plot } from "./plot.js" */
/** @import { Theme } from "./colours.js" */

const DOT = 2.2; // pixels

/** @typedef {{ top: number, height: number }} Lane in pixels */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Plot} plot
 * @param {Film} film
 * @param {Theme} theme
 * @param {Lane} lane
 */
export function paintVoice(context, plot, film, theme, lane) {
  if (film.level) {
    context.fillStyle = theme.line;
    paintLoudness(context, plot, film.level, lane);
  }
  if (film.pitch && film.pitches) {
    context.fillStyle = theme.accent;
    paintPitch(context, plot, film.pitch, { ...lane, ...film.pitches });
  }
}

/**
 * Paint how loud it is, up and down from the middle, as sound is often drawn.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Plot} plot
 * @param {Float32Array} level
 * @param {Lane} lane
 */
function paintLoudness(context, plot, level, { top, height }) {
  const step = 1 / (window.devicePixelRatio || 1);
  for (let x = 0; x < plot.width; x += step) {
    const first = plot.frameAt(x);
    const last = Math.max(plot.frameAt(x + step), first + 1);
    const most = level.subarray(first, last).reduce((a, b) => Math.max(a, b), 0);
    const tall = Math.max((most / 255) * height, 1);
    context.fillRect(x, top + (height - tall) / 2, step, tall);
  }
}

/**
 * Paint the pitch of each frame that has one, an octave everywhere as high.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Plot} plot
 * @param {Float32Array} pitch
 * @param {Lane & { low: number, high: number }} lane
 */
function paintPitch(context, plot, pitch, { top, height, low, high }) {
  const end = Math.min(pitch.length, plot.data.n, Math.ceil(plot.time.to));
  for (let i = Math.floor(plot.time.from); i < end; i++) {
    if (pitch[i] < low || pitch[i] > high) continue; // no pitch is 0
    const share = Math.log(pitch[i] / low) / Math.log(high / low);
    const y = top + height - DOT - share * (height - 2 * DOT);
    context.fillRect(plot.frameX(i + 0.5) - DOT / 2, y - DOT / 2, DOT, DOT);
  }
}
