/** The maps: a switch and a legend, then bands of panels beside the words. */

import { css } from "./colours.js";
import { clamp, contextOf, h, quoted, sized } from "./dom.js";
import { hasEffects } from "./heat.js";
import { ModelsView } from "./models.js";
import { Panel } from "./panel.js";
import { Plot } from "./plot.js";
import { FIRST_TOKEN, STREAMS } from "./records.js";
import { savingButtons } from "./saving.js";
import { rowName } from "./scene.js";
import { shownMaps } from "./several.js";
import { hasVoice, LANES, laneHeight } from "./strip.js";

/** @import { Choice, Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Shown } from "./several.js" */
/** @import { Store } from "./store.js" */
/** @import { Voices } from "./telling.js" */

/** @typedef {{ rowHeight: number, side: number, panel: number, perRow: number }} Sizes in pixels */

const GAP = 26; // between panels
const EDGES = 42; // of the page
export const NARROW = 720; // pages below have one panel per row
const [NARROW_GAP, NARROW_EDGES] = [8, 22];

/**
 * Find room for the words, and for two panels beside each other.
 *
 * @param {Scene} scene
 * @returns {Sizes}
 */
function sizesFor({ utterance, corpus, width, printing }) {
  const narrow = width < NARROW;
  const perRow = narrow || printing ? 1 : 2;
  const rowHeight = clamp(Math.floor(430 / (utterance.words.length + 2)), 13, 22);
  const measure = contextOf(document.createElement("canvas"));
  measure.font = "13px Arial, sans-serif";
  const names = [...utterance.words, corpus.first_token, "share of frames", "planted cues"];
  const widest = Math.max(...names.map((name) => measure.measureText(name).width));
  const side = narrow ? clamp(widest * 1.08 + 14, 72, 112) : clamp(widest * 1.08 + 14, 96, 150);
  const gap = narrow ? NARROW_GAP : GAP;
  const room = width - (narrow ? NARROW_EDGES : EDGES) - side - gap * perRow;
  return { rowHeight, side, panel: Math.floor(room / perRow), perRow };
}

export class MapsView {
  #store;
  #voices;
  /** @type {Scene | null} for which the bands were laid out */
  #laidOut = null;
  /** @type {Band[]} */
  #bands = [];
  #legend = new Legend();
  #maps = h("div");
  #models;

