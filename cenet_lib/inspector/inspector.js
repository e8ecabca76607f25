// The attention inspector, in a notebook (anywidget calls `render`) and on an exported page (which
// calls `mount`). One module, no imports, no requests. Python computes; this only shows.
//
// Everything that comes from a corpus is put on the page as text, never as markup.

const STREAMS = ["visual", "acoustic"];
const TITLE = { visual: "Face", acoustic: "Voice" };
const FIRST_TOKEN = -1; // the `word` that stands for the token that the head reads
const ROW_HEIGHT = 28; // of the list of utterances
const LANES = { codes: 30, gap: 4, attention: 30, cues: 12, axis: 18 }; // of a strip, in pixels

const LIGHT = {
  paper: "#ffffff", soft: "#f5f6f8", line: "#d8dce3", ink: "#1a1e26", muted: "#59616e",
  positive: "#0063a6", negative: "#b14300", accent: "#5a2ca0",
  ramp: ["#ffffff", "#ded3f4", "#ab8ddf", "#6a3bbd", "#2c0d66"],
};
const DARK = {
  paper: "#15171c", soft: "#1f222a", line: "#3a404c", ink: "#e9ebf0", muted: "#a6aebb",
  positive: "#6cb8f5", negative: "#f0a25c", accent: "#bda7ff",
  ramp: ["#15171c", "#38296a", "#6a4cc4", "#a88bf5", "#f2edff"],
};

const CSS = `
:host { all: initial; display: block; }
* { box-sizing: border-box; }
.root {
  font: 13px/1.45 var(--jp-ui-font-family, ui-sans-serif), Inter, "Segoe UI", "Helvetica Neue", Arial,
    sans-serif;
  color: var(--ink); background: var(--paper); padding: 18px 20px 22px; position: relative;
  border-radius: 8px; font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased;
}
.root.bordered { border: 1px solid var(--line); }
h2, h3, p, ul, table, dl, dd { margin: 0; padding: 0; font: inherit; }
h2 { font-size: 12px; font-weight: 600; color: var(--muted); letter-spacing: .02em; }
h3 { font-size: 15px; font-weight: 650; }
button, input { font: inherit; color: inherit; }
button { background: none; border: 1px solid transparent; border-radius: 5px; padding: 2px 8px;
  cursor: pointer; }
button:hover { background: var(--soft); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.muted { color: var(--muted); }
.positive { color: var(--positive); } .negative { color: var(--negative); }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.row { display: flex; gap: 10px; align-items: center; flex-wrap: wrap; }
.grow { flex: 1 1 auto; }

.pick input { border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; width: 250px;
  background: var(--paper); }
.pick input::placeholder { color: var(--muted); opacity: 1; }
.columns, .option { display: grid; grid-template-columns: 1fr repeat(5, 76px); align-items: center; }
.columns { margin-top: 8px; border-bottom: 1px solid var(--line); }
.columns button { text-align: right; padding: 2px 7px; font-size: 12px; color: var(--muted);
  white-space: nowrap; }
.columns button[aria-pressed=true] { color: var(--ink); font-weight: 600; }
.list { height: ${5 * ROW_HEIGHT}px; overflow-y: auto; position: relative;
  border-bottom: 1px solid var(--line); }
.option { position: absolute; left: 0; right: 0; height: ${ROW_HEIGHT}px; cursor: pointer;
  padding-left: 8px; }
.option > * { padding: 0 8px; text-align: right; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.option > :first-child { text-align: left; padding-left: 0; }
.option:hover { background: var(--soft); }
.list:focus .option.active { box-shadow: inset 0 0 0 2px var(--accent); }
.option[aria-selected=true] { background: var(--soft); font-weight: 600;
  border-left: 3px solid var(--accent); padding-left: 5px; }
.narrow .columns, .narrow .option { grid-template-columns: 1fr repeat(2, 74px); }
.narrow .wide { display: none; }

.sentence { font-size: 19px; line-height: 1.75; margin: 20px 0 12px; }
.sentence { word-spacing: -3px; }
.sentence button { padding: 1px 3px; border-radius: 4px; }
.sentence button[aria-pressed=true] { box-shadow: 0 0 0 2px var(--ink); }
.sentence .unread { color: var(--muted); text-decoration: line-through; }
.predictions { display: flex; gap: 14px 40px; flex-wrap: wrap; align-items: flex-start; }
.predictions svg { display: block; flex: 0 0 auto; }
.predictions text { font-size: 12.5px; fill: var(--ink); }
.finding { flex: 1 1 230px; max-width: 440px; display: flex; gap: 12px; align-items: center; }
.finding canvas { flex: none; }
.link { padding: 0; border: 0; color: var(--accent); text-decoration: underline;
  text-underline-offset: 2px; text-align: left; }

.bar { border-top: 1px solid var(--line); margin-top: 20px; padding-top: 14px; }
.switch { display: inline-flex; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.switch button { border: 0; border-radius: 0; padding: 3px 12px; }
.switch button[aria-pressed=true] { background: var(--ink); color: var(--paper); }
.legend { display: inline-flex; gap: 6px; align-items: center; font-size: 12px; color: var(--muted); }

.band { display: grid; column-gap: 26px; margin-top: 14px; }
.band > * { min-width: 0; }
.title { display: flex; align-items: baseline; gap: 8px; min-height: 28px; }
.title button { padding: 0 7px; min-width: 26px; border-color: var(--line); }
.side { position: relative; font-size: 12px; color: var(--muted); text-align: right; }
.side > div { position: absolute; right: 0; white-space: nowrap; max-width: 100%; overflow: hidden;
  text-overflow: ellipsis; }
.words { position: relative; font-size: 13px; }
.words > div { position: absolute; right: 0; max-width: 100%; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; text-align: right; cursor: pointer; padding: 0 4px; border-radius: 3px; }
.words > .on { background: var(--ink); color: var(--paper); font-weight: 600; }
.words > .quiet { color: var(--muted); cursor: default; }
.words > .first { color: var(--muted); }
.words > .first.on { color: var(--paper); }
canvas { display: block; touch-action: pan-y; }
canvas.map, canvas.strip, canvas.head { cursor: pointer; width: 100%; }
.note { font-size: 12.5px; color: var(--muted); padding: 8px 0 10px; }
.note b { color: var(--ink); font-weight: 600; }
.player { display: flex; gap: 12px; align-items: center; min-height: 88px; }
.player canvas { flex: none; }
.player .said { font-size: 12.5px; color: var(--muted); min-height: 3.2em; }
.player button { border-color: var(--line); }
.empty { color: var(--muted); padding: 24px 0; }
.scroll { overflow: auto; max-height: 440px; }

.gallery { display: grid; grid-template-columns: max-content 1fr; gap: 6px 14px; align-items: center;
  margin-top: 10px; }
.codes { display: flex; flex-wrap: wrap; gap: 2px; }
.codes button { padding: 3px 3px 0; text-align: center; font-size: 11px; line-height: 1.3;
  color: var(--muted); }
.codes button canvas { margin: 0 auto; }
.codes button.absent canvas { opacity: .35; }
.codes button[aria-pressed=true] { border-color: var(--ink); color: var(--ink); font-weight: 600; }
.profile { display: grid; grid-template-columns: minmax(230px, 1fr) minmax(250px, 1.1fr) minmax(210px, 1fr);
  gap: 20px 34px; margin-top: 18px; }
.narrow .profile { grid-template-columns: 1fr; }
.profile h2 { margin-bottom: 8px; }
.profile .face { display: flex; gap: 16px; align-items: center; }
.channels { display: grid; grid-template-columns: max-content 1fr max-content; gap: 3px 10px;
  align-items: center; font-size: 12.5px; }
.track { height: 12px; position: relative; background: linear-gradient(var(--line), var(--line))
  50% 0 / 1px 100% no-repeat; }
.track i { position: absolute; top: 1px; bottom: 1px; background: var(--muted); border-radius: 1px; }
.share { display: grid; grid-template-columns: max-content 1fr max-content; gap: 3px 10px;
  align-items: center; margin-top: 10px; font-size: 12.5px; }
.share i { display: block; height: 10px; border-radius: 1px; }
ul.near { list-style: none; display: grid; gap: 8px; font-size: 12.5px; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--muted); }
table { border-collapse: collapse; font-size: 12.5px; }
caption { text-align: left; color: var(--muted); padding-bottom: 4px; }
th, td { padding: 2px 8px; text-align: right; border-bottom: 1px solid var(--line); font-weight: 400; }
th { color: var(--muted); } tr > :first-child { text-align: left; }
tr.on > *, .on-column { font-weight: 650; color: var(--ink); background: var(--soft); }
.tip { position: absolute; z-index: 5; pointer-events: none; background: var(--ink);
  color: var(--paper); border-radius: 6px; padding: 6px 10px; font-size: 12.5px; max-width: 300px;
  white-space: pre-line; }
.tip[hidden] { display: none; }
`;

// ---------------------------------------------------------------- small tools

/** Make an element; strings become text nodes, so nothing in them is ever read as markup. */
function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, props, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const percent = (x) => `${Math.round(100 * x)}\u00a0%`;
const signed = (x) => (x === null || Number.isNaN(x) ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2));
const plain = (x) => (x <= -0.005 ? "−" : "") + Math.abs(x).toFixed(2);
const short = (x) => x.toFixed(2).replace(/^0/, ""); // .94

/** Read what Python's `pack` wrote. */
export function unpack(packed) {
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed.data), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const size = Number(packed.dtype[1]);
  const read = {
    u1: (i) => view.getUint8(i), u2: (i) => view.getUint16(i, true), i1: (i) => view.getInt8(i),
    f2: (i) => float16(view.getUint16(i, true)), f4: (i) => view.getFloat32(i, true),
  }[packed.dtype];
  const data = new Float32Array(bytes.length / size);
  for (let i = 0; i < data.length; i++) data[i] = read(i * size);
  return { shape: packed.shape, data };
}

function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : (sign * fraction) / 2 ** 24;
}

const channelsOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** Mix a ramp of colours at x in [0, 1]. */
function mix(stops, x) {
  const place = clamp(x, 0, 1) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [channelsOf(stops[i]), channelsOf(stops[i + 1])];
  return a.map((value, j) => Math.round(value + (place - i) * (b[j] - value)));
}

const css = (rgb) => `rgb(${rgb.join(",")})`;

