/** What an exported page knows of each utterance; on a large page, most is unpacked when it is shown. */

/** @import { PageRecord, UtteranceEffects, UtteranceRecord, WhatIfs } from "./records.js" */

export class Shelf {
  #page;
  /** @type {Map<string, string>} what is unpacked and was not read yet: JSON, by id */
  #lines = new Map();

  /** @param {PageRecord} page @param {Promise<string>} [rest] a line for each of the page's `others` */
  constructor(page, rest) {
    this.#page = page;
    this.ids = new Set([...Object.keys(page.records), ...(page.others ?? [])]);
    /** When everything is unpacked; null if it is already. @type {Promise<void> | null} */
    this.unpacking = rest ? rest.then((text) => this.#keep(text)) : null;
  }

  /** @param {string} text */
  #keep(text) {
    const lines = text.split("\n");
    for (const [i, id] of (this.#page.others ?? []).entries()) this.#lines.set(id, lines[i]);
    this.unpacking = null;
  }

  /** Put an utterance into the page's records, if it is there already. @param {string} id */
  take(id) {
    const line = this.#lines.get(id);
    if (line !== undefined) {
      /** @type {[UtteranceRecord, UtteranceEffects, WhatIfs | null]} */
      const [record, effects, whatIfs] = JSON.parse(line);
      this.#lines.delete(id);
      this.#page.records[id] = record;
      this.#page.effects[id] = effects;
      if (whatIfs) this.#page.what_ifs[id] = whatIfs;
    }
    return Object.hasOwn(this.#page.records, id);
  }
}
