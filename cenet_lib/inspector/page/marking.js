/** Marking a stretch of frames on a strip: by dragging, or with Shift and arrows. */

import { clamp } from "./dom.js";

/** @import { Panel } from "./panel.js" */

const SLACK = 4; // pixels; a press that moves less is a click

/** @param {Panel} panel */
export function wireMarking(panel) {
  if (panel.scene.changes.beforehand) return; // there is no model to ask about a stretch
  const marked = wirePointer(panel);
  panel.strip.addEventListener("click", (event) => {
    if (marked()) event.stopImmediatePropagation(); // a stretch is no click
  });
  wireKeys(panel);
}

/** Whether a press marks frames, and does not pan. @param {Panel} panel @param {PointerEvent} event */
export const marks = ({ scene, plot }, event) =>
  !scene.changes.beforehand && (event.shiftKey || !plot.time.zoomed);

/** @param {Panel} panel @returns {() => boolean} whether the last press marked a stretch */
function wirePointer(panel) {
  const { strip, plot, store } = panel;
  /** @type {number | null} */
  let start = null;
  let marked = false;
  const frameAt = (/** @type {PointerEvent} */ event) =>
    clamp(plot.frameAt(event.clientX - strip.getBoundingClientRect().left), 0, plot.data.n - 1);
  const stretch = (/** @type {PointerEvent} */ event, /** @type {number} */ from) =>
    between(plot.frameAt(from - strip.getBoundingClientRect().left), frameAt(event));
  strip.addEventListener("pointerdown", (event) => {
    marked = false;
    start = plot.data.n && marks(panel, event) ? event.clientX : null;
  });
  strip.addEventListener("pointermove", (event) => {
    if (start === null || (!marked && Math.abs(event.clientX - start) <= SLACK)) return;
    marked = true;
    store.mark(plot.stream, stretch(event, start), true);
  });
  strip.addEventListener("pointerup", (event) => {
    if (marked && start !== null) store.mark(plot.stream, stretch(event, start));
    start = null;
  });
  return () => marked;
}

/** @param {Panel} panel */
function wireKeys({ strip, plot, store, status }) {
  /** @type {number | null} */
  let anchor = null;
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!event.shiftKey || !step || !plot.data.n) {
      if (event.key !== "Shift") anchor = null;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const { time, stream } = plot;
    if (anchor === null || !time.mark) anchor = plot.frame;
    else time.seek(clamp(time.playhead + step, 0, plot.data.n - 1));
    const mark = between(anchor, time.playhead);
    store.mark(stream, mark);
    status.textContent = `frames ${mark.from} to ${mark.to - 1} are marked`;
  });
}

/** @param {number} one @param {number} other */
const between = (one, other) => ({ from: Math.min(one, other), to: Math.max(one, other) + 1 });
