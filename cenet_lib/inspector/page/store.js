/**
 * The state of the page, and the only place where it changes.
 *
 * Data flows one way: views ask the store for a change, the store tells what has changed, and the
 * views draw the scene that it gives them. What Python may read and set lies in the model; the rest
 * (time, colours, width, the keyboard's cell) lies here.
 */

import { Pictures } from "./art.js";
import { Changes } from "./changes.js";
import { Clock } from "./clock.js";
import { openCorpus, openUtterance } from "./data.js";
import { follow } from "./model.js";
import { isPrinting } from "./paper.js";
import { FIRST_TOKEN, STREAMS } from "./records.js";
import { Reel, Timeline } from "./time.js";

/** @import { Theme } from "./colours.js" */
/** @import { Utterance } from "./data.js" */
/** @import { Act, Model } from "./model.js" */
/** @import { Cell, Scene } from "./scene.js" */
/** @import { Choice, Stream } from "./records.js" */

/**
 * What has changed: the chosen utterance, its record, any other choice, the columns of the maps,
 * the row under the pointer, what a model makes of changed words and frames, or the time of a
 * stream, or of the film and with it of both.
 *
 * @typedef {"utterance" | "record" | "choice" | "view" | "row" | "changes" | "film" | Stream} Change
 */

/** Whether there is attention to show by frames. @param {Utterance} utterance */
const anyAttends = ({ subjects }) =>
  subjects.some(({ streams }) => STREAMS.some((stream) => streams[stream].attends));

