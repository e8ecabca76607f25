/** The state of an exported page in its address: `#utterance=…&word=…&code=…&taken=…&if=…&view=…`. */

import { lookIn, writeLook } from "./looked.js";
import { FIRST_TOKEN, MAPS, STREAMS, TITLE } from "./records.js";

/** @import { Choice, PageRecord, Stream } from "./records.js" */
/** @import { Looked } from "./looked.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { TakenAway } from "./taken.js" */

/**
 * What an address chooses; whatever there is not is left out.
 *
 * @param {string} hash
 * @param {PageRecord} page
 * @param {Shelf} shelf
 * @returns {Partial<Choice & { _taken: TakenAway, _what_if: string | null } & Looked>}
 */
export function readAddress(hash, page, shelf) {
  const named = new URLSearchParams(hash.replace(/^#/, ""));
  const [id, view] = [named.get("utterance"), named.get("view")];
  if (id === null || !shelf.take(id)) return withoutUtterance(named, page);
  return {
    utterance: id,
    word: wordIn(named.get("word"), page.records[id].words.length),
    code: codeIn(named.get("code"), page),
    view: view === "frames" ? "frames" : "codes",
    _taken: takenIn(named.get("taken") ?? "", page),
    _what_if: whatIfIn(named.get("if") ?? ""),
    ...modelsIn(named, page),
    ...lookIn(named),
  };
}

/** What an address chooses that names no utterance, as one that is written by hand. @param {URLSearchParams} named @param {PageRecord} page */
function withoutUtterance(named, page) {
  const code = codeIn(named.get("code"), page);
  const looks = ["show", "only", "find", "table"].some((name) => named.has(name));
  return { ...(code ? { code } : {}), ...(looks ? lookIn(named) : {}) };
}

/** @param {string | null} text @param {number} nWords */
function wordIn(text, nWords) {
  const place = /^-?\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
  return place >= FIRST_TOKEN && place < nWords ? place : null;
}

/** @param {string | null} text such as face-3 @param {PageRecord} page @returns {[Stream, number] | null} */
function codeIn(text, { corpus }) {
  const [, title, number] = /^([a-z]+)-(\d+)$/.exec(text ?? "") ?? [];
  const stream = STREAMS.find((s) => TITLE[s].toLowerCase() === title);
  if (!stream) return null;
  const k = Math.max(...corpus.vocabularies.map((books) => books[stream]?.k ?? 0));
  return Number(number) < k ? [stream, Number(number)] : null;
}

/**
 * What is taken away: codes, or planted cues of one sign.
 *
 * @param {string} text such as "face-3 voice-2", or "positive-cues"
 * @param {PageRecord} page
 * @returns {TakenAway}
 */
function takenIn(text, page) {
  const codes = text.split(" ").map((name) => codeIn(name, page));
  const sign = /^(positive|negative)-cues$/.exec(text)?.[1];
  return {
    codes: codes.filter((code) => code !== null),
    cues: sign === "positive" || sign === "negative" ? sign : null,
  };
}

/** @param {TakenAway} taken */
const takenAsText = ({ codes, cues }) =>
  cues ? `${cues}-cues` : codes.map((code) => codeAsText(code)).join(" ");

/** A change that was computed beforehand, such as "word 3". @param {string} text such as word-3, face-2 or scale-0.5 */
function whatIfIn(text) {
  const [, what, which] = /^(word|scale|face|voice)-([\d.]+)$/.exec(text) ?? [];
  const stream = STREAMS.find((s) => TITLE[s].toLowerCase() === what);
  return what ? `${stream ?? what} ${which}` : null;
}

/** @param {string} whatIf */
function whatIfAsText(whatIf) {
  const [what, which] = whatIf.split(" ");
  const stream = STREAMS.find((s) => s === what);
  return `${stream ? TITLE[stream].toLowerCase() : what}-${which}`;
}

/** @param {[Stream, number]} code */
const codeAsText = ([stream, code]) => `${TITLE[stream].toLowerCase()}-${code}`;

/**
 * Which maps of several models, and of which; as the page began, if the address does not say.
 *
 * @param {URLSearchParams} named
 * @param {PageRecord} page
 * @returns {Pick<Choice, "maps" | "pair">}
 */
function modelsIn(named, { corpus, state }) {
  const maps = MAPS.find((known) => known === named.get("maps")) ?? state.maps;
  const [one, other] = (named.get("models") ?? "").split("-").map(Number);
  const there = (/** @type {number} */ place) => corpus.subjects[place] !== undefined;
  const pair = there(one) && there(other) && one !== other ? pairOf(one, other) : state.pair;
  return { maps, pair };
}

/** @param {number} one @param {number} other @returns {[number, number]} */
const pairOf = (one, other) => [one, other];

/**
 * Put what is chosen into the address.
 *
 * @param {Choice & { _taken?: TakenAway | null, _what_if?: string | null } & Looked} choice
 * @param {number} nModels
 */
export function writeAddress(choice, nModels) {
  const { utterance, word, code, view, maps, pair, _taken, _what_if } = choice;
  const named = new URLSearchParams({ utterance });
  if (word !== null) named.set("word", String(word));
  if (code) named.set("code", codeAsText(code));
  const taken = _taken ? takenAsText(_taken) : "";
  if (taken) named.set("taken", taken);
  if (_what_if) named.set("if", whatIfAsText(_what_if));
  if (view !== "codes") named.set("view", view);
  if (nModels > 1) {
    named.set("maps", maps);
    named.set("models", pair.join("-"));
  }
  writeLook(named, choice);
  try {
    window.history.replaceState(window.history.state, "", `#${named}`);
  } catch {
    // A page inside another may not have an address of its own.
  }
}
