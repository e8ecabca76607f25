/** An exported page: what stands in for the notebook's model, and its address. */

import { readAddress, writeAddress } from "./address.js";

/** @import { PageRecord } from "./records.js" */
/** @import { Act, Message, Model, Traits } from "./store.js" */

/**
 * Stands in for the notebook's model on an exported page, where the records are all there.
 *
 * @implements {Model}
 */
export class ExportedModel {
  #data;
  /** @type {Traits} */
  #traits;
  /** @type {Map<string, Act[]>} */
  #acts = new Map();

  /** @param {PageRecord} data */
  constructor(data) {
    this.#data = data;
    this.#traits = {
      ...data.state,
      _corpus: data.corpus,
      ...this.#recordsOf(data.state.utterance),
    };
    this.#follow();
    window.addEventListener("hashchange", () => this.#follow());
  }

  /** Choose what the address says. */
  #follow() {
    const { utterance, ...others } = readAddress(window.location.hash, this.#data);
    if (utterance === undefined) return;
    if (utterance !== this.get("utterance")) this.set("utterance", utterance);
    const names = /** @type {(keyof typeof others)[]} */ (Object.keys(others));
    for (const name of names) this.set(name, /** @type {any} */ (others[name]));
  }

  /** @param {string} id */
  #recordsOf(id) {
    return { _record: this.#data.records[id], _effects: this.#data.effects[id] };
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

  save_changes() {
    writeAddress(this.#traits);
  }

  /** Hand on the film of an utterance, as Python would. @param {Message} message */
  send({ kind, id }) {
    if (kind !== "film") return; // there is no model here to ask
    const { mime, data } = this.#data.films[id];
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    this.#tell("msg:custom", { kind: "film", id, n: 0, of: 1, mime }, [bytes]);
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
