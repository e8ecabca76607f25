/** What codes do to the prediction: a sentence that follows from the bars, and codes taken away. */

import { namedInCaption } from "./data.js";
import { counted, h, signed } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";
import { sumOfEffects } from "./scene.js";
import { everywhere } from "./survey.js";

/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Stream, SubjectEffects } from "./records.js" */
/** @import { Group } from "./taken.js" */

const LEAST_TOLD = 0.01; // as in effects.py
const SHOWN_AS_NOTHING = 0.005; // what is below is written 0.00

/**
 * In sentences: what face and voice move, and the code with the largest part in it.
 *
 * @param {Scene} scene
 * @param {number} index of the subject
 * @param {Store} store
 */
export function findingOf(scene, index, store) {
  const effects = scene.effects?.[index];
  if (!effects?.players.length) return null;
  if (!effects.headline) return h("div", { class: "finding" }, nothingStandsOut(effects));
  const [stream, code] = effects.headline.code;
  const { books } = scene.utterance.subjects[index];
  const canvas = h("canvas", { "aria-hidden": "true" });
  scene.pictures.portrait(canvas, 64, books[stream], code);
  const sentence = h("p", {}, ...sentenceOf(scene, index, effects, effects.headline, store));
  const sum = h("p", { class: "note" }, sumOf(effects));
  const told = scene.survey && index === 0 ? everywhere(scene.survey, effects.headline.code) : "";
  const who = whoMoves(effects);
  const own = who ? ownOf(scene, index, effects, store) : [];
  const wide = who || told ? h("p", {}, who, ...own, ` ${told}`) : null;
  return h("div", { class: "finding" }, canvas, h("div", {}, sentence, wide, sum));
}

/** Where no code is worth a name: what there is to say of all. @param {SubjectEffects} effects */
function nothingStandsOut(effects) {
  const most = "no single code stands out";
  if (Math.abs(effects.moved) < SHOWN_AS_NOTHING)
    return h("p", {}, `Face and voice do not move this prediction, and ${most}.`);
  return h("p", {}, `Face and voice move this prediction by ${signed(effects.moved)}; ${most}.`);
}

/** The place of the stream that moves the prediction more. @param {SubjectEffects} effects */
function placeOfMost(effects) {
  const [face, voice] = STREAMS.map((stream) => Math.abs(sumOfEffects(effects, stream)));
  return face >= voice ? 0 : 1;
}

/** The code with the largest part in what its stream does. @param {SubjectEffects} effects @param {Stream} stream */
function leadingCode(effects, stream) {
  const way = Math.sign(sumOfEffects(effects, stream));
  const parts = Object.entries(effects[stream].effects).map(([code, effect]) => [
    Number(code),
    way * effect,
  ]);
  return parts.reduce((best, part) => (part[1] > best[1] ? part : best))[0];
}

/**
 * Where the largest part is a code of one stream, and the other stream moves more: that one's code.
 *
 * @param {Scene} scene
 * @param {number} index
 * @param {SubjectEffects} effects
 * @param {Store} store
 */
function ownOf(scene, index, effects, store) {
  const stream = STREAMS[placeOfMost(effects)];
  if (effects.headline?.code[0] === stream) return [];
  const code = leadingCode(effects, stream);
  const part = ` has the largest part in that: ${signed(effects[stream].effects[code])}.`;
  return [" ", ...linkTo(scene, index, [stream, code], store), part];
}

/** Which stream moves the prediction, in a sentence. @param {SubjectEffects} effects */
function whoMoves(effects) {
  const sums = STREAMS.map((stream) => sumOfEffects(effects, stream));
  const most = placeOfMost(effects);
  const [more, less] = [sums[most], sums[1 - most]];
  const [does, other] = [most, 1 - most].map((i) => TITLE[STREAMS[i]].toLowerCase());
  if (Math.abs(effects.moved) < LEAST_TOLD) return "";
  if (Math.abs(less) < SHOWN_AS_NOTHING) return `All of it is the ${does}: ${signed(more)}.`;
  if (more * less < 0)
    return `It is the ${does}: ${signed(more)}; the ${other} pulls the other way: ${signed(less)}.`;
  return `Most of it is the ${does}: ${signed(more)}; the ${other} adds ${signed(less)}.`;
}