export class Store {
  /** @type {Model} */
  #model;
  /** @type {(change: Change) => void} */
  #tell;
  /** @type {Utterance | null} */
  #utterance = null;
  /** @type {Record<Stream, Timeline>} */
  #time = { visual: new Timeline(0), acoustic: new Timeline(0) };
  #reel = new Reel(); // frames that are played where there is no film
  /** @type {Clock | null} */
  #clock = null; // of the film
  /** @type {number | null} */
  #peek = null; // the time under the pointer
  /** @type {Changes | null} */
  #changes = null;
  /** @type {Cell | null} */
  #cursor = null;
  /** @type {number | null} */
  #hovered = null; // the row of the word under the pointer
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
    this.#subject = model.get("pair")[0];
    this.#openRecord();
  }

  /** Follow the model, until the function that is returned is called. */
  listen() {
    /** @type {Record<string, Act>} */
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
      "change:maps": () => this.#tell("view"),
      "change:pair": () => {
        this.#subject = this.#model.get("pair")[0]; // whose codes are shown
        this.#tell("view");
      },
      "change:_taken": () => {
        this.#changes?.taken.restore(this.#model.get("_taken"));
        this.#tell("choice");
      },
      "change:_what_if": () => this.#tell("changes"),
      "msg:custom": (content) => this.#changes?.hear(content),
    };
    const stop = follow(this.#model, acts);
    return () => {
      stop();
      this.pause();
    };
  }

  /** What there is to draw; null as long as there is nothing or no room. @returns {Scene | null} */
  scene() {
    const [utterance, changes] = [this.#utterance, this.#changes];
    if (!utterance || !changes || !this.#width) return null;
    const [word, code] = [this.#model.get("word"), this.#model.get("code")];
    const effects = this.#model.get("_effects");
    return {
      ...{ corpus: this.corpus, utterance, word, code, subject: this.#subject, table: this.#table },
      effects: effects?.id === utterance.id ? effects.subjects : null,
      row: word === FIRST_TOKEN ? utterance.words.length : word,
      ...{ taken: changes.taken, changes },
      frames: this.#model.get("view") === "frames" && anyAttends(utterance),
      maps: this.corpus.several ? this.#model.get("maps") : "each",
      pair: this.#model.get("pair"),
      time: this.#time,
      playing: this.#clock?.playing ? "film" : this.#reel.stream,
      ...{ film: utterance.film, moment: this.#peek ?? this.#clock?.time ?? 0 },
      hovered: this.#hovered,
      ...{ cursor: this.#cursor, theme: this.#theme, pictures: this.#pictures, width: this.#width },
      printing: isPrinting(),
    };
  }

  get width() {
    return this.#width;
  }

  get chosen() {
    return this.#model.get("utterance");
  }

  get code() {
    return this.#model.get("code");
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
    if (!off) this.#seekCode(stream, code, subject);
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
    this.#seekCode(stream, code, subject);
    this.#set(
      code < subjects[subject].streams[stream].k ? { word, code: [stream, code] } : { word },
    );
    this.#tell("choice");
  }

  letGo() {
    if (this.#model.get("word") !== null) this.#set({ word: null });
    if (this.#model.get("code") !== null) this.#set({ code: null });
    for (const stream of STREAMS) if (this.#time[stream].mark) this.mark(stream, null);
  }

  /** @param {Choice["view"]} view */
  showBy(view) {
    this.#set({ view });
  }

  /** Choose which maps of several models are shown. @param {Partial<Choice>} choice */
  compare(choice) {
    this.#set(choice);
  }

  /** @param {Partial<Choice>} choice */
  #set(choice) {
    const names = /** @type {(keyof Choice)[]} */ (Object.keys(choice));
    for (const name of names) this.#model.set(name, /** @type {any} */ (choice[name]));
    this.#model.save_changes();
  }

  #openRecord() {
    const record = this.#model.get("_record");
    if (!record?.id) return; // not there yet
    this.pause();
    const utterance = openUtterance(record, this.corpus);
    this.#utterance = utterance;
    this.#changes = new Changes(utterance, this.corpus, this.#model, this.#tell);
    this.#changes.taken.restore(this.#model.get("_taken"));
    const longest = (/** @type {Stream} */ stream) =>
      new Timeline(Math.max(...utterance.subjects.map(({ streams }) => streams[stream].n)));
    this.#time = { visual: longest("visual"), acoustic: longest("acoustic") };
    this.#peek = null;
    const { film } = utterance;
    this.#clock = film && new Clock(film.start, film.end, () => this.#keepStep());
    this.#subject = Math.min(this.#subject, utterance.subjects.length - 1);
    this.#cursor = null;
    this.#hovered = null;
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

  /** The film's own player asks. */
  get model() {
    return this.#model;
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
    if (seeks) this.seek(stream, cell.column);
    this.#tell(stream);
  }

  /** The pointer is over a word or its row, or (null) over none. @param {number | null} row */
  hoverRow(row) {
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.#tell("row");
  }

  // time

  /** @param {Stream} stream @param {number} factor @param {number} [centre] */
  zoom(stream, factor, centre) {
    this.#time[stream].zoom(factor, centre);
    this.#tell(stream);
  }

  /** Mark a stretch of frames. @param {Stream} stream @param {Timeline["mark"]} stretch @param {boolean} [drawing] it still grows */
  mark(stream, stretch, drawing = false) {
    this.#time[stream].mark = stretch;
    this.#tell(drawing ? stream : "choice");
  }

  /** @param {Stream} stream @param {number} from */
  moveTo(stream, from) {
    this.#time[stream].moveTo(from);
    this.#tell(stream);
  }

  /** @param {Stream} stream @param {number} frame */
  seek(stream, frame) {
    this.#time[stream].seek(frame);
    const film = this.#utterance?.film;
    if (film?.times[stream].length) this.seekTime(film.times[stream][this.#time[stream].playhead]);
    else this.#tell(stream);
  }

  /** Go to a time of the film. @param {number} time in seconds */
  seekTime(time) {
    this.#peek = null;
    this.#clock?.seek(time);
  }

  /**
   * The pointer is over a frame that is in sight, or (null) over none: without a film the frame is
   * shown from now on, with one only for as long.
   *
   * @param {Stream} stream
   * @param {number | null} frame
   */
  hover(stream, frame) {
    const film = this.#utterance?.film;
    if (this.#reel.stream || this.#clock?.playing) return;
    if (film) {
      this.#peek = frame === null ? null : (film.times[stream][frame] ?? null);
      this.#clock?.preview(this.#peek);
      this.#keepStep();
    } else if (frame !== null) {
      this.#time[stream].playhead = frame;
      this.#tell(stream);
    }
  }

  /** Let the frames of both streams be those of the film's time. */
  #keepStep() {
    const film = this.#utterance?.film;
    if (!film || !this.#clock) return;
    for (const stream of film.streams) {
      const time = this.#time[stream];
      const peek = this.#peek;
      time.peek = peek === null ? null : film.frameAt(stream, peek);
      time.seek(film.frameAt(stream, this.#clock.time));
    }
    this.#tell("film");
  }

  /** Go to the next frame of a code, if the film does not stand at one. */
  #seekCode(
    /** @type {Stream} */ stream,
    /** @type {number} */ code,
    /** @type {number} */ subject,
  ) {
    if (!this.#clock || this.#clock.playing) return;
    const { codes } = /** @type {Utterance} */ (this.#utterance).subjects[subject].streams[stream];
    const { playhead } = this.#time[stream];
    if (codes[playhead] === code) return;
    const next = codes.indexOf(code, playhead);
    const frame = next < 0 ? codes.indexOf(code) : next;
    if (frame >= 0) this.seek(stream, frame);
  }

  /**
   * Let a player show the film, or (null) none.
   *
   * @param {HTMLVideoElement | null} video
   * @param {number} offset the time of the film that was measured at which this one begins
   */
  showIn(video, offset = 0) {
    this.#clock?.follow(video, offset);
  }

  /** Play a stream's frames, or stop it; from the start if it has ended. @param {Stream} stream */
  play(stream) {
    if (this.#clock) {
      this.#peek = null;
      this.#clock.toggle();
      return;
    }
    const was = this.#reel.stream;
    this.pause();
    if (was === stream) return;
    const time = this.#time[stream];
    this.#reel.start(stream, () => {
      if (time.ended) this.pause();
      else this.seek(stream, time.playhead + 1);
    });
    if (time.ended) this.seek(stream, 0);
    else this.#tell(stream);
  }

  pause() {
    this.#clock?.pause();
    const stream = this.#reel.stop();
    if (stream) this.#tell(stream);
  }
}