/** Relative luminance, and whether black or white reads better on a colour (always 4.5:1 or more). */
function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const inkOn = (rgb) => (luminance(rgb) > 0.179 ? "#000000" : "#ffffff");

// ---------------------------------------------------------------- pictures of codes

/** Move the curves of the face; the same as `face_curves` in codes_art.py. */
export function faceCurves(parts, activation) {
  const a = (name) => activation[name] ?? 0;
  const turn = 0.22 * a("roll");
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return parts.map((part) => {
    const points = part.points.map(([x, y]) => [x, y]);
    for (const [unit, moves] of Object.entries(part.moves)) {
      for (const [i, [dx, dy]] of Object.entries(moves)) {
        points[i][0] += a(unit) * dx;
        points[i][1] += a(unit) * dy;
      }
    }
    const [sx, sy] = part.kind === "head" ? [0, 0] : [0.15 * a("yaw"), 0.16 * a("pitch")];
    const moved = points.map(([x, y]) => {
      const [u, v] = [x + sx, y + sy];
      return [u * cos - v * sin, u * sin + v * cos];
    });
    return { part, points: moved, opacity: part.shows ? a(part.shows) : 1 };
  });
}

const PULSES = [0.07, 0.24, 0.32, 0.55, 0.71, 0.78, 0.95];

/** The voice as a curve; the same as `wave` in codes_art.py. */
export function wave(activation, n = 72) {
  const a = (name) => activation[name] ?? 0;
  const height = 0.55 * 1.6 ** a("energy");
  const cycles = 4 * 1.9 ** a("pitch");
  const share = clamp(1 + a("voicing"), 0, 1);
  return Array.from({ length: n }, (_, i) => {
    const t = i / (n - 1);
    const smooth = Math.sin(2 * Math.PI * cycles * t);
    let pulses = -0.25;
    for (const at of PULSES) pulses += 1.3 * Math.exp(-(((t - at) / 0.022) ** 2));
    const noise = 0.35 * Math.sin(997 * t) * Math.sin(331 * t + 1);
    const voiced = (1 - a("creak")) * smooth + a("creak") * pulses;
    const edge = Math.min(1, 9 * Math.min(t, 1 - t));
    const y = edge * height * (share * voiced + (1 - share) * noise);
    return [2 * t - 1, clamp(-y, -1, 1)];
  });
}

function trace(context, points, closed) {
  const n = points.length;
  const at = (i) => (closed ? points[(i + n) % n] : points[clamp(i, 0, n - 1)]);
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 0; i < (closed ? n : n - 1); i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    context.bezierCurveTo(
      p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6,
      p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6, ...p2,
    );
  }
  if (closed) context.closePath();
}

/** Draw a face or a voice with its centre at (x, y). */
function drawCode(context, stream, look, x, y, size, theme, tint, faceParts) {
  const place = (points) => points.map(([u, v]) => [x + (u * size) / 2, y + (v * size) / 2]);
  const line = Math.max(size / 34, 0.9);
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = theme.ink;
  if (!look.activation) {
    fingerprint(context, look.z, x, y, size, theme);
  } else if (stream === "acoustic") {
    context.lineWidth = line * 1.15 * 1.7 ** -(look.activation.breath ?? 0);
    trace(context, place(wave(look.activation)), false);
    context.stroke();
  } else {
    for (const { part, points, opacity } of faceCurves(faceParts, look.activation)) {
      if (opacity <= 0) continue;
      const closed = ["head", "eye", "mouth"].includes(part.kind);
      const at = place(points);
      context.globalAlpha = opacity;
      context.lineWidth = part.kind === "brow" ? 1.8 * line : line;
      trace(context, at, closed);
      if (part.kind === "head") { context.fillStyle = tint; context.fill(); }
      if (part.kind === "eye") {
        context.fillStyle = theme.paper;
        context.fill();
        context.save();
        context.clip();
        const centre = [0, 1].map((j) => at.reduce((sum, p) => sum + p[j], 0) / at.length);
        context.beginPath();
        context.arc(...centre, 0.0425 * size, 0, 2 * Math.PI);
        context.fillStyle = theme.ink;
        context.fill();
        context.restore();
        trace(context, at, closed);
      }
      if (part.kind === "mouth") { context.fillStyle = theme.ink; context.fill(); }
      context.stroke();
    }
  }
  context.restore();
}

/** For channels without telling names: their values as bars, up and down from the mean. */
function fingerprint(context, z, x, y, size, theme) {
  const bars = Math.min(z.length, 20);
  const width = size / bars;
  context.fillStyle = theme.ink;
  for (let i = 0; i < bars; i++) {
    let peak = 0;
    for (let j = Math.floor((i * z.length) / bars); j < ((i + 1) * z.length) / bars; j++) {
      if (Math.abs(z[j]) > Math.abs(peak)) peak = z[j];
    }
    const height = (clamp(peak, -3, 3) / 3) * (size / 2);
    context.fillRect(x - size / 2 + i * width, y, Math.max(width - 0.5, 0.5), -height);
  }
}

