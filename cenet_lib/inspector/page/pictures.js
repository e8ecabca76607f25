/** The pictures of a film, on their way from Python or from an exported page to a player. */

/** @import { Model } from "./model.js" */

/**
 * A piece of a film: its number, of how many, what kind of film it is, and at which time of the film
 * that was measured it begins (a part that was cut out of it does so later).
 *
 * @typedef {object} FilmMessage
 * @property {"film" | "no film"} kind
 * @property {string} id
 * @property {number} n
 * @property {number} of
 * @property {string} mime
 * @property {number} offset in seconds
 * @property {string} say
 */

export class FilmLoader {
  #model;
  #arrived;
  #failed;
  /** @type {{ id: string, pieces: (BlobPart | undefined)[] } | null} */
  #asked = null;
  #address = "";

  /**
   * @param {Model} model
   * @param {(address: string, offset: number) => void} arrived
   * @param {(why: string) => void} failed
   */
  constructor(model, arrived, failed) {
    this.#model = model;
    this.#arrived = arrived;
    this.#failed = failed;
  }

  /** Wait for films, until the function that is returned is called. */
  listen() {
    const hear = (/** @type {FilmMessage} */ message, /** @type {BlobPart[]} */ buffers) =>
      this.#hear(message, buffers);
    this.#model.on("msg:custom", hear);
    return () => {
      this.#model.off("msg:custom", hear);
      this.drop();
    };
  }

  /** @param {string} id of the utterance */
  ask(id) {
    this.drop();
    this.#asked = { id, pieces: [] };
    this.#model.send({ kind: "film", id });
  }

  drop() {
    this.#asked = null;
    URL.revokeObjectURL(this.#address);
    this.#address = "";
  }

  /** @param {FilmMessage} message @param {BlobPart[]} buffers */
  #hear({ kind, id, n, of, mime, offset, say }, buffers) {
    const asked = this.#asked;
    if (!asked || asked.id !== id) return;
    if (kind === "no film") return this.#failed(say);
    if (kind !== "film") return;
    asked.pieces[n] = buffers[0];
    for (let i = 0; i < of; i++) if (!asked.pieces[i]) return;
    this.#asked = null;
    const film = new Blob(/** @type {BlobPart[]} */ (asked.pieces), { type: mime });
    this.#address = URL.createObjectURL(film);
    this.#arrived(this.#address, offset);
  }
}
