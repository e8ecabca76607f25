/** Files of what is shown: a picture as PNG or SVG, and the numbers as CSV. Nothing leaves here. */

import { Pictures } from "./art.js";
import { brushOn } from "./brush.js";
import { LIGHT } from "./colours.js";
import { csvFile, download } from "./csv.js";
import { clean, h, svg } from "./dom.js";
import { hasEffects, headHeight, paintHead, paintMap } from "./heat.js";
import { Plot } from "./plot.js";
import { Chart } from "./reading.js";
import { FIRST_TOKEN, STREAMS, TITLE } from "./records.js";
import { rowName } from "./scene.js";
import { shownMaps } from "./several.js";

/** @import { Brush, Point } from "./art.js" */
/** @import { Entry } from "./csv.js" */
/** @import { CodeBook, StreamReading } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Shown } from "./several.js" */
/** @import { Store } from "./store.js" */

const WIDTH = 900; // pixels of the picture
const EDGE = 20;
const NAMES = 130; // for the words beside a map
const SHARPNESS = 2; // of a PNG
const LONGEST_LINE = 88; // characters

/** Draws codes anew instead of copying small pictures of them. */
class VectorPictures extends Pictures {
  /** @param {Brush} context @param {CodeBook} book @param {number} code @param {Point} corner @param {number} size */
  stamp(context, book, code, [x, y], size) {
    this.paint(context, [x + size / 2, y + size / 2], size - 2, book.looks[code], book, code);
  }
}

/** @typedef {"PNG" | "SVG" | "CSV"} Kind of a file */

/** The buttons. @param {Store} store */
export function savingButtons(store) {
  const button = (/** @type {Kind} */ kind, /** @type {string} */ hint) =>
    h(
      "button",
      { type: "button", "aria-label": `save as ${kind}`, title: hint, onclick: () => save(kind) },
      kind,
    );
  const save = async (/** @type {Kind} */ kind) => {
    const scene = store.scene();
    if (scene) download(await fileOf(kind, scene), `${scene.utterance.id}.${kind.toLowerCase()}`);
  };
  const buttons = [
    button("PNG", "a picture of predictions and maps"),
    button("SVG", "the same picture as lines and letters"),
    button("CSV", "each word's attention to each code and each code's effect, as a table"),
  ];
  const group = { class: "saving", role: "group", "aria-label": "Save" };
  return h("span", group, h("span", { class: "muted" }, "save"), ...buttons);
}

/** @param {Kind} kind @param {Scene} scene */
async function fileOf(kind, scene) {
  if (kind === "CSV") return csvOf(scene);
  const picture = pictureOf(scene);
  const text = new XMLSerializer().serializeToString(picture);
  if (kind === "SVG") return new Blob([text], { type: "image/svg+xml" });
  return pixelsOf(text, Number(picture.getAttribute("height")));
}

/** @param {string} text of an SVG picture @param {number} height @returns {Promise<Blob>} */
async function pixelsOf(text, height) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = h("canvas");
  [canvas.width, canvas.height] = [WIDTH * SHARPNESS, height * SHARPNESS];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))));
  });
}

const HEADINGS = ["utterance", "model", "stream", "position", "word", "code", "frames"];
const VALUES = ["attention", "effect", "left_out"];

/**
 * The attention of each word to each code and what the code does, of each model; and what the maps
 * show of several.
 *
 * @param {Scene} scene
 */
function csvOf(scene) {
  const { subjects } = scene.utterance;
  const own = subjects.flatMap((_, subject) =>
    STREAMS.flatMap((stream) => {
      const data = subjects[subject].streams[stream];
      return linesOf(scene, scene.corpus.subjects[subject].name, data, subject, stream);
    }),
  );
  const made = scene.maps === "each" ? [] : shownMaps(scene);
  const others = made.flatMap(({ model, data, stream }) =>
    linesOf(scene, model, data, null, stream),
  );
  return csvFile([...HEADINGS, ...VALUES], [...own, ...others]);
}

/**
 * A line per word and code; where a model does not attend, a line per code.
 *
 * @param {Scene} scene
 * @param {string} model
 * @param {StreamReading} data
 * @param {number | null} subject null if a map is made of several
 * @param {Stream} stream
 * @returns {Entry[][]}
 */
