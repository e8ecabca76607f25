/** An exported page: what stands in for the notebook's model, and its address. */

import { readAddress, writeAddress } from "./address.js";
import { bytesOf } from "./records.js";

/** @import { PageRecord } from "./records.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Act, Message, Model, Traits } from "./model.js" */

const SOON = 60; // ms
const NOTHING = { _taken: null, _what_if: null }; // is changed in an utterance at first

/**
 * Stands in for the notebook's model on an exported page, where the records are all there.
 *
 * @implements {Model}
 */
export class ExportedModel {
  #data;
  #shelf;
  #writing = 0; // until the address is written
  /** @type {Traits} */
  #traits;
  /** @type {Map<string, Act[]>} */
  #acts = new Map();

  /** @param {PageRecord} data @param {Shelf} shelf */
  constructor(data, shelf) {
    this.#data = data;
    this.#shelf = shelf;
    this.#traits = {
      ...data.state,
      _corpus: data.corpus,
      _what_ifs: data.what_ifs ?? {},
      _survey: data.survey,
      _open: shelf.ids,
      ...this.#recordsOf(data.state.utterance),
    };
    this.#follow();
    window.addEventListener("hashchange", async () => {
      await shelf.unpacking;
      this.#follow();
    });
    shelf.unpacking?.then(() => this.#catchUp());
  }

  /** Show what was chosen before it was unpacked. */
  #catchUp() {
    if (!this.#traits._record) this.set("utterance", this.get("utterance"));
  }

  /** Choose what the address says. */
  #follow() {
    const { utterance, ...others } = readAddress(window.location.hash, this.#data, this.#shelf);
    if (utterance !== undefined && utterance !== this.get("utterance")) {
      this.set("utterance", utterance);
    }
    const names = /** @type {(keyof typeof others)[]} */ (Object.keys(others));
    for (const name of names) this.set(name, /** @type {any} */ (others[name]));
  }

  /** @param {string} id */
  #recordsOf(id) {
    this.#shelf.take(id);
    return { _record: this.#data.records[id], _effects: this.#data.effects[id], ...NOTHING };
  }

  /** @template {keyof Traits} Name @param {Name} name */
  get(name) {
    return this.#traits[name];
  }

  /** @template {keyof Traits} Name @param {Name} name @param {Traits[Name]} value */
  set(name, value) {
    this.#traits[name] = value;
    if (name === "utterance") {
      Object.assign(this.#traits, this.#recordsOf(this.#traits.utterance), { word: null });
      this.#tell("change:_record");
    }
    this.#tell(`change:${name}`);
  }

  /** Write the address soon: browsers take as long for it as for a picture. */
  save_changes() {
    clearTimeout(this.#writing);
    const n = this.#data.corpus.subjects.length;
    this.#writing = setTimeout(() => writeAddress(this.#traits, n), SOON);
  }

  /**
   * Hand on the film of an utterance, as Python would, and remember what is taken away; there is no
   * model here to ask.
   *
   * @param {Message} message
   */
  send(message) {
    if (message.kind === "film") this.#sendFilm(message.id);
    if (message.kind !== "taken") return;
    this.#traits._taken = message;
    this.save_changes();
  }

  /** @param {string} id */
  #sendFilm(id) {
    const { mime, data, offset } = this.#data.films[id];
    const about = { kind: "film", id, n: 0, of: 1, mime, offset };
    this.#tell("msg:custom", about, [bytesOf(data)]);
  }

  /** @param {string} event @param {Act} act */
  on(event, act) {
    this.#acts.set(event, [...(this.#acts.get(event) ?? []), act]);
  }

  off() {} // the page stays for as long as its window

  /** @param {string} event @param {...any} heard */
  #tell(event, ...heard) {
    for (const act of this.#acts.get(event) ?? []) act(...heard);
  }
}
