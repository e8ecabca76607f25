/** The state of an exported page in its address: `#utterance=…&word=…&code=…&view=…`. */

import { FIRST_TOKEN, STREAMS, TITLE } from "./records.js";

/** @import { Choice, PageRecord, Stream } from "./records.js" */

/**
 * What an address chooses; whatever there is not is left out.
 *
 * @param {string} hash
 * @param {PageRecord} page
 * @returns {Partial<Choice>}
 */
export function readAddress(hash, page) {
  const named = new URLSearchParams(hash.replace(/^#/, ""));
  const [id, view] = [named.get("utterance"), named.get("view")];
  if (id === null || !Object.hasOwn(page.records, id)) return {};
  return {
    utterance: id,
    word: wordIn(named.get("word"), page.records[id].words.length),
    code: codeIn(named.get("code"), page),
    view: view === "frames" ? "frames" : "codes",
  };
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

/** Put what is chosen into the address. @param {Choice} choice */
export function writeAddress({ utterance, word, code, view }) {
  const named = new URLSearchParams({ utterance });
  if (word !== null) named.set("word", String(word));
  if (code) named.set("code", `${TITLE[code[0]].toLowerCase()}-${code[1]}`);
  if (view !== "codes") named.set("view", view);
  try {
    window.history.replaceState(window.history.state, "", `#${named}`);
  } catch {
    // A page inside another may not have an address of its own.
  }
}