/**
 * The same as `in_words` in figure.py.
 *
 * @param {Scene} scene
 * @param {number} index
 * @param {SubjectEffects} effects
 * @param {NonNullable<SubjectEffects["headline"]>} headline
 * @param {Store} store
 */
function sentenceOf(scene, index, effects, { code, against }, store) {
  const { all, none } = scene.utterance.subjects[index].predictions;
  const [stream, number] = code;
  const effect = effects[stream].effects[number];
  const link = linkTo(scene, index, code, store);
  if (Math.abs(effects.moved) < LEAST_TOLD) {
    const still = `Together, face and voice leave this prediction at ${signed(all)}. `;
    const does = ` ${effect < 0 ? "lowers" : "raises"} it most: ${signed(effect)}`;
    if (!against) return [still, ...link, `${does}.`];
    const back = ` the other way: ${signed(effects[against[0]].effects[against[1]])}.`;
    return [still, ...link, `${does}; `, ...linkTo(scene, index, against, store), back];
  }
  const verb = effects.moved < 0 ? "lower" : "raise";
  const from = ` this prediction from ${signed(none)} to ${signed(all)}. `;
  const begun = ["Face and voice ", h("b", {}, verb), from, ...link];
  const most = ` has the largest part in it: ${signed(effect)}`;
  if (!against) return [...begun, `${most}.`];
  const other = effects[against[0]].effects[against[1]];
  const how = signed(-other) === signed(effect) ? "as hard" : "and harder"; // as it is written
  const more = ` pulls the other way, ${how}: ${signed(other)}.`;
  return [...begun, `${most}; `, ...linkTo(scene, index, against, store), more];
}

/**
 * A button that leads to a code, and what the code looks like.
 *
 * @param {Scene} scene
 * @param {number} index
 * @param {[Stream, number]} code
 * @param {Store} store
 */
function linkTo(scene, index, [stream, code], store) {
  const choose = () => store.chooseCode(stream, code, index);
  const book = scene.utterance.subjects[index].books[stream];
  const name = `${TITLE[stream]} code ${code}`;
  const about = { title: namedInCaption(book, code).join("\n") || null };
  const caption = h("span", about, book.codes[code].caption);
  return [
    h("button", { type: "button", class: "link", onclick: choose }, name),
    " (",
    caption,
    ")",
  ];
}

/** How the effects add up. @param {SubjectEffects} effects */
function sumOf(effects) {
  const sums = STREAMS.map(
    (stream) => `${TITLE[stream].toLowerCase()} ${signed(sumOfEffects(effects, stream))}`,
  );
  const error = effects.quick ? quickError(effects.error) : sampledError(effects.error);
  return (
    `The effects of all codes (Shapley values) add up to what face and voice move: ` +
    `${sums.join(", ")}, together ${signed(effects.moved)}.${error}`
  );
}

/** @param {number} error of effects from the simple picture of a model; 0 if nobody measured it */
function quickError(error) {
  const known = error ? ` One by one they are off by ${errorText(error)} (root mean square).` : "";
  return ` They are a first answer, from a simple picture of the model.${known}`;
}

/** @param {number} error */
const sampledError = (error) =>
  error ? ` Each is sampled, with a standard error of ${errorText(error)}.` : "";

/** @param {number} error */
const errorText = (error) => (error < 0.005 ? "less than 0.01" : error.toFixed(2));

/** @type {{ group: Group, title: string, hint: string }[]} */
const GROUPS = [
  { group: "raising", title: "all that raise it", hint: "all codes with a positive effect" },
  { group: "lowering", title: "all that lower it", hint: "all codes with a negative effect" },
  { group: "positive", title: "positive cues", hint: "the frames of planted positive cues" },
  { group: "negative", title: "negative cues", hint: "the frames of planted negative cues" },
];

/** Takes codes away, and says what is predicted without them. */
export class TakenView {
  element = h("div", { class: "taken", role: "group", "aria-label": "Take codes away" });

