/** A canvas's drawing, written down as SVG: what paints the maps can paint on it, too. */

import { clean, svg } from "./dom.js";

/** @import { Brush } from "./art.js" */

/** Make what draws like a canvas's context, into an SVG element. @param {SVGElement} target */
export const brushOn = (target) => /** @type {Brush} */ (/** @type {unknown} */ (new Pen(target)));

const place = (/** @type {number} */ x) => Number(x.toFixed(2));
let clips = 0; // each has a name of its own

const AT_REST = {
  fillStyle: "#000000",
  strokeStyle: "#000000",
  lineWidth: 1,
  lineCap: "butt",
  lineJoin: "miter",
  globalAlpha: 1,
  font: "12px Arial, sans-serif",
  textAlign: "left",
  imageSmoothingEnabled: false,
  clipped: "",
};

/** The part of CanvasRenderingContext2D that is used here. */
class Pen {
  #target;
  #path = "";
  /** @type {(typeof AT_REST)[]} */
  #kept = [];

  /** @param {SVGElement} target */
  constructor(target) {
    this.#target = target;
    Object.assign(this, AT_REST);
  }

  get #now() {
    const entries = Object.keys(AT_REST).map((name) => [name, Reflect.get(this, name)]);
    return /** @type {typeof AT_REST} */ (Object.fromEntries(entries));
  }

  save() {
    this.#kept.push(this.#now);
  }

  restore() {
    Object.assign(this, this.#kept.pop());
  }

  beginPath() {
    this.#path = "";
  }

  closePath() {
    this.#path += "Z";
  }

  /** @param {string} command @param {...number} numbers */
  #add(command, ...numbers) {
    this.#path += command + numbers.map(place).join(" ");
  }

  /** @param {number} x @param {number} y */
  moveTo(x, y) {
    this.#add("M", x, y);
  }

  /** @param {number} x @param {number} y */
  lineTo(x, y) {
    this.#add("L", x, y);
  }

  /** @param {...number} points */
  bezierCurveTo(...points) {
    this.#add("C", ...points);
  }

  /** A whole circle. @param {number} x @param {number} y @param {number} r */
  arc(x, y, r) {
    this.#add("M", x - r, y);
    this.#add("a", r, r, 0, 1, 0, 2 * r, 0);
    this.#add("a", r, r, 0, 1, 0, -2 * r, 0);
    this.closePath();
  }

  clip() {
    clips += 1;
    const mask = svg("clipPath", { id: `clip${clips}` });
    mask.append(svg("path", { d: this.#path }));
    this.#target.append(mask);
    Object.assign(this, { clipped: `url(#clip${clips})` });
  }

  fill() {
    this.#put("path", { d: this.#path, fill: this.#now.fillStyle });
  }

  stroke() {
    this.#put("path", { d: this.#path, fill: "none", ...this.#line() });
  }

  #line() {
    const { strokeStyle, lineWidth, lineCap, lineJoin } = this.#now;
    return {
      stroke: strokeStyle,
      "stroke-width": place(lineWidth),
      "stroke-linecap": lineCap,
      "stroke-linejoin": lineJoin,
    };
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  fillRect(x, y, width, height) {
    const [left, top] = [Math.min(x, x + width), Math.min(y, y + height)];
    const box = { x: left, y: top, width: Math.abs(width), height: Math.abs(height) };
    this.#put("rect", { ...box, fill: this.#now.fillStyle });
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  strokeRect(x, y, width, height) {
    this.#put("rect", { x, y, width, height, fill: "none", ...this.#line() });
  }

  /** @param {string} text @param {number} x @param {number} y */
  fillText(text, x, y) {
    const { font, fillStyle, textAlign } = this.#now;
    const anchor = { left: "start", center: "middle", right: "end" }[textAlign] ?? "start";
    const props = { x, y, style: `font: ${font}`, fill: fillStyle, "text-anchor": anchor };
    this.#put("text", props, clean(text));
  }

  /** One row of a picture, stretched. @param {HTMLCanvasElement} canvas @param {...number} box */
  drawImage(canvas, ...box) {
    const [sx, sy, across, down, x, y, width, height] = box;
    const part = document.createElement("canvas");
    [part.width, part.height] = [across, down];
    part.getContext("2d")?.drawImage(canvas, sx, sy, across, down, 0, 0, across, down);
    const look = { preserveAspectRatio: "none", style: "image-rendering: pixelated" };
    this.#put("image", { x, y, width, height, href: part.toDataURL(), ...look });
  }

  /** @param {keyof SVGElementTagNameMap} tag @param {Record<string, string | number>} props @param {string} [text] */
  #put(tag, props, text) {
    const { globalAlpha, clipped } = this.#now;
    const more = {
      ...(globalAlpha < 1 ? { opacity: place(globalAlpha) } : {}),
      ...(clipped ? { "clip-path": clipped } : {}),
    };
    const entries = Object.entries({ ...props, ...more });
    const rounded = entries.map(([name, v]) => [name, typeof v === "number" ? place(v) : v]);
    this.#target.append(svg(tag, Object.fromEntries(rounded), text));
  }
}
