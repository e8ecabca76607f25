/** Mouse, wheel and keys on the canvases of a panel. */

import { clamp } from "./dom.js";
import { marks, wireMarking } from "./marking.js";
import { aboutCell, aboutCode, aboutFrame } from "./telling.js";

/** @import { Panel } from "./panel.js" */

const CLICK_SLACK = 4; // pixels; a press that moves further is a pan, not a click

/** @param {Panel} panel */
export function wire(panel) {
  wireHead(panel);
  wireMap(panel);
  wireMarking(panel); // first, so that a stretch is not taken for a click
  wireStrip(panel);
  for (const canvas of [panel.head, panel.map, panel.strip]) {
    canvas.addEventListener("pointerleave", () => {
      panel.hint(null);
      panel.store.hover(panel.plot.stream, null);
      panel.store.hoverRow(null);
    });
  }
}

/** Where an event is on its canvas. @param {MouseEvent} event */
function spot(event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** @param {Panel} panel */
function wireHead(panel) {
  const { head, plot, store } = panel;
  head.addEventListener("pointermove", (event) => {
    const { x, y } = spot(event);
    const code = plot.codeInHead(x, y);
    panel.hint(code === null ? null : aboutCode(panel.scene, plot, code), event, code);
  });
  head.addEventListener("click", (event) => {
    const { x, y } = spot(event);
    const code = plot.codeInHead(x, y);
    if (code !== null && code < plot.data.k) store.chooseCode(plot.stream, code, plot.subject);
  });
}

/** @param {Panel} panel */
function wireMap(panel) {
  const { map, plot, store } = panel;
  const panned = wireTime(map, panel, plot.frames, (event) => hoverMap(panel, event));
  map.addEventListener("click", (event) => {
    const { x, y } = spot(event);
    const row = plot.rowAt(y);
    const code = plot.frames ? plot.data.codes[plot.frameAt(x)] : plot.codeAt(x);
    if (panned() || row === null || code === null || code === undefined) return;
    if (plot.frames) store.seek(plot.stream, plot.frameAt(x));
    store.chooseCell(plot.subject, plot.stream, row, code);
  });
  map.addEventListener("keydown", (event) => mapKey(panel, event));
  map.addEventListener("focus", () => {
    panel.focused = map.matches(":focus-visible"); // by keyboard, not by mouse
    if (panel.focused && plot.data.attends) {
      store.pointAt(plot.stream, panel.scene.cursor ?? { row: 0, column: 0 }, false);
      panel.sayCursor();
    } else panel.draw(panel.scene);
  });
  map.addEventListener("blur", () => {
    panel.focused = false;
    panel.draw(panel.scene);
  });
}

/** @param {Panel} panel @param {PointerEvent} event */
function hoverMap(panel, event) {
  const { plot, scene, store } = panel;
  if (scene.film && plot.frames) store.hover(plot.stream, plot.frameAt(spot(event).x));
  if (!plot.data.attends) return;
  const { x, y } = spot(event);
  store.hoverRow(plot.rowAt(y));
  const code = plot.frames ? plot.data.codes[plot.frameAt(x)] : plot.codeAt(x);
  panel.hint(aboutPlace(panel, { x, y }), event, code);
}

/** @param {Panel} panel @param {{ x: number, y: number }} place */
function aboutPlace({ plot, scene }, { x, y }) {
  const row = plot.rowAt(y);
  if (plot.frames) return row === null ? null : aboutFrame(scene, plot, row, plot.frameAt(x));
  const code = plot.codeAt(x);
  if (code === null) return null;
  if (row !== null) return aboutCell(scene, plot, row, code);
  return y > plot.rowTop(plot.data.rows) ? aboutCode(scene, plot, code) : null; // share of frames
}

/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/** @param {Panel} panel @param {KeyboardEvent} event */
function mapKey(panel, event) {
  const { plot, scene, store } = panel;
  if (!plot.data.attends) return;
  const move = MOVES[event.key];
  const { cursor } = scene;
  if (move) {
    event.preventDefault();
    const row = clamp((cursor?.row ?? 0) + move[0], 0, plot.data.rows - 1);
    const column = clamp((cursor?.column ?? 0) + move[1], 0, plot.nColumns - 1);
    store.pointAt(plot.stream, { row, column }, plot.frames);
    panel.sayCursor();
  } else if (event.key === "Enter" && cursor) {
    const code = plot.codeOfColumn(Math.min(cursor.column, plot.nColumns - 1));
    store.chooseCell(plot.subject, plot.stream, cursor.row, code);
  } else zoomKey(panel, event);
}

/** @param {Panel} panel */
function wireStrip(panel) {
  const { strip, plot, store } = panel;
  const { stream, subject, data } = plot;
  const panned = wireTime(strip, panel, true, (event) => {
    if (data.n) store.hover(stream, plot.frameAt(spot(event).x));
  });
  const chooseAt = (/** @type {number} */ frame) => {
    if (panel.scene.film) store.seek(stream, frame);
    store.chooseCode(stream, data.codes[frame], subject, false);
  };
  strip.addEventListener("click", (event) => {
    if (!panned() && data.n) chooseAt(plot.frameAt(spot(event).x));
  });
  strip.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step && data.n) {
      event.preventDefault();
      store.seek(stream, plot.time.playhead + step);
    } else if (event.key === "Enter" && data.n) chooseAt(plot.frame);
    else if (event.key === " ") {
      event.preventDefault();
      store.play(stream);
    } else zoomKey(panel, event);
  });
}

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -1e9, End: 1e9 };
/** @type {Record<string, number>} */
const ZOOMS = { "+": 0.5, "=": 0.5, "-": 2, 0: Number.POSITIVE_INFINITY };

/** @param {Panel} panel @param {KeyboardEvent} event */
function zoomKey({ plot, store }, event) {
  const factor = ZOOMS[event.key];
  if (!factor || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  store.zoom(plot.stream, factor);
}

/**
 * Let a canvas be panned by dragging and zoomed by the wheel, where its columns are frames.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Panel} panel
 * @param {boolean} timed
 * @param {(event: PointerEvent) => void} hover for moves that do not pan
 * @returns {() => boolean} whether the last press was a pan
 */
function wireTime(canvas, panel, timed, hover) {
  const { plot, store } = panel;
  const { stream, time, width } = plot;
  /** @type {{ x: number, from: number, moved: boolean } | null} */
  let press = null;
  let panned = false;
  canvas.addEventListener("pointerdown", (event) => {
    const marking = canvas === panel.strip && marks(panel, event);
    press = marking ? null : { x: event.clientX, from: time.from, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => {
    panned = press?.moved ?? false;
    press = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const by = press ? event.clientX - press.x : 0;
    if (press && timed && time.zoomed && Math.abs(by) > CLICK_SLACK) press.moved = true;
    if (press?.moved) store.moveTo(stream, press.from - (by / width) * time.span);
    else hover(event);
  });
  const wheel = (/** @type {WheelEvent} */ event) => {
    const along = event.shiftKey ? event.deltaY : event.deltaX;
    const across = event.shiftKey ? 0 : Math.abs(event.deltaY);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      store.zoom(stream, 1.0025 ** event.deltaY, plot.frameAt(spot(event).x));
    } else if (Math.abs(along) > across && time.zoomed) {
      event.preventDefault();
      store.moveTo(stream, time.from + (along / width) * time.span);
    }
  };
  if (timed) canvas.addEventListener("wheel", wheel, { passive: false });
  return () => panned;
}
