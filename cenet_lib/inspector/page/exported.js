/** An exported page: what stands in for the notebook's model, and its address. */

import { readAddress, writeAddress } from "./address.js";

/** @import { PageRecord } from "./records.js" */
/** @import { Act, Message, Model, Traits } from "./model.js" */

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
      _what_ifs: data.what_ifs ?? {},
      _survey: data.survey,
      _open: new Set(Object.keys(data.records)),
      ...this.#recordsOf(data.state.utterance),
    };
    this.#follow();
    window.addEventListener("hashchange", () => this.#follow());
  }

  /** Choose what the address says. */
  #follow() {
    const { utterance, ...others } = readAddress(window.location.hash, this.#data);
    if (utterance !== undefined && utterance !== this.get("utterance")) {
      this.set("utterance", utterance);
    }
    const names = /** @type {(keyof typeof others)[]} */ (Object.keys(others));
    for (const name of names) this.set(name, /** @type {any} */ (others[name]));
  }

  /** @param {string} id */
  #recordsOf(id) {
    return { _record: this.#data.records[id], _effects: this.#data.effects[id], _taken: null };
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
    writeAddress(this.#traits, this.#data.corpus.subjects.length);
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
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    this.#tell("msg:custom", { kind: "film", id, n: 0, of: 1, mime, offset }, [bytes]);
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
