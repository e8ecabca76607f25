/** One recording: its pieces, numbered, on their way to Python. */

const PIECE = 250; // ms
const FORMATS = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
const BITS = { videoBitsPerSecond: 1_200_000, audioBitsPerSecond: 128_000 };

/**
 * What the page tells Python, and Python the page (see `recorder.py`).
 *
 * @typedef {{ kind: string, take?: string, [name: string]: unknown }} Message
 * @typedef {(message: Message, buffers?: ArrayBuffer[]) => void} Send
 */

export class Take {
  id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
  /** @type {Blob[]} */
  #pieces = [];
  #bytes = 0;
  #start = 0;
  #seconds = 0;
  #dropped = false;
  #sending = Promise.resolve();
  #send;
  #recorder;

  /** @param {MediaStream} stream @param {Send} send */
  constructor(stream, send) {
    this.#send = send;
    const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
    this.#recorder = new MediaRecorder(stream, { mimeType, ...BITS });
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#add(data));
  }

  get running() {
    return this.#recorder.state === "recording";
  }

  get bytes() {
    return this.#bytes;
  }

  get seconds() {
    return this.running ? (performance.now() - this.#start) / 1000 : this.#seconds;
  }

  start() {
    this.#recorder.start(PIECE);
    this.#start = performance.now();
    this.#send({ kind: "start", take: this.id });
  }

  /** Stop, and send what is left. */
  async stop() {
    if (this.running) {
      this.#seconds = this.seconds;
      const stopped = new Promise((done) => this.#recorder.addEventListener("stop", done));
      this.#recorder.stop();
      await stopped;
    }
    await this.#end();
  }

  /** Stop, and send nothing any more. */
  drop() {
    this.#dropped = true;
    this.#pieces = [];
    if (this.running) this.#recorder.stop();
  }

  /** Send some pieces once more. @param {number[]} places */
  async repeat(places) {
    for (const place of places) {
      if (this.#pieces[place]) this.#dispatch(place);
    }
    await this.#end();
  }

  /** The whole film, to play it. */
  film() {
    return new Blob(this.#pieces, { type: this.#recorder.mimeType });
  }

  async #end() {
    await this.#sending;
    this.#send({
      ...{ kind: "end", take: this.id, pieces: this.#pieces.length, bytes: this.#bytes },
      ...{ mime: this.#recorder.mimeType, seconds: this.#seconds },
    });
  }

  /** @param {Blob} piece */
  #add(piece) {
    if (!piece.size || this.#dropped) return;
    this.#pieces.push(piece);
    this.#bytes += piece.size;
    this.#dispatch(this.#pieces.length - 1);
  }

  /** Send a piece after those before it. @param {number} place */
  #dispatch(place) {
    const piece = this.#pieces[place];
    this.#sending = this.#sending.then(async () => {
      const content = await piece.arrayBuffer();
      if (this.#dropped) return;
      this.#send({ kind: "piece", take: this.id, n: place }, [content]);
    });
  }
}
