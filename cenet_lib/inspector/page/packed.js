/** What a large exported page holds, which is compressed. */

/** @import { PageRecord } from "./records.js" */

/** @typedef {{ packed: string, films: PageRecord["films"] }} PackedPage in base64, gzip, JSON */

/**
 * Return a page's data, unpacked if they are packed.
 *
 * @param {PageRecord | PackedPage} data
 * @returns {Promise<PageRecord>}
 */
export async function openData(data) {
  if (!("packed" in data)) return data;
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This page needs a browser of 2023 or later: it cannot unpack its data here.");
  }
  const bytes = Uint8Array.from(atob(data.packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return { ...JSON.parse(await new Response(stream).text()), films: data.films };
}

/** Say why a page cannot be shown. @param {HTMLElement} place @param {unknown} error */
export function sayWhy(place, error) {
  const why = document.createElement("p");
  why.setAttribute("role", "alert");
  why.textContent = error instanceof Error ? error.message : String(error);
  place.replaceChildren(why);
}
