/** Tables as CSV files, which spreadsheets open and take for nothing but text and numbers. */

import { h } from "./dom.js";

// As `as_cell` in terminal.py: what a spreadsheet would take for a formula gets an apostrophe.
const FORMULA =
  /^'*(?:[\t\r\n]|[\s\p{Cc}\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])/u;

/** @typedef {string | number | boolean | null} Entry of a table; null and "not a number" are empty */

/** @param {Entry} entry */
function cellOfTable(entry) {
  if (entry === null || Number.isNaN(entry)) return "";
  if (typeof entry === "number") return String(+entry.toPrecision(6));
  const text = String(entry);
  const plain = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** @param {string[]} headings @param {Entry[][]} lines */
export function csvFile(headings, lines) {
  const rows = [headings, ...lines].map((line) => `${line.map(cellOfTable).join(",")}\r\n`);
  return new Blob(["\ufeff", rows.join("")], { type: "text/csv" });
}

/** @param {Blob} file @param {string} name */
export function download(file, name) {
  const href = URL.createObjectURL(file);
  h("a", { href, download: name.replace(/[^\p{L}\p{N}._-]+/gu, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
