/**
 * The state of the page, and the only place where it changes.
 *
 * Data flows one way: views ask the store for a change, the store tells what has changed, and the
 * views draw the scene that it gives them. What Python may read and set lies in the model; the rest
 * (time, colours, width, the keyboard's cell) lies here.
 */

import { Pictures } from "./art.js";
import { openCorpus, openUtterance } from "./data.js";
import { FIRST_TOKEN } from "./records.js";
import { Timeline } from "./time.js";

/** @import { Theme } from "./colours.js" */
/** @import { Utterance } from "./data.js" */
/** @import { Cell, Scene } from "./scene.js" */
/** @import { Choice, CorpusRecord, Stream } from "./records.js" */
/** @import { UtteranceEffects, UtteranceRecord } from "./records.js" */

const FRAME_TIME = 90; // ms that the film shows a frame

/**
 * @typedef {Choice & {
 *   _corpus: CorpusRecord, _record?: UtteranceRecord, _effects?: UtteranceEffects,
 * }} Traits of the widget
 */

/**
 * What the page uses of anywidget's model.
 *
 * @typedef {object} Model
 * @property {<Name extends keyof Traits>(name: Name) => Traits[Name]} get
 * @property {<Name extends keyof Traits>(name: Name, value: Traits[Name]) => void} set
 * @property {() => void} save_changes
 * @property {(event: string, act: () => void) => void} on
 * @property {(event: string, act: () => void) => void} off
 */

/**
 * What has changed: the chosen utterance, its record, any other choice, the columns of the maps,
 * or the time of a stream.
 *
 * @typedef {"utterance" | "record" | "choice" | "view" | Stream} Change
 */

export class Store {
  /** @type {Model} */
  #model;
  /** @type {(change: Change) => void} */
  #tell;
  /** @type {Utterance | null} */
  #utterance = null;
  /** @type {Record<Stream, Timeline>} */
  #time = { visual: new Timeline(0), acoustic: new Timeline(0) };
  /** @type {{ stream: Stream, handle: number } | null} */
  #film = null;
  /** @type {Cell | null} */
  #cursor = null;
  #subject = 0;
  #table = false;
  #width = 0;
  #theme;
  #pictures;

  /** @param {Model} model @param {Theme} theme @param {(change: Change) => void} tell */
  constructor(model, theme, tell) {
    this.#model = model;
    this.#tell = tell;
    this.corpus = openCorpus(model.get("_corpus"));
    this.#theme = theme;
    this.#pictures = new Pictures(this.corpus.face, theme);
    this.#openRecord();
  }

  /** Follow the model, until the function that is returned is called. */
  listen() {
    /** @type {Record<string, () => void>} */
    const acts = {
      "change:_record": () => {
        this.#openRecord();
        this.#tell("record");
      },
      "change:_effects": () => this.#tell("choice"),
      "change:utterance": () => this.#tell("utterance"),
      "change:word": () => this.#tell("choice"),
      "change:code": () => this.#tell("choice"),
      "change:view": () => this.#tell("view"),
    };
    for (const [event, act] of Object.entries(acts)) this.#model.on(event, act);
    return () => {
      for (const [event, act] of Object.entries(acts)) this.#model.off(event, act);
      this.pause();
    };
  }