/** Size a canvas for the screen's pixels and return its context, in CSS pixels, cleared. */
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, hgt] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== hgt) [canvas.width, canvas.height] = [w, hgt];
  canvas.style.height = `${height}px`;
  canvas.style.width = `${width}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// ---------------------------------------------------------------- the data, ready to draw

/** What is fixed for a corpus: code books, list, names. */
class Book {
  constructor(corpus) {
    this.corpus = corpus;
    this.face = corpus.face;
    this.vocabularies = corpus.vocabularies.map((streams) => {
      const books = {};
      for (const stream of STREAMS) books[stream] = streams[stream] && this.open(streams[stream]);
      return books;
    });
  }

  open(book) {
    const z = unpack(book.z).data;
    const d = book.names.length;
    const activation = unpack(book.activation).data;
    const m = book.art.length;
    const looks = book.codes.map((_, code) => ({
      z: z.subarray(code * d, (code + 1) * d),
      activation: m ? named(book.art, activation, code) : null,
    }));
    return { ...book, looks, mean: unpack(book.mean).data, scale: unpack(book.scale).data };
  }
}

function named(names, percents, row) {
  const activation = {};
  names.forEach((name, j) => { activation[name] = percents[row * names.length + j] / 100; });
  return activation;
}

/** One stream of one utterance as one model read it. */
class Stream {
  constructor(raw, book, stream, words) {
    this.stream = stream;
    this.book = book;
    this.codes = unpack(raw.codes).data;
    this.n = this.codes.length;
    this.k = book ? book.k : 1;
    this.film = unpack(raw.film);
    this.counts = new Float32Array(this.k + 1);
    for (const code of this.codes) this.counts[code] += 1;
    this.counts[this.k] = raw.padding;
    this.rows = words + 1; // the words, then the first token
    const attention = unpack(raw.attention);
    this.attention = attention && this.n + raw.padding > 0 ? attention.data : null;
    const rank = new Map((book ? book.order : []).map((code, i) => [code, i]));
    this.columns = [...this.counts.keys()]
      .filter((code) => this.counts[code] > 0)
      .sort((a, b) => (rank.get(a) ?? 1e9) - (rank.get(b) ?? 1e9));
    if (this.attention) this.spread();
  }

  at(row, code) { return this.attention[row * (this.k + 1) + code]; }

  /** Attention of a row on one frame: a code's share, divided among its frames. */
  onFrame(row, frame) {
    const code = this.codes[frame];
    return this.at(row, code) / this.counts[code];
  }

  /** Sums along time, so that the mean over any stretch of frames is one subtraction. */
  spread() {
    this.sums = new Float64Array(this.rows * (this.n + 1));
    this.top = { code: 0, frame: 0 };
    const perFrame = new Float32Array(this.k + 1);
    for (let row = 0; row < this.rows; row++) {
      for (const code of this.columns) {
        const value = this.at(row, code);
        perFrame[code] = value / this.counts[code];
        if (value > this.top.code) this.top.code = value;
        if (code < this.k && perFrame[code] > this.top.frame) this.top.frame = perFrame[code];
      }
      const start = row * (this.n + 1);
      for (let i = 0; i < this.n; i++) {
        this.sums[start + i + 1] = this.sums[start + i] + perFrame[this.codes[i]];
      }
    }
  }

  /** Mean attention per frame of a row over the frames a ≤ i < b (whole numbers). */
  mean(row, a, b) {
    const start = row * (this.n + 1);
    return (this.sums[start + b] - this.sums[start + a]) / (b - a);
  }

  /** Entropy in bits and the largest share of a row's attention. */
  measure(row) {
    let [entropy, top, code] = [0, 0, 0];
    for (const column of this.columns) {
      const p = this.at(row, column);
      if (Number.isNaN(p)) return null;
      if (p > 0) entropy -= p * Math.log2(p);
      if (p > top) [top, code] = [p, column];
    }
    return { entropy: Math.abs(entropy), top, code };
  }
}

// ---------------------------------------------------------------- the view

class Inspector {
  constructor(model, host) {
    this.model = model;
    this.host = host;
    host.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's keys are not for us
    this.shadow = host.attachShadow({ mode: "open" });
    this.book = new Book(model.get("_corpus"));
    this.sort = { column: "moved", down: false };
    this.windows = {};
    this.playhead = {};
    this.cursor = null; // the cell that the keyboard is on
    this.source = 0; // whose code book the chosen code belongs to
    this.table = false;
    this.glyphs = new Map();
    this.width = 0;
    this.build();
    this.listen();
    this.setTheme();
    this.filterList();
    this.showRecord();
  }

  listen() {
    const on = {
      "change:_record": () => this.showRecord(),
      "change:_effects": () => { this.readEffects(); this.draw(); },
      "change:utterance": () => this.markChosen(),
      "change:word": () => this.draw(),
      "change:code": () => this.draw(),
      "change:view": () => { this.hideTip(); this.draw(); },
    };
    for (const [event, act] of Object.entries(on)) this.model.on(event, act);
    const theme = new MutationObserver(() => this.setTheme());
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const changed = () => this.setTheme();
    scheme.addEventListener("change", changed);
    const size = new ResizeObserver(() => {
      const width = Math.floor(this.root.clientWidth);
      if (width && width !== this.width) { this.width = width; this.draw(); this.drawList(); }
    });
    size.observe(this.root);
    this.stop = () => {
      for (const [event, act] of Object.entries(on)) this.model.off(event, act);
      theme.disconnect();
      size.disconnect();
      scheme.removeEventListener("change", changed);
      this.pause();
    };
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  get word() { return this.model.get("word"); }
  get code() { return this.model.get("code"); }
  get frames() { return this.model.get("view") === "frames"; }

  choose(id) { if (id !== this.model.get("utterance")) this.set("utterance", id); }
  chooseWord(word) { this.set("word", word === this.word ? null : word); }
  /** Choose a code; the chosen one again lets go of it, except where one only passes over it. */
  chooseCode(stream, code, source = 0, toggles = true) {
    const same = this.code && this.code[0] === stream && this.code[1] === code;
    const off = toggles && same && this.source === source;
    this.source = source;
    this.set("code", off ? null : [stream, code]);
    if (same && !off) this.draw(); // the number stays, the code book changes
  }

  setTheme() {
    const { body } = document;
    const lab = body.dataset.jpThemeLight;
    const dark = lab !== undefined ? lab === "false"
      : body.dataset.vscodeThemeKind ? /dark|contrast$/.test(body.dataset.vscodeThemeKind)
        : window.matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = dark ? DARK : LIGHT;
    if (theme === this.theme) return;
    this.theme = theme;
    this.back = channelsOf(theme.paper);
    this.colours = Array.from({ length: 256 }, (_, i) => mix(theme.ramp, i / 255));
    for (const [name, value] of Object.entries(theme)) {
      if (name !== "ramp") this.root.style.setProperty(`--${name}`, value);
    }
    this.root.style.colorScheme = dark ? "dark" : "light";
    this.glyphs.clear();
    this.draw();
  }

  // ------------------------------------------------------------ building

  build() {
    this.search = h("input", {
      type: "search", placeholder: "search the words", "aria-label": "Search utterances by their words",
      oninput: () => this.filterList(),
      onkeydown: (e) => {
        if (e.key === "ArrowDown" || e.key === "Enter") {
          e.preventDefault();
          if (e.key === "Enter" && this.shown.length) this.choose(this.id(this.shown[0]));
          this.list.focus();
        }
      },
    });
    this.count = h("span", { class: "muted" });
    const column = (name, title, hint, extra = "") => h("button", {
      type: "button", class: extra, title: hint, "data-column": name, "aria-pressed": "false",
      onclick: () => {
        this.sort = { column: name, down: this.sort.column === name ? !this.sort.down : name !== "moved" };
        this.filterList();
      },
    }, title);
    this.columns = h("div", { class: "columns", role: "group", "aria-label": "Sort utterances by" },
      h("span"),
      column("label", "true", "sort by the true intensity", "wide"),
      column("prediction", "predicted", "sort by the predicted intensity"),
      column("error", "error", "sort by the distance of predicted and true", "wide"),
      column("moved", "moved", "sort by how far face and voice move the prediction of the words alone"),
      column("entropy", "entropy", "sort by the entropy of the attention, in bits", "wide"));
    this.list = h("div", {
      class: "list", role: "listbox", tabindex: "0", "aria-label": "Utterances",
      onscroll: () => this.drawList(), onkeydown: (e) => this.listKey(e),
    });
    this.rows = h("div");
    this.list.append(this.rows);
    const pick = h("section", { class: "pick", "aria-label": "Choose an utterance" },
      h("div", { class: "row" }, this.search, this.count), this.columns, this.list);

    this.sentence = h("div", {
      class: "sentence", role: "toolbar", "aria-label": "Words of the utterance",
      onkeydown: (e) => this.roving(e, this.sentence),
    });
    this.predictions = h("div", { class: "predictions" });
    const card = h("section", { "aria-label": "Utterance and predictions" },
      this.sentence, this.predictions);

    const mode = (name, title) => h("button", {
      type: "button", "data-view": name, onclick: () => this.set("view", name),
    }, title);
    this.modes = h("span", { class: "switch", role: "group", "aria-label": "Columns of the maps" },
      mode("codes", "codes"), mode("frames", "frames over time"));
    this.tables = h("button", {
      type: "button", style: { borderColor: "var(--line)" }, "aria-pressed": "false",
      onclick: () => { this.table = !this.table; this.draw(); },
    }, "as tables");
    this.ramp = h("canvas", { "aria-hidden": "true" });
    this.rampEnd = h("span");
    this.rampTitle = h("span");
    const bar = h("div", { class: "bar row" }, this.modes, this.tables, h("span", { class: "grow" }),
      h("span", { class: "legend" }, this.rampTitle, "0", this.ramp, this.rampEnd));
    this.maps = h("div");
    const maps = h("section", { "aria-label": "Attention maps" }, bar, this.maps);

    this.gallery = h("div", { class: "gallery" });
    this.profile = h("div", { class: "profile", "aria-live": "polite" });
    const codes = h("section", { class: "bar", "aria-label": "Codes" },
      h("div", { class: "row" }, h("h2", {}, "All codes"),
        h("span", { class: "muted" }, "from those in negative segments (left) to those in positive ones (right)")),
      this.gallery, this.profile);

    this.tip = h("div", { class: "tip", role: "tooltip", hidden: "" });
    this.status = h("div", { class: "sr", role: "status", "aria-live": "polite" });
    this.root = h("div", { class: "root bordered", role: "group", "aria-label": "Attention inspector",
      onkeydown: (e) => this.key(e) }, pick, card, maps, codes, this.tip, this.status);
    this.shadow.append(h("style", {}, CSS), this.root);
  }

  key(e) {
    if (e.key === "Escape") {
      this.hideTip();
      if (this.word !== null) this.set("word", null);
      if (this.code !== null) this.set("code", null);
    }
    // Notebook shortcuts (arrows, Enter, letters) must not act on cells while we have the focus.
    if (!e.ctrlKey && !e.metaKey) e.stopPropagation();
  }

  /** Left and right move within a group of buttons of which only one is in the Tab order. */
  roving(e, group) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    const buttons = [...group.querySelectorAll("button")];
    const at = buttons.indexOf(this.shadow.activeElement);
    let to = step ? clamp(at + step, 0, buttons.length - 1) : -1;
    if (e.key === "Home") to = 0;
    if (e.key === "End") to = buttons.length - 1;
    if (to < 0 || at < 0) return;
    e.preventDefault();
    buttons[at].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }

  // ------------------------------------------------------------ the list of utterances

  id(i) { return this.book.corpus.list.id[i]; }

  value(i, column) {
    const { label, prediction, words_alone: alone, entropy } = this.book.corpus.list;
    if (column === "error") return label[i] === null ? null : Math.abs(prediction[i] - label[i]);
    if (column === "moved") return prediction[i] - alone[i];
    return { label, prediction, entropy }[column][i];
  }

  filterList() {
    const { text } = this.book.corpus.list;
    const wanted = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.shown = [...text.keys()].filter((i) => {
      const words = text[i].toLowerCase();
      return wanted.every((word) => words.includes(word));
    });
    const { column, down } = this.sort;
    const key = (i) => this.value(i, column) ?? (down ? -Infinity : Infinity); // unknown ones last
    this.shown.sort((a, b) => (down ? key(b) - key(a) : key(a) - key(b)) || a - b);
    this.active = Math.max(0, this.shown.findIndex((i) => this.id(i) === this.model.get("utterance")));
    for (const button of this.columns.querySelectorAll("button")) {
      const on = button.dataset.column === column;
      button.setAttribute("aria-pressed", on);
      button.textContent = button.textContent.replace(/[▾▴ ]*$/, "") + (on ? (down ? " ▾" : " ▴") : "");
    }
    this.count.textContent = `${this.shown.length} of ${text.length}`;
    this.list.scrollTop = 0;
    this.scrollTo(this.active);
    this.drawList();
  }

  scrollTo(place) {
    const top = place * ROW_HEIGHT;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    const room = this.list.clientHeight || 5 * ROW_HEIGHT;
    if (top + ROW_HEIGHT > this.list.scrollTop + room) this.list.scrollTop = top + ROW_HEIGHT - room;
  }

  /** Only the rows in sight are elements, so thousands of utterances scroll smoothly. */
  drawList() {
    const { text } = this.book.corpus.list;
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW_HEIGHT) - 3);
    const last = Math.min(this.shown.length, first + 14);
    const chosen = this.model.get("utterance");
    const cell = (i, column, extra = "") => {
      const value = this.value(i, column);
      const tone = column === "moved" ? (value < -0.05 ? "negative" : value > 0.05 ? "positive" : "") : "";
      return h("span", { class: `${extra} ${tone}` },
        value === null ? "–" : column === "error" || column === "entropy" ? value.toFixed(2) : signed(value));
    };
    const rows = [];
    for (let place = first; place < last; place++) {
      const i = this.shown[place];
      rows.push(h("div", {
        class: `option${place === this.active ? " active" : ""}`, role: "option",
        id: `option-${place}`, "aria-selected": this.id(i) === chosen,
        "aria-setsize": this.shown.length, "aria-posinset": place + 1, "data-id": this.id(i),
        style: { top: `${place * ROW_HEIGHT}px` },
        onclick: () => { this.active = place; this.choose(this.id(i)); this.drawList(); },
      }, h("span", { title: text[i] }, text[i]), cell(i, "label", "wide"), cell(i, "prediction"),
      cell(i, "error", "wide"), cell(i, "moved"), cell(i, "entropy", "wide")));
    }
    this.rows.replaceChildren(...rows);
    this.rows.style.height = `${this.shown.length * ROW_HEIGHT}px`;
    this.list.setAttribute("aria-activedescendant", `option-${this.active}`);
  }

  listKey(e) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -1e9, End: 1e9 }[e.key];
    if (step) {
      e.preventDefault();
      this.active = clamp(this.active + step, 0, Math.max(0, this.shown.length - 1));
      this.scrollTo(this.active);
      this.drawList();
    } else if ((e.key === "Enter" || e.key === " ") && this.shown.length) {
      e.preventDefault();
      this.choose(this.id(this.shown[this.active]));
    }
  }

  markChosen() {
    const place = this.shown.findIndex((i) => this.id(i) === this.model.get("utterance"));
    if (place >= 0) { this.active = place; this.scrollTo(place); }
    this.drawList();
  }

  // ------------------------------------------------------------ a record arrives

  showRecord() {
    const record = this.model.get("_record");
    if (!record || !record.id) return;
    this.pause();
    this.record = record;
    this.sources = record.sources.map((raw, i) => {
      const books = this.book.vocabularies[this.book.corpus.sources[i].vocabulary];
      const streams = {};
      for (const s of STREAMS) streams[s] = new Stream(raw[s], books[s], s, record.words.length);
      return { ...raw, streams, books, name: this.book.corpus.sources[i].name };
    });
    this.source = Math.min(this.source, this.sources.length - 1);
    this.cues = {};
    for (const s of STREAMS) this.cues[s] = unpack(record.cues[s])?.data ?? null;
    for (const s of STREAMS) {
      this.windows[s] = [0, Math.max(...this.sources.map((source) => source.streams[s].n), 1)];
      this.playhead[s] = 0;
    }
    // One colour scale for everything that is shown.
    const all = this.sources.flatMap((source) => STREAMS.map((s) => source.streams[s].top));
    this.most = {};
    for (const what of ["code", "frame"]) {
      this.most[what] = Math.max(...all.map((top) => (top ? top[what] : 0)), 1e-6);
    }
    this.cursor = null;
    this.readEffects();
    this.sentence.replaceChildren();
    this.laidOut = null;
    this.markChosen();
    this.draw();
  }

  readEffects() {
    const effects = this.model.get("_effects");
    this.effects = effects && this.record && effects.id === this.record.id ? effects.sources : null;
  }

  effect(source, stream, code) {
    return this.effects ? this.effects[source][stream].effects[code] ?? null : null;
  }

  // ------------------------------------------------------------ drawing

  draw() {
    if (!this.record || !this.width || !this.theme) return;
    this.root.classList.toggle("narrow", this.width < 720);
    this.drawSentence();
    this.drawPredictions();
    this.layOut();
    for (const button of this.modes.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", (button.dataset.view === "frames") === this.frames);
    }
    this.tables.setAttribute("aria-pressed", this.table);
    this.drawLegend();
    for (const panel of this.panels) this.drawPanel(panel);
    this.drawWords();
    this.drawGallery();
    this.drawProfile();
  }

  colour(value, most) {
    return this.colours[Math.round(255 * clamp(value / most, 0, 1))];
  }

  /** The colour of a cell; when a word is chosen, the rows of the others step back. */
  cell(value, most, row) {
    const rgb = this.colour(value, most);
    const chosen = this.row();
    if (chosen === null || row === false || row === chosen) return rgb;
    return rgb.map((v, i) => Math.round(0.45 * v + 0.55 * this.back[i]));
  }

  /** The word by which the chosen row is called. */
  rowName(row) {
    return row === this.record.words.length ? this.book.corpus.first_token : this.record.words[row];
  }

  row() {
    const { word } = this;
    if (word === null || word === undefined) return null;
    return word === FIRST_TOKEN ? this.record.words.length : word;
  }

  /** The chosen code as [stream, code], where a panel's code book is the one it belongs to. */
  chosenIn(source, stream) {
    if (!this.code || this.code[0] !== stream) return null;
    const of = (i) => this.book.corpus.sources[i].vocabulary;
    return of(source) === of(this.source) ? this.code[1] : null;
  }

  drawSentence() {
    const { words } = this.record;
    if (this.sentence.childElementCount === 0) {
      const nRead = Math.min(...this.sources.map((source) => source.n_read));
      words.forEach((word, i) => {
        const button = h("button", {
          type: "button", tabindex: i ? "-1" : "0", class: i < nRead ? "" : "unread",
          onclick: () => this.chooseWord(i),
        }, word);
        this.sentence.append(button, " ");
      });
      if (nRead < words.length) {
        this.sentence.append(h("span", { class: "muted", style: { fontSize: "13px" } },
          ` the model reads the first ${nRead} words`));
      }
    }
    const chosen = this.code && this.sources[this.source].streams[this.code[0]];
    [...this.sentence.querySelectorAll("button")].forEach((button, i) => {
      button.setAttribute("aria-pressed", i === this.word);
      const value = chosen && chosen.attention && this.code[1] <= chosen.k ? chosen.at(i, this.code[1]) : 0;
      const tint = value > 0.005 ? this.colour(value, this.most.code) : null;
      button.style.background = tint ? css(tint) : "";
      button.style.color = tint ? inkOn(tint) : "";
      button.title = tint ? `${percent(value)} of what it takes from the ${TITLE[this.code[0]].toLowerCase()}` : "";
    });
  }

  drawPredictions() {
    const { label } = this.record;
    const [low, high] = this.book.corpus.label_range;
    const several = this.sources.length > 1;
    const wide = clamp(this.width - 40 - (several ? 0 : 300), 280, 560);
    const width = several && this.width > 760 ? (this.width - 80) / 2 : wide;
    const children = [];
    this.sources.forEach((source, index) => {
      const { predictions } = source;
      const rows = [["words alone", predictions.none], ["words and voice", predictions.no_visual],
        ["words and face", predictions.no_acoustic], ["all three", predictions.all]];
      const [left, right, top, step] = [120, 52, several ? 38 : 20, 21];
      const height = top + rows.length * step + 20;
      const x = (v) => left + ((clamp(v, low, high) - low) / (high - low)) * (width - left - right);
      const chart = svg("svg", { width, height, role: "img",
        "aria-label": `${several ? source.name + ": " : ""}predicted intensity: ` +
          rows.map(([name, v]) => `${name} ${signed(v)}`).join(", ") +
          (label === null ? "" : `; true ${signed(label)}`) });
      if (several) chart.append(svg("text", { x: 0, y: 13, "font-weight": 650 }, source.name));
      const bottom = top + rows.length * step;
      for (let v = Math.ceil(low); v <= high; v++) {
        chart.append(svg("line", { x1: x(v), x2: x(v), y1: top - 2, y2: bottom,
          stroke: this.theme.line, "stroke-width": v === 0 ? 1.5 : 0.75 }));
        chart.append(svg("text", { x: x(v), y: bottom + 14, "text-anchor": "middle",
          style: `fill:${this.theme.muted};font-size:11.5px` }, v === 0 ? "0" : (v < 0 ? "−" : "+") + Math.abs(v)));
      }
      if (label !== null) {
        chart.append(svg("line", { x1: x(label), x2: x(label), y1: top - 4, y2: bottom,
          stroke: this.theme.accent, "stroke-width": 2, "stroke-dasharray": "5 3" }));
        chart.append(svg("text", { x: x(label), y: top - 8, "text-anchor": "middle",
          style: `fill:${this.theme.accent};font-size:11.5px` }, "true"));
      }
      rows.forEach(([name, value], i) => {
        const y = top + (i + 0.5) * step;
        const bold = name === "all three";
        chart.append(svg("text", { x: left - 12, y: y + 4, "text-anchor": "end",
          "font-weight": bold ? 650 : 400 }, name));
        if (i) {
          chart.append(svg("line", { x1: x(predictions.none), x2: x(value), y1: y, y2: y,
            stroke: value < predictions.none ? this.theme.negative : this.theme.positive,
            "stroke-width": bold ? 3 : 1.5 }));
        }
        chart.append(svg("circle", { cx: x(value), cy: y, r: bold ? 5.5 : 4.5,
          fill: i ? this.theme.ink : this.theme.paper, stroke: this.theme.ink, "stroke-width": 1.5 }));
        chart.append(svg("text", { x: width - right + 12, y: y + 4, "font-weight": bold ? 650 : 400 },
          signed(value)));
      });
      children.push(chart);
      const finding = this.finding(index);
      if (finding) children.push(finding);
    });
    this.predictions.replaceChildren(...children);
  }

  /** In a sentence: which code matters most for this prediction. */
  finding(index) {
    const source = this.sources[index];
    let best = null;
    for (const s of STREAMS) {
      for (const code of source.streams[s].columns) {
        const effect = this.effect(index, s, code);
        if (effect !== null && (!best || Math.abs(effect) > Math.abs(best.effect))) best = { s, code, effect };
      }
    }
    if (!best || Math.abs(best.effect) < 0.01) return null;
    const { s, code, effect } = best;
    const book = source.books[s];
    const canvas = h("canvas", { "aria-hidden": "true" });
    drawCode(sized(canvas, 64, 64), s, book.looks[code], 32, 32, 58, this.theme, this.tint(book, code), this.book.face);
    const n = source.streams[s].counts[code];
    return h("div", { class: "finding" }, canvas, h("p", {},
      h("button", { type: "button", class: "link", onclick: () => this.chooseCode(s, code, index) },
        `${TITLE[s]} code ${code}`),
      ` (${book.codes[code].caption}) ${effect < 0 ? "lowers" : "raises"} this prediction most: without its ${n} frames it would be `,
      h("b", {}, signed(source.predictions.all - effect)), ` instead of ${signed(source.predictions.all)}.`));
  }

  drawLegend() {
    const context = sized(this.ramp, 110, 10);
    for (let i = 0; i < 110; i++) {
      context.fillStyle = css(this.colours[Math.round((i / 109) * 255)]);
      context.fillRect(i, 0, 1.5, 10);
    }
    context.strokeStyle = this.theme.line;
    context.strokeRect(0.5, 0.5, 109, 9);
    const most = this.frames ? this.most.frame : this.most.code;
    this.rampEnd.textContent = most >= 0.1 ? most.toFixed(2) : most.toPrecision(2);
    this.rampTitle.textContent = this.frames ? "a word's attention per frame" : "share of a word's attention";
  }

  tint(book, code) {
    const lean = book.codes[code] ? clamp(book.codes[code].lean / 0.4, -1, 1) : 0;
    const strong = lean < 0 ? this.theme.negative : this.theme.positive;
    return css(mix([this.theme.paper, strong], Math.abs(lean) * 0.3));
  }

  /** A code's picture, drawn once per size. */
  glyph(book, stream, code, size) {
    const key = `${this.book.vocabularies.findIndex((v) => v[stream] === book)} ${stream} ${code} ${size}`;
    if (!this.glyphs.has(key)) {
      const canvas = document.createElement("canvas");
      drawCode(sized(canvas, size, size), stream, book.looks[code], size / 2, size / 2, size - 2,
        this.theme, this.tint(book, code), this.book.face);
      this.glyphs.set(key, canvas);
    }
    return this.glyphs.get(key);
  }

  // ------------------------------------------------------------ maps

  /** Build the grid of maps, when the number or the width of columns has changed. */
  layOut() {
    const { words } = this.record;
    const key = [this.record.id, this.width, this.table, this.frames].join(" ");
    if (this.laidOut === key) return;
    this.laidOut = key;
    const several = this.sources.length > 1;
    const perRow = this.width >= 720 ? 2 : 1;
    const wanted = several
      ? STREAMS.flatMap((stream) => this.sources.map((_, source) => ({ source, stream })))
      : STREAMS.map((stream) => ({ source: 0, stream }));
    const bands = [];
    for (let i = 0; i < wanted.length; i += perRow) bands.push(wanted.slice(i, i + perRow));

    const rowHeight = clamp(Math.floor(430 / (words.length + 2)), 13, 22);
    const measure = document.createElement("canvas").getContext("2d");
    measure.font = "13px Arial, sans-serif";
    const names = [...words, this.book.corpus.first_token, "share of frames", "planted cues"];
    const widest = Math.max(...names.map((name) => measure.measureText(name).width));
    const label = clamp(widest * 1.08 + 14, 96, 150);
    const panelWidth = Math.floor((this.width - 42 - label - 26 * perRow) / perRow);

    this.panels = [];
    this.bands = [];
    this.maps.replaceChildren(...bands.map((band) => this.buildBand(band, { rowHeight, label, panelWidth })));
  }

  buildBand(band, sizes) {
    const parts = { side: h("div", { class: "side" }), words: h("div", { class: "words", "aria-hidden": "true" }),
      strip: h("div", { class: "side" }) };
    const element = h("div", { class: "band", style: {
      gridTemplateColumns: `${sizes.label}px repeat(${band.length}, minmax(0, 1fr))` } });
    const put = (child, row, column) => {
      child.style.gridRow = row;
      child.style.gridColumn = column;
      element.append(child);
    };
    put(parts.side, 2, 1);
    put(parts.words, 3, 1);
    put(parts.strip, 5, 1);
    band.forEach((wish, i) => {
      const panel = this.buildPanel(wish, sizes);
      [panel.title, panel.head, panel.body, panel.note, panel.strip, panel.player].forEach(
        (child, row) => put(child, row + 1, i + 2));
      this.panels.push(panel);
    });
    this.bands.push({ ...parts, panels: this.panels.slice(-band.length), sizes });
    return element;
  }

  buildPanel({ source, stream }, sizes) {
    const several = this.sources.length > 1;
    const data = this.sources[source].streams[stream];
    const name = several ? `${TITLE[stream]}, ${this.sources[source].name}` : TITLE[stream];
    const panel = { source, stream, data, name, ...sizes, width: sizes.panelWidth };
    const zoom = (text, label, act) => h("button", { type: "button", "aria-label": `${label}: ${name}`,
      title: label, onclick: act }, text);
    panel.title = h("div", { class: "title" }, h("h3", {}, name),
      h("span", { class: "muted" }, `${data.n} frames, ${data.columns.filter((c) => c < data.k).length} of ${data.k} codes`),
      h("span", { class: "grow" }),
      zoom("−", "zoom out", () => this.zoom(stream, 2)),
      zoom("+", "zoom in", () => this.zoom(stream, 0.5)),
      zoom("⟲", "show all frames", () => this.zoom(stream, Infinity)));
    panel.head = h("canvas", { class: "head", "aria-hidden": "true" });
    panel.map = h("canvas", { class: "map", tabindex: "0", role: "application",
      "aria-roledescription": "heat map", "data-stream": stream, "data-source": source });
    panel.body = h("div", { class: "scroll", style: { overflow: this.table ? "auto" : "visible", maxHeight: this.table ? "" : "none" } });
    panel.note = h("p", { class: "note" });
    panel.strip = h("canvas", { class: "strip", tabindex: "0", role: "slider", "data-stream": stream,
      "aria-label": `${name}: frames over time`, "aria-valuemin": "0", "aria-valuemax": data.n - 1 });
    panel.picture = h("canvas", { "aria-hidden": "true" });
    panel.said = h("div", { class: "said" });
    panel.play = h("button", { type: "button", "aria-label": `play the frames: ${name}`,
      onclick: () => this.play(stream) }, "▶ play");
    panel.player = h("div", { class: "player" }, panel.picture,
      h("div", {}, panel.said, panel.play));
    this.wire(panel);
    return panel;
  }

  wire(panel) {
    const { head, map, strip, stream, data } = panel;
    const spot = (e) => { const box = e.currentTarget.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top]; };
    head.addEventListener("pointermove", (e) => {
      const code = this.columnAt(panel, spot(e)[0]);
      if (code === null) this.hideTip(); else this.showTip(e, this.aboutCode(panel, code));
    });
    head.addEventListener("click", (e) => {
      const code = this.columnAt(panel, spot(e)[0]);
      if (code !== null && code < data.k) this.chooseCode(stream, code, panel.source);
    });
    const leave = () => this.hideTip();
    for (const canvas of [head, map, strip]) canvas.addEventListener("pointerleave", leave);

    let drag = null; // a press that moves far enough is a pan, not a click
    for (const canvas of [map, strip]) {
      canvas.addEventListener("pointerdown", (e) => {
        drag = { x: e.clientX, window: [...this.windows[stream]], moved: false };
        canvas.setPointerCapture(e.pointerId);
      });
      canvas.addEventListener("pointerup", () => { const was = drag; drag = null; panel.panned = was?.moved; });
      canvas.addEventListener("wheel", (e) => {
        const along = e.shiftKey ? e.deltaY : e.deltaX;
        const timed = canvas === strip || this.frames;
        if (timed && (e.ctrlKey || e.metaKey)) {
          e.preventDefault();
          this.zoom(stream, 1.0025 ** e.deltaY, this.frameAt(panel, spot(e)[0]));
        } else if (timed && Math.abs(along) > (e.shiftKey ? 0 : Math.abs(e.deltaY)) && this.isZoomed(stream)) {
          e.preventDefault();
          this.pan(stream, (along / panel.width) * this.span(stream));
        }
      }, { passive: false });
      canvas.addEventListener("pointermove", (e) => {
        if (drag && (canvas === strip || this.frames) && this.isZoomed(stream)) {
          const by = e.clientX - drag.x;
          if (Math.abs(by) > 4) drag.moved = true;
          if (drag.moved) {
            const shift = (-by / panel.width) * (drag.window[1] - drag.window[0]);
            this.windows[stream] = [...drag.window];
            this.pan(stream, shift);
            return;
          }
        }
        const [x, y] = spot(e);
        if (canvas === strip) this.hoverStrip(panel, e, x);
        else this.hoverMap(panel, e, x, y);
      });
    }
    map.addEventListener("click", (e) => {
      if (panel.panned) return;
      const [x, y] = spot(e);
      const row = this.rowAt(panel, y);
      const code = this.frames ? data.codes[this.frameAt(panel, x)] : this.columnAt(panel, x);
      if (row === null || code === null || code === undefined) return;
      if (this.frames) this.playhead[stream] = this.frameAt(panel, x);
      this.chooseCell(panel, row, code);
    });
    map.addEventListener("keydown", (e) => this.mapKey(e, panel));
    map.addEventListener("focus", () => {
      panel.focused = map.matches(":focus-visible");
      if (panel.focused && data.attention) { this.cursor ??= { row: 0, column: 0 }; this.say(panel); }
      this.drawPanel(panel);
    });
    map.addEventListener("blur", () => { panel.focused = false; this.drawPanel(panel); });
    strip.addEventListener("click", (e) => {
      if (panel.panned || !data.n) return;
      this.chooseCode(stream, data.codes[this.frameAt(panel, spot(e)[0])], panel.source, false);
    });
    strip.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -1e9, End: 1e9 }[e.key];
      if (step && data.n) { e.preventDefault(); this.seek(stream, this.playhead[stream] + step); }
      else if (e.key === "Enter" && data.n) {
        this.chooseCode(stream, data.codes[this.playhead[stream]], panel.source, false);
      }
      else if (e.key === " ") { e.preventDefault(); this.play(stream); }
      else this.zoomKey(e, stream);
    });
  }

  chooseCell(panel, row, code) {
    const word = row === this.record.words.length ? FIRST_TOKEN : row;
    this.source = panel.source;
    this.model.set("word", word);
    if (code < panel.data.k) this.model.set("code", [panel.stream, code]);
    this.model.save_changes();
    this.draw();
  }

  zoomKey(e, stream) {
    const factor = { "+": 0.5, "=": 0.5, "-": 2, "0": Infinity }[e.key];
    if (factor && !e.ctrlKey && !e.metaKey) { e.preventDefault(); this.zoom(stream, factor); }
  }

  mapKey(e, panel) {
    const { data } = panel;
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[e.key];
    if (!data.attention) return;
    const columns = this.frames ? data.n : data.columns.length;
    if (move) {
      e.preventDefault();
      const from = this.cursor ?? { row: 0, column: 0 };
      this.cursor = { row: clamp(from.row + move[0], 0, data.rows - 1),
        column: clamp(from.column + move[1], 0, columns - 1) };
      if (this.frames) this.seek(panel.stream, this.cursor.column);
      this.say(panel);
      this.drawPanel(panel);
    } else if (e.key === "Enter" && this.cursor) {
      const column = Math.min(this.cursor.column, columns - 1);
      this.chooseCell(panel, this.cursor.row, this.frames ? data.codes[column] : data.columns[column]);
    } else this.zoomKey(e, panel.stream);
  }

  say(panel) {
    const { data } = panel;
    const column = Math.min(this.cursor.column, (this.frames ? data.n : data.columns.length) - 1);
    this.status.textContent = this.frames ? this.aboutFrame(panel, this.cursor.row, column)
      : this.aboutCell(panel, this.cursor.row, data.columns[column]);
  }

  // Where things are in a panel, in pixels.
  rowTop(panel, row) {
    const n = this.record.words.length;
    return row * panel.rowHeight + (row >= n ? 5 : 0) + (row > n ? 5 : 0);
  }
  rowAt(panel, y) {
    for (let row = 0; row < panel.data.rows; row++) {
      const top = this.rowTop(panel, row);
      if (y >= top && y < top + panel.rowHeight) return row;
    }
    return null;
  }
  mapHeight(panel) { return this.rowTop(panel, panel.data.rows + (this.frames ? 0 : 1)); }
  columnWidth(panel) { return Math.min(panel.width / panel.data.columns.length, 58); }
  columnAt(panel, x) {
    return panel.data.columns[Math.floor(x / this.columnWidth(panel))] ?? null;
  }
  span(stream) { return this.windows[stream][1] - this.windows[stream][0]; }
  frameAt(panel, x) {
    const [from, to] = this.windows[panel.stream];
    return clamp(Math.floor(from + (x / panel.width) * (to - from)), 0, panel.data.n - 1);
  }
  frameX(panel, frame) {
    const [from, to] = this.windows[panel.stream];
    return ((frame - from) / (to - from)) * panel.width;
  }
  total(stream) { return Math.max(...this.sources.map((source) => source.streams[stream].n), 1); }
  isZoomed(stream) { return this.span(stream) < this.total(stream); }

  zoom(stream, factor, centre = this.windows[stream].reduce((a, b) => a + b) / 2) {
    const n = this.total(stream);
    const [from, to] = this.windows[stream];
    const span = clamp((to - from) * factor, Math.min(8, n), n);
    const start = clamp(centre - ((centre - from) / (to - from)) * span, 0, n - span);
    this.windows[stream] = [start, start + span];
    this.drawStream(stream);
  }

  pan(stream, by) {
    const span = this.span(stream);
    const start = clamp(this.windows[stream][0] + by, 0, this.total(stream) - span);
    this.windows[stream] = [start, start + span];
    this.drawStream(stream);
  }

  seek(stream, frame) {
    const n = this.total(stream);
    this.playhead[stream] = clamp(frame, 0, n - 1);
    const [from, to] = this.windows[stream];
    if (this.playhead[stream] < from) this.pan(stream, this.playhead[stream] - from);
    else if (this.playhead[stream] + 1 > to) this.pan(stream, this.playhead[stream] + 1 - to);
    else this.drawStream(stream);
  }

  drawStream(stream) {
    for (const panel of this.panels) if (panel.stream === stream) this.drawPanel(panel);
  }

  play(stream) {
    const was = this.timer?.stream;
    this.pause();
    if (was === stream) return;
    if (this.playhead[stream] >= this.total(stream) - 1) this.playhead[stream] = -1;
    const step = () => {
      if (this.playhead[stream] >= this.total(stream) - 1) this.pause();
      else this.seek(stream, this.playhead[stream] + 1);
    };
    this.timer = { stream, handle: setInterval(step, 90) };
    for (const panel of this.panels) if (panel.stream === stream) panel.play.textContent = "❚❚ pause";
  }

  pause() {
    if (!this.timer) return;
    clearInterval(this.timer.handle);
    this.timer = null;
    for (const panel of this.panels) panel.play.textContent = "▶ play";
  }

  // What the tips and the screen reader say.
  codeName(panel, code) {
    return code === panel.data.k ? "padding" : `${TITLE[panel.stream].toLowerCase()} code ${code}`;
  }
  aboutCode(panel, code) {
    const { data } = panel;
    const n = data.counts[code];
    if (code === data.k) return `padding\n${n} frames that never happened; this model attends to them`;
    const all = data.n + data.counts[data.k];
    const effect = this.effect(panel.source, panel.stream, code);
    const now = this.sources[panel.source].predictions.all;
    return `${TITLE[panel.stream]} code ${code}: ${data.book.codes[code].caption}\n` +
      `${n} of ${all} frames (${percent(n / all)})` +
      (effect === null ? "" : `\nwithout them the prediction is ${signed(now - effect)}, not ${signed(now)}`);
  }
  aboutCell(panel, row, code) {
    const value = panel.data.at(row, code);
    if (Number.isNaN(value)) return `“${this.rowName(row)}”: not read by the model`;
    return `“${this.rowName(row)}” × ${this.codeName(panel, code)}: ${value.toPrecision(3)}\n` +
      `${percent(value)} of what it takes from the ${TITLE[panel.stream].toLowerCase()}`;
  }
  aboutFrame(panel, row, frame) {
    const { data } = panel;
    const value = data.onFrame(row, frame);
    const rate = this.book.corpus.frame_rate?.[panel.stream];
    const when = rate ? ` (${(frame / rate).toFixed(2)} s)` : "";
    const code = data.codes[frame];
    if (Number.isNaN(value)) return `“${this.rowName(row)}”: not read by the model`;
    return `“${this.rowName(row)}” × frame ${frame}${when}: ${value.toPrecision(3)}\n` +
      `${this.codeName(panel, code)}: ${percent(data.at(row, code))} over its ${data.counts[code]} frames`;
  }

  hoverMap(panel, e, x, y) {
    const { data } = panel;
    if (!data.attention) return;
    const row = this.rowAt(panel, y);
    if (this.frames) {
      if (row === null) return this.hideTip();
      return this.showTip(e, this.aboutFrame(panel, row, this.frameAt(panel, x)));
    }
    const code = this.columnAt(panel, x);
    if (code === null) return this.hideTip();
    if (row !== null) return this.showTip(e, this.aboutCell(panel, row, code));
    return y > this.rowTop(panel, data.rows) ? this.showTip(e, this.aboutCode(panel, code)) : this.hideTip();
  }

  hoverStrip(panel, e, x) {
    if (!panel.data.n || this.timer) return;
    this.playhead[panel.stream] = this.frameAt(panel, x);
    this.drawStream(panel.stream);
  }

  showTip(e, text) {
    this.tip.textContent = text;
    this.tip.hidden = false;
    const box = this.root.getBoundingClientRect();
    const x = clamp(e.clientX - box.left + 14, 0, Math.max(0, this.width - this.tip.offsetWidth - 4));
    const below = e.clientY - box.top + 18;
    const above = e.clientY - box.top - this.tip.offsetHeight - 10;
    Object.assign(this.tip.style, { left: `${x}px`,
      top: `${e.clientY + this.tip.offsetHeight + 30 > window.innerHeight ? above : below}px` });
  }
  hideTip() { this.tip.hidden = true; }

  drawWords() {
    for (const band of this.bands) {
      const [panel] = band.panels;
      const rows = [];
      const fontSize = `${clamp(panel.rowHeight - 5, 10, 13)}px`;
      const label = (row, text, kind, word) => {
        const style = { top: `${this.rowTop(panel, row)}px`, height: `${panel.rowHeight}px`,
          lineHeight: `${panel.rowHeight}px`, fontSize };
        const on = word !== undefined && word === this.word;
        const act = word === undefined ? {} : { onclick: () => this.chooseWord(word) };
        rows.push(h("div", { class: `${kind}${on ? " on" : ""}`, style, title: text, ...act }, text));
      };
      if (!this.table) {
        this.record.words.forEach((word, i) => label(i, word, "", i));
        label(this.record.words.length, this.book.corpus.first_token, "first", FIRST_TOKEN);
        if (!this.frames) label(this.record.words.length + 1, "share of frames", "quiet");
      }
      band.words.replaceChildren(...rows);
      const side = [];
      const note = (text, top) => side.push(h("div", { style: { top: `${top}px` } }, text));
      if (!this.frames && !this.table && panel.data.attention) {
        note("code", panel.headRows.number - 1);
        if (this.effects) note("adds to prediction", panel.headRows.effect + 9);
      }
      band.side.replaceChildren(...side.splice(0));
      if (panel.data.n || band.panels.length > 1) {
        note("frames", 6);
        const name = this.row() === null ? "mean of the words" : `“${this.rowName(this.row())}” takes`;
        if (band.panels.some((p) => p.data.attention)) note(name, LANES.codes + LANES.gap + 8);
        if (band.panels.some((p) => this.cues[p.stream])) {
          note("planted cues", LANES.codes + 2 * LANES.gap + LANES.attention - 3);
        }
      }
      band.strip.replaceChildren(...side);
    }
  }

  drawPanel(panel) {
    const { data } = panel;
    const empty = !data.attention;
    panel.head.hidden = empty || this.frames || this.table;
    panel.head.style.display = panel.head.hidden ? "none" : "";
    const body = empty ? this.absence(panel) : this.table ? this.tableOf(panel) : panel.map;
    if (body !== panel.shown) { panel.body.replaceChildren(body); panel.shown = body; }
    this.drawNote(panel);
    panel.strip.style.display = panel.player.style.display = data.n ? "" : "none";
    if (data.n) { this.drawStrip(panel); this.drawPlayer(panel); }
    if (empty || this.table) return;
    if (!this.frames) this.drawHead(panel);
    this.drawMap(panel);
  }

  absence(panel) {
    const why = panel.data.n + panel.data.counts[panel.data.k] === 0 ? `No frames of the ${TITLE[panel.stream].toLowerCase()} here.`
      : "This model does not attend to codes: nothing to show.";
    return h("p", { class: "empty" }, why);
  }

  drawHead(panel) {
    const { data, stream } = panel;
    const width = this.columnWidth(panel);
    const size = Math.floor(clamp(width - 4, 8, 46));
    const effects = Boolean(this.effects);
    panel.headRows = { number: size + 3, effect: size + 20 };
    const height = panel.headRows.effect + (effects ? 42 : 0) + 4;
    const context = sized(panel.head, panel.width, height);
    const chosen = this.chosenIn(panel.source, stream);
    const strongest = this.effects ? Math.max(0.02, ...this.effects.flatMap((source) =>
      STREAMS.flatMap((s) => Object.values(source[s].effects).map(Math.abs)))) : 1;
    context.textAlign = "center";
    data.columns.forEach((code, i) => {
      const middle = (i + 0.5) * width;
      if (code === chosen) {
        context.fillStyle = this.theme.soft;
        context.fillRect(i * width, 0, width, height);
      }
      if (code < data.k && width >= 12) {
        context.drawImage(this.glyph(data.book, stream, code, size), middle - size / 2, 0, size, size);
      }
      context.fillStyle = code === chosen ? this.theme.ink : this.theme.muted;
      context.font = `${code === chosen ? "650 " : ""}12px Arial, sans-serif`;
      if (width >= 14) context.fillText(code === data.k ? "pad" : code, middle, panel.headRows.number + 11);
      const effect = this.effect(panel.source, stream, code);
      if (effect === null) return;
      const base = panel.headRows.effect + 19;
      const length = (effect / strongest) * 14;
      context.fillStyle = effect < 0 ? this.theme.negative : this.theme.positive;
      context.fillRect(middle - Math.min(7, width / 3), base, 2 * Math.min(7, width / 3), -length);
      if (width >= 28 && Math.abs(effect) >= 0.005) {
        context.font = "11px Arial, sans-serif";
        context.fillText((effect < 0 ? "−" : "+") + short(Math.abs(effect)), middle,
          effect < 0 ? base - 4 : base + 12);
      }
    });
    if (effects) {
      context.fillStyle = this.theme.line;
      context.fillRect(0, panel.headRows.effect + 19, data.columns.length * width, 1);
    }
  }

  drawMap(panel) {
    const { data, map } = panel;
    const context = sized(map, panel.width, this.mapHeight(panel));
    if (this.frames) this.paintFrames(panel, context); else this.paintCodes(panel, context);
    const row = this.row();
    const wide = this.frames ? panel.width : data.columns.length * this.columnWidth(panel);
    context.strokeStyle = this.theme.ink;
    if (row !== null) {
      context.lineWidth = 2;
      context.strokeRect(1, this.rowTop(panel, row), wide - 2, panel.rowHeight);
    }
    const chosen = this.chosenIn(panel.source, panel.stream);
    if (chosen !== null && !this.frames && data.columns.includes(chosen)) {
      const width = this.columnWidth(panel);
      context.lineWidth = 2;
      context.strokeRect(data.columns.indexOf(chosen) * width, 1, width, this.mapHeight(panel) - 2);
    }
    if (this.frames) {
      const x = this.frameX(panel, this.playhead[panel.stream] + 0.5);
      context.fillStyle = this.theme.ink;
      context.fillRect(x - 0.5, 0, 1, this.mapHeight(panel));
    }
    if (panel.focused && this.cursor) {
      const width = this.frames ? panel.width / this.span(panel.stream) : this.columnWidth(panel);
      const columns = this.frames ? data.n : data.columns.length;
      const column = Math.min(this.cursor.column, columns - 1);
      const x = this.frames ? this.frameX(panel, column) : column * width;
      context.strokeStyle = this.theme.accent;
      context.lineWidth = 2.5;
      context.strokeRect(x, this.rowTop(panel, this.cursor.row), Math.max(width, 3), panel.rowHeight);
    }
    const named = row === null ? "" : `; chosen word “${this.rowName(row)}”`;
    map.setAttribute("aria-label", `${panel.name}: ${this.record.words.length} words by ` +
      (this.frames ? `${data.n} frames` : `${data.columns.length} codes`) +
      `${named}. Arrow keys move, Enter chooses.`);
  }

  paintCodes(panel, context) {
    const { data } = panel;
    const width = this.columnWidth(panel);
    const height = panel.rowHeight;
    const all = data.n + data.counts[data.k];
    context.textAlign = "center";
    context.font = `${clamp(height - 8, 9, 11)}px Arial, sans-serif`;
    data.columns.forEach((code, i) => {
      for (let row = 0; row <= data.rows; row++) {
        const share = row === data.rows; // the last row: what attention would be if it did not choose
        const value = share ? data.counts[code] / all : data.at(row, code);
        const [x, y] = [i * width, this.rowTop(panel, row)];
        if (Number.isNaN(value)) {
          context.fillStyle = this.theme.soft;
          context.fillRect(x, y, width, height);
          continue;
        }
        const rgb = this.cell(value, this.most.code, !share && row);
        context.fillStyle = css(rgb);
        context.fillRect(x + 0.5, y + 0.5, width - 1, height - 1);
        if (width >= 26 && height >= 16 && value >= 0.095) {
          context.fillStyle = inkOn(rgb);
          context.fillText(value >= 0.995 ? "1" : short(value), x + width / 2, y + height / 2 + 4);
        }
      }
    });
    context.strokeStyle = this.theme.line;
    context.lineWidth = 1;
    const wide = data.columns.length * width;
    context.strokeRect(0.5, 0.5, wide - 1, this.record.words.length * height - 1);
    for (const row of [data.rows - 1, data.rows]) {
      context.strokeRect(0.5, this.rowTop(panel, row) + 0.5, wide - 1, height - 1);
    }
  }

  /** One pixel column shows the mean of the frames that fall into it. */
  paintFrames(panel, context) {
    const { data } = panel;
    const ratio = window.devicePixelRatio || 1;
    const pixels = Math.max(1, Math.round(panel.width * ratio));
    const [from, to] = this.windows[panel.stream];
    const image = new ImageData(pixels, data.rows);
    const soft = channelsOf(this.theme.soft);
    for (let p = 0; p < pixels; p++) {
      const first = from + (p / pixels) * (to - from);
      const a = Math.min(Math.floor(first), data.n - 1);
      const b = clamp(Math.floor(first + (to - from) / pixels), a + 1, data.n);
      for (let row = 0; row < data.rows; row++) {
        const value = data.mean(row, a, b);
        const rgb = Number.isNaN(value) ? soft : this.cell(value, this.most.frame, row);
        const at = 4 * (row * pixels + p);
        [image.data[at], image.data[at + 1], image.data[at + 2]] = rgb;
        image.data[at + 3] = 255;
      }
    }
    const rows = document.createElement("canvas");
    [rows.width, rows.height] = [pixels, data.rows];
    rows.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    for (let row = 0; row < data.rows; row++) {
      context.drawImage(rows, 0, row, pixels, 1, 0, this.rowTop(panel, row), panel.width, panel.rowHeight);
    }
    context.strokeStyle = this.theme.line;
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, panel.width - 1, this.record.words.length * panel.rowHeight - 1);
    context.strokeRect(0.5, this.rowTop(panel, data.rows - 1) + 0.5, panel.width - 1, panel.rowHeight - 1);
  }

  drawNote(panel) {
    const { data } = panel;
    if (!data.attention) return panel.note.replaceChildren();
    const row = this.row();
    let [who, measured] = ["Mean over words", null];
    if (row === null) {
      const rows = this.record.words.map((_, i) => data.measure(i)).filter(Boolean);
      const mean = (name) => rows.reduce((sum, m) => sum + m[name], 0) / rows.length;
      measured = { entropy: mean("entropy"), top: mean("top") };
    } else {
      who = `“${this.rowName(row)}”`;
      measured = data.measure(row);
    }
    const bits = Math.log2(data.columns.length);
    const parts = ["Attention is what the module mixed in, not a reason. "];
    if (measured) {
      parts.push(`${who}: entropy `, h("b", {}, measured.entropy.toFixed(2)),
        ` of at most ${bits.toFixed(2)} bits; the top code takes `, h("b", {}, percent(measured.top)),
        " of the mass.");
    }
    const cues = this.effects && this.effects[panel.source][panel.stream].cues;
    if (cues) {
      parts.push(" Planted cues are ", h("b", {}, percent(cues.share)), " of the frames and get ",
        h("b", {}, percent(cues.mass)), " of the mass");
      if (cues.control_mass !== null) {
        parts.push(` (control, these words over others' frames: ${percent(cues.control_share)} get ${percent(cues.control_mass)})`);
      }
      parts.push(".");
    }
    panel.note.replaceChildren(...parts);
  }

  tableOf(panel) {
    const { data } = panel;
    const chosen = this.chosenIn(panel.source, panel.stream);
    const mark = (code) => ({ class: code === chosen ? "on-column" : "" });
    const rows = [...Array(data.rows).keys()].map((row) =>
      h("tr", { class: row === this.row() ? "on" : "" }, h("th", { scope: "row" }, this.rowName(row)),
        data.columns.map((code) => {
          const value = data.at(row, code);
          return h("td", mark(code), Number.isNaN(value) ? "–" : value.toFixed(3));
        })));
    return h("table", { "data-stream": panel.stream },
      h("caption", {}, `${panel.name}: share of each word's attention, by code`),
      h("thead", {}, h("tr", {}, h("td", {}, "word"), data.columns.map((code) =>
        h("th", { scope: "col", ...mark(code), title: code < data.k ? data.book.codes[code].caption : "padding" },
          code === data.k ? "pad" : code)))),
      h("tbody", {}, rows));
  }

  // ------------------------------------------------------------ strips and the film

  drawStrip(panel) {
    const { data, stream, strip } = panel;
    const { codes, gap, attention, cues, axis } = LANES;
    const marks = this.cues[stream];
    const height = codes + gap + attention + (marks ? gap + cues : 0) + axis;
    const context = sized(strip, panel.width, height);
    const [from, to] = this.windows[stream];
    const chosen = this.chosenIn(panel.source, stream);
    const x = (frame) => this.frameX(panel, frame);
    context.textAlign = "center";

    const [first, last] = [Math.max(0, Math.floor(from)), Math.min(data.n, Math.ceil(to))];
    for (let start = first, end; start < last; start = end) {
      const code = data.codes[start];
      for (end = start + 1; end < last && data.codes[end] === code;) end += 1;
      const [left, right] = [x(start), x(end)];
      context.fillStyle = this.tint(data.book, code);
      context.fillRect(left, 0, right - left, codes);
      context.fillStyle = this.theme.line;
      context.fillRect(left, 0, 0.75, codes);
      const size = Math.floor(Math.min(codes - 4, right - left - 2));
      if (size >= 15) {
        context.drawImage(this.glyph(data.book, stream, code, size), (left + right - size) / 2, (codes - size) / 2, size, size);
      }
      if (code === chosen) {
        context.strokeStyle = this.theme.ink;
        context.lineWidth = 2;
        context.strokeRect(left + 1, 1, Math.max(right - left - 2, 1), codes - 2);
      }
    }
    context.strokeStyle = this.theme.line;
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, panel.width - 1, codes - 1);

    const base = codes + gap + attention;
    if (data.attention) {
      const rows = this.laneRows(data);
      // Scaled to its own peak, common to the models that are compared.
      const most = Math.max(1e-9, ...this.sources.map((source) => this.lanePeak(source.streams[stream])));
      context.fillStyle = this.theme.accent;
      const step = 1 / (window.devicePixelRatio || 1);
      for (let p = 0; p < panel.width; p += step) {
        const a = clamp(Math.floor(from + (p / panel.width) * (to - from)), 0, data.n - 1);
        const b = clamp(Math.floor(from + ((p + step) / panel.width) * (to - from)), a + 1, data.n);
        let value = 0;
        for (const r of rows) value += data.mean(r, a, b);
        value = value / Math.max(rows.length, 1) / most;
        if (value > 0) context.fillRect(p, base - value * attention, step, value * attention);
      }
      context.fillStyle = this.theme.line;
      context.fillRect(0, base, panel.width, 1);
    }
    if (marks) {
      const top = base + gap;
      for (let start = first, end; start < last; start = end) {
        for (end = start + 1; end < last && marks[end] === marks[start];) end += 1;
        if (!marks[start]) continue;
        const [left, right] = [x(start), x(end)];
        const up = marks[start] > 0;
        context.fillStyle = up ? this.theme.positive : this.theme.negative;
        context.fillRect(left, top, Math.max(right - left - 1, 1), cues);
        context.fillStyle = this.theme.paper;
        context.font = "700 11px Arial, sans-serif";
        if (right - left > 10) context.fillText(up ? "+" : "−", (left + right) / 2, top + cues - 2);
      }
    }
    const bottom = height - axis;
    const rate = this.book.corpus.frame_rate?.[stream];
    const span = rate ? (to - from) / rate : to - from;
    const wish = span / clamp(Math.floor(panel.width / 90), 2, 8);
    const power = 10 ** Math.floor(Math.log10(wish));
    const tick = [1, 2, 5, 10].map((m) => m * power).find((t) => t >= wish) || 1;
    context.fillStyle = this.theme.muted;
    context.font = "11px Arial, sans-serif";
    const unit = rate ? rate : 1;
    for (let t = Math.ceil(from / unit / tick) * tick; t * unit < to; t += tick) {
      const at = x(t * unit);
      context.textAlign = at < 12 ? "left" : "center";
      if (at > panel.width - 14) break; // its label would not fit
      context.fillText(rate ? `${+t.toFixed(2)} s` : Math.round(t), at, bottom + 14);
      context.fillRect(at, bottom + 1, 1, 3);
    }
    const at = x(this.playhead[stream] + 0.5);
    context.fillRect(at - 0.5, 0, 1.5, bottom);
    strip.setAttribute("aria-valuenow", this.playhead[stream]);
    strip.setAttribute("aria-valuetext", this.frameText(panel, this.playhead[stream]));
  }

  /** The rows whose attention a strip shows: the chosen one, or all words that were read. */
  laneRows(data) {
    const row = this.row();
    if (row !== null) return [row];
    return this.record.words.map((_, i) => i).filter((i) => !Number.isNaN(data.at(i, data.columns[0])));
  }

  lanePeak(data) {
    if (!data.attention) return 0;
    const rows = this.laneRows(data);
    const mean = (code) => rows.reduce((sum, row) => sum + data.at(row, code), 0) / rows.length / data.counts[code];
    return Math.max(0, ...data.columns.filter((code) => code < data.k).map(mean));
  }

  frameText(panel, frame) {
    const { data, stream } = panel;
    const rate = this.book.corpus.frame_rate?.[stream];
    const code = data.codes[frame];
    return `frame ${frame}${rate ? ` (${(frame / rate).toFixed(2)} s)` : ""}: code ${code}, ${data.book.codes[code].caption}`;
  }

  drawPlayer(panel) {
    const { data, stream } = panel;
    const frame = Math.min(this.playhead[stream], data.n - 1);
    const code = data.codes[frame];
    const look = data.film && data.book.art.length
      ? { activation: named(data.book.art, data.film.data, frame) } : data.book.looks[code];
    drawCode(sized(panel.picture, 84, 84), stream, look, 42, 42, 78, this.theme, this.tint(data.book, code), this.book.face);
    const row = this.row();
    const takes = row !== null && data.attention && !Number.isNaN(data.onFrame(row, frame))
      ? `“${this.rowName(row)}” gives this frame ${data.onFrame(row, frame).toPrecision(2)}` : "";
    panel.said.replaceChildren(this.frameText(panel, frame), h("br"), takes);
  }

  // ------------------------------------------------------------ codes

  drawGallery() {
    const source = this.sources[this.source];
    const children = [];
    for (const stream of STREAMS) {
      const book = source.books[stream];
      if (!book) continue;
      const chosen = this.chosenIn(this.source, stream);
      const start = Math.max(0, book.order.indexOf(chosen));
      const buttons = book.order.map((code, i) => {
        const size = book.k > 24 ? 28 : 38;
        const canvas = h("canvas", { "aria-hidden": "true" });
        sized(canvas, size, size).drawImage(this.glyph(book, stream, code, size), 0, 0, size, size);
        return h("button", { type: "button", "data-code": code, "data-stream": stream,
          class: source.streams[stream].counts[code] ? "" : "absent", tabindex: i === start ? "0" : "-1",
          "aria-pressed": code === chosen, "aria-label": `${TITLE[stream]} code ${code}: ${book.codes[code].caption}`,
          title: book.codes[code].caption, onclick: () => this.chooseCode(stream, code, this.source) }, canvas, String(code));
      });
      const group = h("div", { class: "codes", role: "toolbar", "aria-label": `${TITLE[stream]} codes`,
        onkeydown: (e) => this.roving(e, group) }, buttons);
      children.push(h("div", { class: "muted" }, TITLE[stream]), group);
    }
    // The button that had the focus is rebuilt; give it back.
    const had = this.shadow.activeElement?.dataset;
    this.gallery.replaceChildren(...children);
    if (had?.code) this.gallery.querySelector(`[data-stream="${had.stream}"][data-code="${had.code}"]`)?.focus();
  }

  drawProfile() {
    const { code } = this;
    const book = code && this.sources[this.source].books[code[0]];
    if (!book || !book.codes[code[1]]) {
      this.profile.replaceChildren(h("p", { class: "muted", style: { gridColumn: "1 / -1" } },
        "Choose a face or a voice to see what the code stands for, and a word to see what it takes."));
      return;
    }
    const key = JSON.stringify([this.source, code, this.record.id, this.effects !== null, this.theme.paper]);
    if (this.profiled === key && this.profile.childElementCount > 1) return;
    this.profiled = key;
    this.profile.replaceChildren(this.who(book, ...code), this.channels(book, code[1]), this.near(book, code[1]));
  }

  who(book, stream, code) {
    const source = this.sources[this.source];
    const data = source.streams[stream];
    const about = book.codes[code];
    const picture = h("canvas", { "aria-hidden": "true" });
    drawCode(sized(picture, 112, 112), stream, book.looks[code], 56, 56, 106, this.theme, this.tint(book, code), this.book.face);
    const facts = [`${data.counts[code]} of ${data.n} frames here.`];
    const effect = this.effect(this.source, stream, code);
    if (effect !== null) {
      facts.push(` Without them the prediction is ${signed(source.predictions.all - effect)} instead of ${signed(source.predictions.all)}.`);
    }
    if (data.attention && data.counts[code]) {
      const takers = this.record.words.map((word, i) => [word, data.at(i, code)])
        .filter(([, v]) => v >= 0.05).sort((a, b) => b[1] - a[1]).slice(0, 4);
      facts.push(takers.length ? ` Taken most by ${takers.map(([w, v]) => `“${w}” (${percent(v)})`).join(", ")}.`
        : " No word takes more than 5 % from it.");
    }
    if (about.state) facts.push(` Planted state: ${about.state} (${percent(about.purity)} of its frames).`);
    const most = Math.max(about.negative, about.positive, 1e-9);
    const share = (name, value, tone) => [h("span", {}, name),
      h("i", { style: { width: `${(100 * value) / most}%`, background: `var(--${tone})` } }),
      h("span", {}, `${(100 * value).toFixed(1)} %`)];
    const looked = book.looked_at < book.train_size ? `, in ${book.looked_at} of ${book.train_size} training segments` : "";
    return h("div", {},
      h("div", { class: "face" }, picture, h("div", {}, h("h3", {}, `${TITLE[stream]} code ${code}`),
        h("p", {}, about.caption))),
      h("p", { style: { marginTop: "10px" } }, facts.join("")),
      h("div", { class: "share" }, ...share("of frames in negative segments", about.negative, "negative"),
        ...share("of frames in positive segments", about.positive, "positive")),
      h("p", { class: "note" }, `${about.frames.toLocaleString("en")} frames in train${looked}.`));
  }

  channels(book, code) {
    const z = book.looks[code].z;
    const value = (j) => z[j] * book.scale[j] + book.mean[j];
    const order = [...z.keys()].sort((a, b) => Math.abs(z[b]) - Math.abs(z[a]));
    const most = Math.max(2, Math.abs(z[order[0]]));
    const bars = order.slice(0, 9).flatMap((j) => {
      const share = (50 * Math.abs(z[j])) / most;
      const place = z[j] < 0 ? { right: "50%" } : { left: "50%" };
      return [h("span", {}, book.names[j]),
        h("span", { class: "track" }, h("i", { style: { width: `${share}%`, ...place } })),
        h("span", {}, `${plain(value(j))} `, h("span", { class: "muted" }, `(${signed(z[j])})`))];
    });
    const rows = () => order.map((j) => h("tr", {}, h("th", { scope: "row" }, book.names[j]),
      h("td", {}, plain(value(j))), h("td", {}, signed(z[j]))));
    const details = h("details", { ontoggle: (e) => {
      if (e.target.open && e.target.childElementCount === 1) {
        e.target.append(h("div", { class: "scroll", style: { maxHeight: "240px" } }, h("table", {},
          h("thead", {}, h("tr", {}, h("th", {}, "channel"), h("th", {}, "mean"), h("th", {}, "z"))), h("tbody", {}, rows()))));
      }
    } }, h("summary", {}, `all ${z.length} channels`));
    return h("div", {}, h("h2", {}, "Its mean, in the channels' own units (and in standard deviations)"),
      h("div", { class: "channels" }, bars), details);
  }

  near(book, code) {
    const items = book.codes[code].nearest.map((one) => h("li", {}, `“${one.text.length > 90 ? one.text.slice(0, 89) + "…" : one.text}” `,
      h("span", { class: "muted" }, `${one.id}, frame ${one.frame}${one.label === null ? "" : `, true ${signed(one.label)}`}`)));
    return h("div", {}, h("h2", {}, "Nearest training utterances"), h("ul", { class: "near" }, items));
  }
}

// ---------------------------------------------------------------- entry points

function render({ model, el }) {
  const host = document.createElement("div");
  el.append(host);
  const view = new Inspector(model, host);
  return () => view.stop();
}

/** Show an exported page: the records are all there, so this stands in for the notebook's model. */
export function mount(el, data) {
  const state = { word: null, code: null, view: "codes", ...data.state, _corpus: data.corpus };
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      if (name === "utterance") {
        [state._record, state._effects, state.word] = [data.records[value], data.effects[value], null];
        for (const act of listeners["change:_record"] ?? []) act();
      }
      for (const act of listeners[`change:${name}`] ?? []) act();
    },
    save_changes() {},
    on(event, act) { (listeners[event] ??= []).push(act); },
    off() {},
  };
  model.set("utterance", state.utterance);
  state.word = data.state.word ?? null;
  render({ model, el });
  return model;
}

export default { render };