  /** @param {Store} store @param {Voices} voices */
  constructor(store, voices) {
    this.#store = store;
    this.#voices = voices;
    const mode = (/** @type {Choice["view"]} */ view, /** @type {string} */ title) =>
      h("button", { type: "button", "data-view": view, onclick: () => store.showBy(view) }, title);
    const group = { class: "switch", role: "group", "aria-label": "Columns of the maps" };
    this.modes = h("span", group, mode("codes", "codes"), mode("frames", "frames over time"));
    this.tables = h(
      "button",
      {
        type: "button",
        style: { borderColor: "var(--line)" },
        "aria-pressed": "false",
        onclick: () => store.toggleTable(),
      },
      "as tables",
    );
    const space = h("span", { class: "grow" });
    const bar = h(
      "div",
      { class: "bar row" },
      this.modes,
      this.tables,
      savingButtons(store),
      space,
      this.#legend.element,
    );
    this.#models = new ModelsView(store);
    const { element: models } = this.#models;
    this.element = h("section", { "aria-label": "Attention maps" }, bar, models, this.#maps);
  }

  /** @param {Scene} scene */
  draw(scene) {
    if (!this.#isLaidOutFor(scene)) this.#layOut(scene);
    this.element.hidden = scene.corpus.subjects.every(({ reads }) => reads === null);
    const attended = scene.utterance.subjects.some(({ streams }) =>
      STREAMS.some((stream) => streams[stream].attends),
    );
    for (const part of [this.modes, this.tables, this.#legend.element]) {
      part.style.display = attended ? "" : "none"; // there is nothing to read off a scale
    }
    for (const button of this.modes.querySelectorAll("button")) {
      const on = (button.dataset.view === "frames") === scene.frames;
      button.setAttribute("aria-pressed", String(on));
    }
    this.tables.setAttribute("aria-pressed", String(scene.table));
    this.#legend.draw(scene, this.#bands);
    this.#models.draw(scene);
    for (const band of this.#bands) band.draw(scene);
  }

  /** @param {Scene} scene @param {Stream} stream */
  drawStream(scene, stream) {
    for (const { panels } of this.#bands) {
      for (const panel of panels) if (panel.plot.stream === stream) panel.draw(scene);
    }
  }

  /** Mark the row of the word under the pointer. @param {Scene} scene */
  markRow(scene) {
    for (const band of this.#bands) band.markRow(scene);
  }

  /** @param {Scene} scene */
  #isLaidOutFor(scene) {
    const was = this.#laidOut;
    const same = was?.utterance === scene.utterance && was.width === scene.width;
    const paper = was?.printing === scene.printing;
    if (was?.maps !== scene.maps || was.pair !== scene.pair) return false;
    return same && paper && was.table === scene.table && was.frames === scene.frames;
  }

  /** @param {Scene} scene */
  #layOut(scene) {
    this.#laidOut = scene;
    const sizes = sizesFor(scene);
    const panels = shownMaps(scene).map((shown) => this.#buildPanel(scene, sizes, shown));
    this.#bands = [];
    for (let i = 0; i < panels.length; i += sizes.perRow) {
      this.#bands.push(new Band(this.#store, panels.slice(i, i + sizes.perRow), sizes.side));
    }
    this.#maps.replaceChildren(...this.#bands.map((band) => band.element));
  }

  /** @param {Scene} scene @param {Sizes} sizes @param {Shown} shown */
  #buildPanel(scene, sizes, shown) {
    const { frames, time } = scene;
    const size = { width: sizes.panel, rowHeight: sizes.rowHeight };
    const plot = new Plot({ ...shown, ...size, frames, time: time[shown.stream] });
    return new Panel(this.#store, this.#voices, plot, scene);
  }
}

/** What the colours mean. */
class Legend {
  #title = h("span");
  #start = h("span");
  #ramp = h("canvas", { "aria-hidden": "true" });
  #end = h("span");
  element = h("span", { class: "legend" }, this.#title, this.#start, this.#ramp, this.#end);

  /** @param {Scene} scene @param {Band[]} bands */
  draw(scene, bands) {
    const { theme, frames, utterance, maps, pair } = scene;
    const [width, height] = [maps === "difference" ? 150 : 110, 10];
    const context = sized(this.#ramp, width, height);
    const ramp = maps === "difference" ? theme.differences : theme.ramp;
    for (let x = 0; x < width; x++) {
      context.fillStyle = css(ramp[Math.round((x / (width - 1)) * (ramp.length - 1))]);
      context.fillRect(x, 0, 1.5, height);
    }
    context.strokeStyle = theme.line;
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
    const scale = bands[0]?.panels[0]?.plot.data.most ?? utterance.most;
    const most = frames ? scale.frame : scale.code;
    const end = most >= 0.1 ? most.toFixed(2) : most.toPrecision(2);
    const what = frames ? "a word's attention per frame" : "share of a word's attention";
    this.#title.textContent = maps === "difference" ? `difference in ${what}:` : what;
    const [first, second] = pair.map((place) => utterance.subjects[place]?.name);
    this.#start.textContent = maps === "difference" ? `${second} more −${end}` : "0";
    this.#end.textContent = maps === "difference" ? `+${end} ${first} more` : end;
  }
}

/** Panels beside each other, with the words and the names of the lanes to their left. */
class Band {
  #store;
  #head = h("div", { class: "side" });
  #words = h("div", { class: "words", "aria-hidden": "true" });
  #strip = h("div", { class: "side" });

  /** @param {Store} store @param {Panel[]} panels @param {number} side width of the words */
  constructor(store, panels, side) {
    this.#store = store;
    this.panels = panels;
    const columns = `${side}px repeat(${panels.length}, minmax(0, 1fr))`;
    this.element = h("div", { class: "band", style: { gridTemplateColumns: columns } });
    this.#put(this.#head, 2, 1);
    this.#put(this.#words, 3, 1);
    this.#put(this.#strip, 5, 1);
    for (const [i, panel] of panels.entries()) {
      for (const [row, part] of panel.parts.entries()) this.#put(part, row + 1, i + 2);
    }
  }

  /** @param {HTMLElement} child @param {number} row @param {number} column */
  #put(child, row, column) {
    child.style.gridRow = String(row);
    child.style.gridColumn = String(column);
    this.element.append(child);
  }

  /** @param {Scene} scene */
  draw(scene) {
    for (const panel of this.panels) panel.draw(scene);
    const rows = this.panels.some(({ plot }) => plot.data.attends || plot.data.shiftsWords);
    this.#words.replaceChildren(...(scene.table || !rows ? [] : this.#rowNames(scene)));
    this.#head.replaceChildren(...this.#headNames(scene));
    this.#strip.replaceChildren(...this.#laneNames(scene));
  }

  /** @param {Scene} scene */
  markRow(scene) {
    for (const panel of this.panels) panel.markRow(scene);
    const names = [...this.#words.children];
    for (const [row, name] of names.entries()) name.classList.toggle("near", row === scene.hovered);
  }

  /** @param {Scene} scene */
  #rowNames(scene) {
    const { words } = scene.utterance;
    const unread = new Set(scene.utterance.subjects.flatMap((subject) => subject.unread));
    const rows = words.map((word, i) =>
      this.#rowName(scene, i, word, unread.has(i) ? "unread" : "", i),
    );
    rows.push(this.#rowName(scene, words.length, scene.corpus.first_token, "first", FIRST_TOKEN));
    const share = this.#rowName(scene, words.length + 1, "share of frames", "quiet");
    const shares = this.panels.some(({ plot }) => plot.hasShares && plot.data.attends);
    return shares ? [...rows, share] : rows;
  }

  /**
   * @param {Scene} scene
   * @param {number} row
   * @param {string} text
   * @param {string} kind
   * @param {number} [word] that a click chooses
   */
  #rowName(scene, row, text, kind, word) {
    const { plot } = this.panels[0];
    const height = `${plot.rowHeight}px`;
    const fontSize = `${clamp(plot.rowHeight - 5, 10, 13)}px`;
    const style = { top: `${plot.rowTop(row)}px`, height, lineHeight: height, fontSize };
    const on = word !== undefined && word === scene.word;
    const act = {
      onclick: () => this.#store.chooseWord(Number(word)),
      onpointerenter: () => this.#store.hoverRow(row),
      onpointerleave: () => this.#store.hoverRow(null),
    };
    const props = { class: `${kind}${on ? " on" : ""}`, style, title: text, dir: "auto" };
    return h("div", word === undefined ? props : { ...props, ...act }, text);
  }

  /** @param {Scene} scene */
  #headNames(scene) {
    const { data, head } = this.panels[0].plot;
    if (scene.frames || (scene.table && data.attends) || !(data.attends || data.shift)) return [];
    const names = [nameAt("code", head.number - 1)];
    const effects = hasEffects(scene, this.panels[0].plot);
    return effects ? [...names, nameAt("adds to prediction", head.effect + 9)] : names;
  }

  /** @param {Scene} scene */
  #laneNames(scene) {
    const plots = this.panels.map((panel) => panel.plot);
    if (!plots[0].data.n && plots.length === 1) return [];
    if (!scene.frames && plots[0].data.kind !== "attention") return []; // no strip
    const names = [nameAt("frames", 6)];
    const { codes, gap } = LANES;
    const attention = laneHeight(plots[0]);
    if (attention && plots.some(({ data }) => data.attends)) {
      const who = scene.row === null ? "mean of the words" : quoted(rowName(scene, scene.row));
      names.push(nameAt(who, codes + gap + 8));
    }
    if (plots.some(({ stream }) => scene.utterance.cues[stream])) {
      names.push(nameAt("planted cues", codes + 2 * gap + attention - 3));
    }
    if (plots.some((plot) => hasVoice(scene, plot))) names.push(...voiceNames(scene, attention));
    return names;
  }
}

/** @param {Scene} scene @param {number} attention height of its lane */
function voiceNames({ film, utterance }, attention) {
  const { codes, gap, cues } = LANES;
  const top = codes + 2 * gap + attention + (utterance.cues.acoustic ? cues + gap : 0);
  const pitches = film?.pitches;
  const range = pitches ? `pitch ${Math.round(pitches.low)}–${Math.round(pitches.high)} Hz` : "";
  return [nameAt("voice: loudness", top + 2), nameAt(range || "(no pitch)", top + 18)];
}

/** @param {string} text @param {number} top in pixels */
const nameAt = (text, top) => h("div", { style: { top: `${top}px` } }, text);