  /** What there is to draw; null as long as there is nothing or no room. @returns {Scene | null} */
  scene() {
    const utterance = this.#utterance;
    if (!utterance || !this.#width) return null;
    const [word, code] = [this.#model.get("word"), this.#model.get("code")];
    const effects = this.#model.get("_effects");
    return {
      ...{ corpus: this.corpus, utterance, word, code, subject: this.#subject, table: this.#table },
      effects: effects?.id === utterance.id ? effects.subjects : null,
      row: word === FIRST_TOKEN ? utterance.words.length : word,
      frames: this.#model.get("view") === "frames",
      time: this.#time,
      playing: this.#film?.stream ?? null,
      ...{ cursor: this.#cursor, theme: this.#theme, pictures: this.#pictures, width: this.#width },
    };
  }

  get width() {
    return this.#width;
  }

  get chosen() {
    return this.#model.get("utterance");
  }

  // what is chosen

  /** @param {string} id */
  chooseUtterance(id) {
    if (id !== this.chosen) this.#set({ utterance: id });
  }

  /** Choose a word, or let go of the chosen one. @param {number} word */
  chooseWord(word) {
    this.#set({ word: word === this.#model.get("word") ? null : word });
  }

  /**
   * Choose a code; the chosen one again lets go of it, except where one only passes over it.
   *
   * @param {Stream} stream
   * @param {number} code
   * @param {number} subject
   * @param {boolean} toggles
   */
  chooseCode(stream, code, subject, toggles = true) {
    const now = this.#model.get("code");
    const same = now?.[0] === stream && now[1] === code;
    const off = toggles && same && this.#subject === subject;
    this.#subject = subject;
    this.#set({ code: off ? null : [stream, code] });
    if (same && !off) this.#tell("choice"); // the number stays, the code book changes
  }

  /**
   * Choose the word and the code of a cell; a cell of padding has no code to choose.
   *
   * @param {number} subject
   * @param {Stream} stream
   * @param {number} row
   * @param {number} code
   */
  chooseCell(subject, stream, row, code) {
    const { words, subjects } = /** @type {Utterance} */ (this.#utterance);
    const word = row === words.length ? FIRST_TOKEN : row;
    this.#subject = subject;
    this.#set(
      code < subjects[subject].streams[stream].k ? { word, code: [stream, code] } : { word },
    );
    this.#tell("choice");
  }

  letGo() {
    if (this.#model.get("word") !== null) this.#set({ word: null });
    if (this.#model.get("code") !== null) this.#set({ code: null });
  }

  /** @param {Choice["view"]} view */
  showBy(view) {
    this.#set({ view });
  }

  /** @param {Partial<Choice>} choice */
  #set(choice) {
    const { utterance, word, code, view } = choice;
    if (utterance !== undefined) this.#model.set("utterance", utterance);
    if (word !== undefined) this.#model.set("word", word);
    if (code !== undefined) this.#model.set("code", code);
    if (view !== undefined) this.#model.set("view", view);
    this.#model.save_changes();
  }

  #openRecord() {
    const record = this.#model.get("_record");
    if (!record?.id) return; // not there yet
    this.pause();
    const utterance = openUtterance(record, this.corpus);
    this.#utterance = utterance;
    const longest = (/** @type {Stream} */ stream) =>
      new Timeline(Math.max(...utterance.subjects.map(({ streams }) => streams[stream].n)));
    this.#time = { visual: longest("visual"), acoustic: longest("acoustic") };
    this.#subject = Math.min(this.#subject, utterance.subjects.length - 1);
    this.#cursor = null;
  }

  // how it is shown

  toggleTable() {
    this.#table = !this.#table;
    this.#tell("choice");
  }

  /** @param {number} width */
  setWidth(width) {
    this.#width = width;
    this.#tell("choice");
  }

  /** @param {Theme} theme */
  setTheme(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#pictures = new Pictures(this.corpus.face, theme);
    this.#tell("choice");
  }

  /**
   * Put the keyboard on a cell; by frames, the film goes along.
   *
   * @param {Stream} stream
   * @param {Cell} cell
   * @param {boolean} seeks
   */
  pointAt(stream, cell, seeks) {
    this.#cursor = cell;
    if (seeks) this.#time[stream].seek(cell.column);
    this.#tell(stream);
  }

  // time

  /** @param {Stream} stream @param {number} factor @param {number} [centre] */
  zoom(stream, factor, centre) {
    this.#time[stream].zoom(factor, centre);
    this.#tell(stream);
  }

  /** @param {Stream} stream @param {number} from */
  moveTo(stream, from) {
    this.#time[stream].moveTo(from);
    this.#tell(stream);
  }

  /** @param {Stream} stream @param {number} frame */
  seek(stream, frame) {
    this.#time[stream].seek(frame);
    this.#tell(stream);
  }

  /** Stand at a frame that is in sight already. @param {Stream} stream @param {number} frame */
  standAt(stream, frame) {
    this.#time[stream].playhead = frame;
    this.#tell(stream);
  }

  /** Play a stream's frames, or stop it; from the start if it has ended. @param {Stream} stream */
  play(stream) {
    const was = this.#film?.stream;
    this.pause();
    if (was === stream) return;
    const time = this.#time[stream];
    const step = () => {
      if (time.ended) this.pause();
      else this.seek(stream, time.playhead + 1);
    };
    this.#film = { stream, handle: setInterval(step, FRAME_TIME) };
    if (time.ended) this.seek(stream, 0);
    else this.#tell(stream);
  }

  pause() {
    if (!this.#film) return;
    const { stream, handle } = this.#film;
    clearInterval(handle);
    this.#film = null;
    this.#tell(stream);
  }
}