function linesOf(scene, model, data, subject, stream) {
  const { utterance, effects } = scene;
  const own = subject === null ? null : (effects?.[subject][stream] ?? null);
  const start = [utterance.id, model, TITLE[stream].toLowerCase()];
  const told = (/** @type {number} */ code) => [
    own?.effects[code] ?? null,
    own?.left_out[code] ?? null,
  ];
  const name = (/** @type {number} */ code) => (code === data.k ? "padding" : code);
  if (!data.attends) {
    return data.columns.map((code) => {
      return [...start, null, null, name(code), data.counts[code], null, ...told(code)];
    });
  }
  return [...Array(data.rows).keys()].flatMap((row) => {
    const position = row === utterance.words.length ? FIRST_TOKEN : row;
    return data.columns.map((code) => {
      const place = [position, rowName(scene, row), name(code), data.counts[code]];
      return [...start, ...place, data.at(row, code), ...told(code)];
    });
  });
}

/** Sentence, predictions and maps, one under the other, on white. @param {Scene} scene */
function pictureOf(scene) {
  const pictures = new VectorPictures(scene.corpus.face, LIGHT);
  const white = { ...scene, theme: LIGHT, pictures, width: WIDTH, cursor: null };
  const picture = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: WIDTH });
  const style = `font: 12.5px Arial, sans-serif; fill: ${LIGHT.ink}`;
  const page = svg("g", { style });
  let y = putSentence(page, white);
  for (const subject of white.utterance.subjects) {
    const { element } = new Chart(subject, white);
    element.setAttribute("x", String(EDGE));
    element.setAttribute("y", String(y));
    page.append(element);
    y += Number(element.getAttribute("height")) + 16;
  }
  for (const map of shownMaps(white)) y = putMap(page, white, map, y);
  const paper = svg("rect", { width: WIDTH, height: y + EDGE, fill: LIGHT.paper });
  picture.append(paper, page);
  picture.setAttribute("height", String(y + EDGE));
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${y + EDGE}`);
  return picture;
}

/** Return where what follows begins. @param {SVGElement} page @param {Scene} scene */
function putSentence(page, { corpus, utterance }) {
  const heading = `${corpus.title}, ${utterance.id}`;
  page.append(svg("text", { x: EDGE, y: EDGE + 12, fill: LIGHT.muted }, clean(heading)));
  let y = EDGE + 40;
  let line = "";
  const put = () => {
    page.append(svg("text", { x: EDGE, y, style: "font-size: 17px" }, clean(line)));
    y += 24;
  };
  for (const word of utterance.words) {
    if (line && line.length + word.length >= LONGEST_LINE) {
      put();
      line = "";
    }
    line += line ? ` ${word}` : word;
  }
  put();
  return y;
}

/** @param {SVGElement} page @param {Scene} scene @param {Shown} map @param {number} y */
function putMap(page, scene, map, y) {
  const { data, name, stream } = map;
  if (!data.attends) return y;
  const size = { width: WIDTH - 2 * EDGE - NAMES, rowHeight: 18 };
  const plot = new Plot({ ...map, ...size, time: scene.time[stream], frames: scene.frames });
  const left = EDGE + NAMES;
  const heading = "font-size: 15px; font-weight: 650";
  page.append(svg("text", { x: left, y: y + 14, style: heading }, clean(name)));
  let top = y + 24;
  if (!scene.frames) {
    paintHead(brushOn(groupAt(page, left, top)), plot, scene);
    const at = { x: left - 8, y: top + plot.head.effect + 23, "text-anchor": "end" };
    if (hasEffects(scene, plot))
      page.append(svg("text", { ...at, fill: LIGHT.muted }, "adds to prediction"));
    top += headHeight(plot, scene);
  }
  paintMap(brushOn(groupAt(page, left, top)), plot, scene);
  const names = [...Array(data.rows).keys()].map((row) => rowName(scene, row));
  if (plot.hasShares) names.push("share of frames");
  for (const [row, word] of names.entries()) {
    const shown = word.length > 18 ? `${word.slice(0, 17)}…` : word;
    const at = { x: left - 8, y: top + plot.rowTop(row) + 13, "text-anchor": "end" };
    page.append(svg("text", at, clean(shown)));
  }
  return top + plot.mapHeight + 24;
}

/** @param {SVGElement} page @param {number} x @param {number} y */
function groupAt(page, x, y) {
  const group = svg("g", { transform: `translate(${x} ${y})` });
  page.append(group);
  return group;
}
