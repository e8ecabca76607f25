/** What is filtered of all utterances, in an address: `#show=corpus&only=right&find=great`. */

import { OFFERS } from "./look.js";

/** @import { CorpusView, Filter } from "./look.js" */

/** @typedef {{ show?: "utterance" | "corpus", _corpus_view?: CorpusView }} Looked */

/** @param {URLSearchParams} named @returns {Looked} */
export function lookIn(named) {
  /** @type {Filter[]} */
  const known = [...OFFERS.map(({ name }) => name), "code"];
  const only = (named.get("only") ?? "").split(" ");
  return {
    show: named.get("show") === "corpus" ? "corpus" : "utterance",
    _corpus_view: {
      filters: known.filter((name) => only.includes(name)),
      find: named.get("find") ?? "",
      table: named.get("table") === "effect" ? "effect" : "attention",
    },
  };
}

/** @param {URLSearchParams} named @param {Looked} looked */
export function writeLook(named, { show, _corpus_view }) {
  const { filters = [], find = "", table = "attention" } = _corpus_view ?? {};
  if (show === "corpus") named.set("show", "corpus");
  if (filters.length) named.set("only", filters.join(" "));
  if (find) named.set("find", find);
  if (table !== "attention") named.set("table", table);
}
