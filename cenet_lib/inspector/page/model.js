/** The model of a widget, as anywidget gives it: what it holds, and what a page says to it. */

/** @import { WhatIfAsked } from "./changes.js" */
/** @import { CorpusView } from "./look.js" */
/** @import { Choice, CorpusRecord } from "./records.js" */
/** @import { UtteranceEffects, UtteranceRecord, WhatIfs } from "./records.js" */
/** @import { SurveyRecord } from "./survey.js" */
/** @import { TakenAway, TakenTold, Without } from "./taken.js" */

/**
 * @typedef {Choice & {
 *   _corpus: CorpusRecord, _record?: UtteranceRecord, _effects?: UtteranceEffects,
 *   _survey?: SurveyRecord, _corpus_view?: CorpusView, show?: "utterance" | "corpus",
 *   _what_ifs?: Record<string, WhatIfs>, _what_if?: string | null, _taken?: TakenAway | null,
 *   _open?: Set<string>,
 * }} Traits of the widget; the last four are those of an exported page alone
 */

/**
 * What the page uses of anywidget's model.
 *
 * @typedef {object} Model
 * @property {<Name extends keyof Traits>(name: Name) => Traits[Name]} get
 * @property {<Name extends keyof Traits>(name: Name, value: Traits[Name]) => void} set
 * @property {() => void} save_changes
 * @property {(message: Message) => void} send
 * @property {(event: string, act: Act) => void} on
 * @property {(event: string, act: Act) => void} off
 *
 * @typedef {(...heard: any[]) => void} Act
 *
 * What a page asks for, and that codes are taken away.
 *
 * @typedef {{ kind: "film" | "refine" | "exact", id: string } | { kind: "here" | "survey" }} Asked
 * @typedef {Asked | Without | WhatIfAsked | TakenTold} Message
 */

/**
 * Listen to a model, until the function that is returned is called.
 *
 * @param {Model} model
 * @param {Record<string, Act>} acts by event
 */
export function follow(model, acts) {
  for (const [event, act] of Object.entries(acts)) model.on(event, act);
  return () => {
    for (const [event, act] of Object.entries(acts)) model.off(event, act);
  };
}
