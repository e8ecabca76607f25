/**
 * Elements, canvases and numbers as text.
 *
 * Everything that comes from a corpus is put on the page as text, never as markup.
 */

import { pixelRatio } from "./paper.js";

/** @typedef {string | number | boolean | null | undefined} Value of an attribute */
/** @typedef {Node | string | null | undefined} Child */

/**
 * Attributes and listeners of an element; names that are not listed here are typing errors.
 *
 * @typedef {{
 *   class?: string, style?: Partial<CSSStyleDeclaration>, id?: Value, role?: Value, type?: Value,
 *   title?: Value, hidden?: Value, tabindex?: Value, placeholder?: Value, scope?: Value,
 *   preload?: Value, step?: Value, dir?: Value, lang?: Value, download?: Value, href?: Value,
 *   value?: Value, size?: Value, min?: Value,
 *   [name: `aria-${string}` | `data-${string}`]: Value,
 *   onclick?: (event: MouseEvent) => void, onkeydown?: (event: KeyboardEvent) => void,
 *   oninput?: () => void, onscroll?: () => void, ontoggle?: () => void,
 *   onpointerenter?: () => void, onpointerleave?: () => void,
 * }} Props
 */

/**
 * Make an element; strings become text nodes, so nothing in them is ever read as markup.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} props
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "class") element.className = String(value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Make an element of a drawing.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} props
 * @param {string} [text]
 */
export function svg(tag, props, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Size a canvas for the screen's pixels and return its context, in CSS pixels, cleared.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function sized(canvas, width, height) {
  const ratio = pixelRatio();
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    [canvas.width, canvas.height] = [across, down];
  }
  canvas.style.height = `${height}px`;
  canvas.style.width = `${width}px`;
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** @param {HTMLCanvasElement} canvas */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * Return the element that has the focus, inside the shadow that an element lives in.
 *
 * @param {Node} element
 * @returns {HTMLElement | null}
 */
export function focusBeside(element) {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? /** @type {HTMLElement | null} */ (root.activeElement) : null;
}

/**
 * Left and right move within a group of buttons of which only one is in the Tab order.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLElement} group
 */
export function rove(event, group) {
  /** @type {Record<string, number>} */
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const backwards = getComputedStyle(group).direction === "rtl" && /Left|Right/.test(event.key);
  const step = backwards ? -steps[event.key] : steps[event.key];
  const buttons = [...group.querySelectorAll("button")];
  const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (focusBeside(group)));
  let to = step ? clamp(at + step, 0, buttons.length - 1) : -1;
  if (event.key === "Home") to = 0;
  if (event.key === "End") to = buttons.length - 1;
  if (to < 0 || at < 0) return;
  event.preventDefault();
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
}

/** @param {number} x @param {number} low @param {number} high */
export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** Whether a picture that was drawn of some things would be the same of others. @param {unknown[]} before @param {unknown[]} now */
export const isSame = (before, now) =>
  before.length === now.length && before.every((thing, i) => thing === now[i]);

/** @param {number} x */
export const percent = (x) => `${Math.round(100 * x)}\u00a0%`;

/** A number with its sign; nothing is neither more nor less. @param {number | null} x */
export function signed(x) {
  if (x === null || Number.isNaN(x)) return "–";
  const text = Math.abs(x).toFixed(2);
  if (text === "0.00") return text;
  return (x < 0 ? "−" : "+") + text;
}

/** @param {number | null} x */
export const plain = (x) => signed(x).replace("+", "");

const THOUSANDS = new Intl.NumberFormat("en");

/** A whole number as one reads it: 2,199. @param {number} n */
export const grouped = (n) => THOUSANDS.format(n);

/** How many there are of something: 1 frame, 2 frames. @param {number} n @param {string} what */
export const counted = (n, what) => `${grouped(n)} ${what}${n === 1 ? "" : "s"}`;

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A word in quotes; one that runs right to left turns nothing around it. @param {string} word */
export const quoted = (word) => (RIGHT_TO_LEFT.test(word) ? `“\u2068${word}\u2069”` : `“${word}”`);

/** @param {number} x */
export const short = (x) => x.toFixed(2).replace(/^0/, ""); // .94

/** Text without what an XML file may not hold. @param {string} text */
export const clean = (text) => text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "");
