/** What a large exported page holds, which is compressed. */

import { bytesOf } from "./records.js";
import { Shelf } from "./shelf.js";

/** @import { PageRecord } from "./records.js" */

/**
 * In base64 and gzip: `packed` is the JSON of what is shown first, and `rest` that of the other
 * utterances, a line each.
 *
 * @typedef {{ packed: string, rest: string, films: PageRecord["films"] }} PackedPage
 */

/**
 * Return a page's data, unpacked if they are packed: of the utterances, what is shown first.
 *
 * @param {PageRecord | PackedPage} data
 * @returns {Promise<[PageRecord, Shelf]>}
 */
export async function openData(data) {
  if (!("packed" in data)) return [data, new Shelf(data)];
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This page needs a browser of 2023 or later: it cannot unpack its data here.");
  }
  const first = JSON.parse(await unzipped(data.packed));
  const page = { ...first, films: data.films };
  const shelf = new Shelf(page, unzipped(data.rest));
  const named = new URLSearchParams(window.location.hash.slice(1)).get("utterance") ?? "";
  if (shelf.ids.has(named) && !shelf.take(named)) await shelf.unpacking;
  return [page, shelf];
}

/** @param {string} text in base64 */
function unzipped(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** Say why a page cannot be shown. @param {HTMLElement} place @param {unknown} error */
export function sayWhy(place, error) {
  const why = document.createElement("p");
  why.setAttribute("role", "alert");
  why.textContent = error instanceof Error ? error.message : String(error);
  place.replaceChildren(why);
}