  /** @param {Scene} scene */
  draw(scene) {
    const effects = scene.effects?.[scene.subject];
    this.element.hidden = !effects?.players.length;
    if (!effects || this.element.hidden) return;
    const focused = /** @type {HTMLElement | null} */ (this.element.querySelector(":focus"));
    const again = focused?.dataset.act;
    this.element.replaceChildren(
      h("div", { class: "row" }, ...this.#buttons(scene, effects)),
      h("p", { "aria-live": "polite" }, ...this.#told(scene)),
    );
    if (again) this.#focus(again);
  }

  /** The button that had the focus was built anew. @param {string} act */
  #focus(act) {
    const button = this.element.querySelector(`[data-act="${act}"]`);
    /** @type {HTMLElement | null} */ (button)?.focus();
  }

  /** @param {Scene} scene @param {SubjectEffects} effects */
  #buttons(scene, effects) {
    const { taken } = scene;
    const offered = GROUPS.filter(({ group }) => effects.without[group] !== undefined);
    const groups = offered.map(({ group, title, hint }) => {
      const act = () => taken.takeGroup(scene.subject, group);
      return actButton(group, title, hint, taken.isGroup(effects, group), act);
    });
    const chosen = chosenPlayer(scene, effects);
    const own =
      chosen &&
      actButton(
        "chosen",
        codeTitle(chosen).toLowerCase(),
        "the code that is chosen",
        taken.has(...chosen),
        () => taken.take(scene.subject, chosen),
      );
    const back = actButton("back", "put all back", "take nothing away", null, () =>
      taken.putBack(),
    );
    const label = h("span", { class: "muted" }, "Take away:");
    const acts = [...groups, own, taken.isEmpty ? null : back].filter(Boolean);
    return acts.length ? [label, ...acts] : [];
  }

  /** @param {Scene} scene */
  #told(scene) {
    const { taken, utterance } = scene;
    if (taken.isEmpty) return [];
    const answers = taken.concerned(scene.subject).flatMap(({ index, effects }) => {
      const { name, predictions } = utterance.subjects[index];
      const { value, computed } = taken.answer(index, effects);
      const who = utterance.subjects.length > 1 ? `${name}: ` : "";
      const about = computed ? "" : " (an estimate; only a running model computes this set)";
      const instead = ` instead of ${signed(predictions.all)}${about}. `;
      return [h("b", {}, `${who}${signed(value)}`), instead];
    });
    return [`Without ${takenInWords(scene)}: `, ...answers];
  }
}

/**
 * @param {string} act
 * @param {string} title
 * @param {string} hint
 * @param {boolean | null} pressed
 * @param {() => void} onclick
 */
const actButton = (act, title, hint, pressed, onclick) =>
  h(
    "button",
    { type: "button", "data-act": act, title: hint, "aria-pressed": pressed, onclick },
    title,
  );

/** @param {[Stream, number]} code */
const codeTitle = ([stream, code]) => `${TITLE[stream]} code ${code}`;

/** The chosen code, if it occurs. @param {Scene} scene @param {SubjectEffects} effects */
function chosenPlayer({ code }, { players }) {
  return players.find(([stream, number]) => stream === code?.[0] && number === code[1]) ?? null;
}

/** In words: what is taken away. @param {Scene} scene */
export function takenInWords({ taken, utterance, subject }) {
  const { cues, codes } = taken;
  if (cues) {
    const sign = cues === "positive" ? 1 : -1;
    const n = STREAMS.reduce(
      (sum, stream) => sum + (utterance.cues[stream]?.filter((mark) => mark === sign).length ?? 0),
      0,
    );
    return `the ${counted(n, "frame")} of ${cues} cues`;
  }
  const { streams } = utterance.subjects[subject];
  const frames = codes.reduce((sum, [stream, code]) => sum + streams[stream].counts[code], 0);
  const names = codes.map((code) => codeTitle(code).toLowerCase());
  const several = names.length > 6 ? `${names.length} codes` : names.join(", ");
  return `${several} (${counted(frames, "frame")})`;
}
