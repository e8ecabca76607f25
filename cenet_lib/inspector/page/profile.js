/** All codes, and what the chosen one stands for. */

import { aboutChannel, channelsIn, hoverOf, kindsInWords } from "./data.js";
import { counted, focusBeside, h, percent, plain, quoted, rove, signed, sized } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";
import { chosenIn, effectOf, withoutCode } from "./scene.js";

/** @import { CodeBook, StreamReading } from "./data.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

const CHANNELS_SHOWN = 9; // others unfold
const LEAST_TAKEN = 0.05; // share of a word's attention
const LONGEST_QUOTE = 90; // characters

/** The pictures of all codes, to choose one. */
export class GalleryView {
  #store;
  element = h("div", { class: "gallery" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {Scene} scene */
  draw(scene) {
    const section = this.element.closest("section");
    const { subjects } = scene.corpus;
    if (section) section.hidden = subjects.every(({ reads }) => reads === null);
    const children = STREAMS.flatMap((stream) => {
      const book = scene.utterance.subjects[scene.subject].books[stream];
      if (!book.codes.length) return [];
      return [h("div", { class: "muted" }, TITLE[stream]), this.#buildRow(scene, book)];
    });
    // The button that had the focus is rebuilt; give it back.
    const had = focusBeside(this.element)?.dataset;
    this.element.replaceChildren(...children);
    if (!had?.code) return;
    const again = `[data-stream="${had.stream}"][data-code="${had.code}"]`;
    /** @type {HTMLElement | null} */ (this.element.querySelector(again))?.focus();
  }

  /** @param {Scene} scene @param {CodeBook} book */
  #buildRow(scene, book) {
    const chosen = chosenIn(scene, scene.subject, book.stream);
    const reached = chosen !== null && book.order.includes(chosen) ? chosen : book.order[0];
    const buttons = book.order.map((code) => this.#buildCode(scene, book, code, code === reached));
    const row = h(
      "div",
      {
        class: "codes",
        role: "toolbar",
        "aria-label": `${TITLE[book.stream]} codes`,
        onkeydown: (event) => rove(event, row),
      },
      buttons,
    );
    return row;
  }

  /** @param {Scene} scene @param {CodeBook} book @param {number} code @param {boolean} reached */
  #buildCode(scene, book, code, reached) {
    const { stream, k } = book;
    const { caption } = book.codes[code];
    const size = k > 24 ? 28 : 38;
    const canvas = h("canvas", { "aria-hidden": "true" });
    scene.pictures.stamp(sized(canvas, size, size), book, code, [0, 0], size);
    const { counts } = scene.utterance.subjects[scene.subject].streams[stream];
    return h(
      "button",
      {
        type: "button",
        "data-code": code,
        "data-stream": stream,
        class: counts[code] ? "" : "absent",
        tabindex: reached ? "0" : "-1",
        "aria-pressed": code === chosenIn(scene, scene.subject, stream),
        "aria-label": `${TITLE[stream]} code ${code}: ${caption}`,
        title: hoverOf(book, code),
        onclick: () => this.#store.chooseCode(stream, code, scene.subject),
      },
      canvas,
      String(code),
    );
  }
}

/** Who a code is, its channels, and where it occurs. */
export class ProfileView {
  element = h("div", { class: "profile", "aria-live": "polite" });
  #shown = "";

  /** @param {Scene} scene */
  draw(scene) {
    const chosen = chosenCode(scene);
    // What has not changed stays, unfolded channels and all.
    const { subject, utterance, effects, theme } = scene;
    const key = JSON.stringify([subject, scene.code, utterance.id, effects !== null, theme.dark]);
    if (chosen && key === this.#shown) return;
    this.#shown = key;
    const parts = chosen ? profileOf(scene, chosen.book, chosen.code) : [invitation()];
    this.element.replaceChildren(...parts);
  }
}

/** @param {Scene} scene */
function chosenCode({ code, subject, utterance }) {
  if (!code) return null;
  const book = utterance.subjects[subject].books[code[0]];
  return book.codes[code[1]] ? { book, code: code[1] } : null; // another book may have more codes
}

/** @param {Scene} scene @param {CodeBook} book @param {number} code */
const profileOf = (scene, book, code) => [
  whoIs(scene, book, code),
  channelsOfCode(book, code),
  near(book, code),
];

function invitation() {
  const text =
    "Choose a face or a voice to see what the code stands for, and a word to see what it takes.";
  return h("p", { class: "muted", style: { gridColumn: "1 / -1" } }, text);
}

/** @param {Scene} scene @param {CodeBook} book @param {number} code */
function whoIs(scene, book, code) {
  const { caption, frames } = book.codes[code];
  const picture = h("canvas", { "aria-hidden": "true" });
  scene.pictures.portrait(picture, 112, book, code);
  const name = h("div", {}, h("h3", {}, `${TITLE[book.stream]} code ${code}`), h("p", {}, caption));
  const segments = `, in ${book.looked_at} of ${book.train_size} training segments`;
  const where = book.looked_at < book.train_size ? segments : "";
  return h(
    "div",
    {},
    h("div", { class: "face" }, picture, name),
    h("p", { style: { marginTop: "10px" } }, factsAbout(scene, book, code).join(" ")),
    sharesOf(book, code),
    h("p", { class: "note" }, `${counted(frames, "frame")} in train${where}.${barsOf(book)}`),
  );
}

/** Which channels the bars of a picture are, from left to right. @param {CodeBook} book */
function barsOf({ bars, names }) {
  if (!bars.length) return "";
  return ` The bars are ${bars.map((j) => names[j]).join(", ")}, which set codes apart.`;
}

/**
 * What a code does in this utterance, in sentences.
 *
 * @param {Scene} scene
 * @param {CodeBook} book
 * @param {number} code
 */
function factsAbout(scene, { stream, codes }, code) {
  const { predictions, streams } = scene.utterance.subjects[scene.subject];
  const data = streams[stream];
  const facts = [`${data.counts[code]} of ${counted(data.n, "frame")} here.`];
  const effect = effectOf(scene, scene.subject, stream, code);
  const without = withoutCode(scene, scene.subject, stream, code);
  if (effect !== null) {
    const whole = signed(scene.effects?.[scene.subject].moved ?? null);
    facts.push(`Its effect (Shapley value) is ${signed(effect)}, of ${whole} that all codes move.`);
  }
  if (without !== null) {
    const now = signed(predictions.all);
    facts.push(`Left out alone, the prediction is ${signed(without)} instead of ${now}.`);
  }
  if (data.attends && data.counts[code]) facts.push(takersOf(scene.utterance.words, data, code));
  const { state, purity } = codes[code];
  if (state && purity !== undefined) {
    facts.push(`Planted state: ${state} (${percent(purity)} of its frames).`);
  }
  return facts;
}

/** @param {string[]} words @param {StreamReading} data @param {number} code */
function takersOf(words, data, code) {
  const takers = words
    .map((word, row) => ({ word, share: data.at(row, code) }))
    .filter(({ share }) => share >= LEAST_TAKEN)
    .sort((a, b) => b.share - a.share)
    .slice(0, 4)
    .map(({ word, share }) => `${quoted(word)} (${percent(share)})`);
  if (!takers.length) return `No word takes more than ${100 * LEAST_TAKEN} % from it.`;
  return `Taken most by ${takers.join(", ")}.`;
}

/**
 * How frequent a code is in negative and in positive segments, as bars.
 *
 * @param {CodeBook} book
 * @param {number} code
 */
function sharesOf({ codes }, code) {
  const { negative, positive } = codes[code];
  const most = Math.max(negative, positive, 1e-9);
  const share = (/** @type {"negative" | "positive"} */ tone, /** @type {number} */ value) => [
    h("span", {}, `of frames in ${tone} segments`),
    h("i", { style: { width: `${(100 * value) / most}%`, background: `var(--${tone})` } }),
    h("span", {}, `${(100 * value).toFixed(1)} %`),
  ];
  return h("div", { class: "share" }, share("negative", negative), share("positive", positive));
}

/**
 * The channels that are furthest from their mean, as bars, and all of them to unfold.
 *
 * @param {CodeBook} book
 * @param {number} code
 */
function channelsOfCode(book, code) {
  const { z } = book.looks[code];
  const order = [...z.keys()].sort((a, b) => Math.abs(z[b]) - Math.abs(z[a]));
  const most = Math.max(2, Math.abs(z[order[0]]));
  const bars = order.slice(0, CHANNELS_SHOWN).flatMap((j) => channelBar(book, z, j, most));
  const named = [...order.slice(0, CHANNELS_SHOWN), ...channelsIn(book, book.codes[code].caption)];
  const kinds = kindsInWords(book, [...named, ...book.bars]).map((kind) => h("li", {}, kind));
  const details = h(
    "details",
    {
      ontoggle: () => {
        if (!details.open || details.childElementCount > 1) return;
        details.append(channelTable(book, z, order));
      },
    },
    h("summary", {}, `all ${z.length} channels`),
  );
  const title = "Its mean, in the channels' own units (and in standard deviations)";
  const about = kinds.length ? h("ul", { class: "note kinds" }, kinds) : null;
  return h("div", {}, h("h2", {}, title), h("div", { class: "channels" }, bars), about, details);
}

/**
 * The value of a channel in its own unit.
 *
 * @param {CodeBook} book
 * @param {Float32Array} z
 * @param {number} j
 */
const ownUnit = ({ mean, scale }, z, j) => z[j] * scale[j] + mean[j];

/** @param {CodeBook} book @param {Float32Array} z @param {number} j @param {number} most */
function channelBar(book, z, j, most) {
  const width = `${(50 * Math.abs(z[j])) / most}%`;
  const bar = h("i", { style: z[j] < 0 ? { width, right: "50%" } : { width, left: "50%" } });
  const deviation = h("span", { class: "muted" }, `(${signed(z[j])})`);
  return [
    h("span", { title: aboutChannel(book, j) || null }, book.names[j]),
    h("span", { class: "track" }, bar),
    h("span", {}, `${plain(ownUnit(book, z, j))} `, deviation),
  ];
}

/** @param {CodeBook} book @param {Float32Array} z @param {number[]} order */
function channelTable(book, z, order) {
  const known = book.kinds.length > 0;
  const heads = ["channel", "mean", "z", ...(known ? ["what it is"] : [])].map((name) =>
    h("th", { scope: "col" }, name),
  );
  const rows = order.map((j) => {
    const values = [plain(ownUnit(book, z, j)), signed(z[j])].map((text) => h("td", {}, text));
    const about = known ? h("td", { class: "about" }, aboutChannel(book, j)) : null;
    return h("tr", {}, h("th", { scope: "row" }, book.names[j]), values, about);
  });
  const table = h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
  const reach = { tabindex: "0", role: "group", "aria-label": "all channels" };
  return h("div", { class: "scroll", style: { maxHeight: "240px" }, ...reach }, table);
}

/** @param {CodeBook} book @param {number} code */
function near(book, code) {
  const items = book.codes[code].nearest.map(({ id, text, label, frame }) => {
    const quote = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE - 1)}…` : text;
    const truth = label === null ? "" : `, true ${signed(label)}`;
    return h(
      "li",
      {},
      h("bdi", {}, `“${quote}”`),
      " ",
      h("span", { class: "muted" }, `${id}, frame ${frame}${truth}`),
    );
  });
  return h(
    "div",
    {},
    h("h2", {}, "Nearest training utterances"),
    h("ul", { class: "near" }, items),
  );
}
