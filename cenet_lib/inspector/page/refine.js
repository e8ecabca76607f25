/** First answers are there at once; better ones are asked for, if one stays with an utterance. */

import { follow } from "./model.js";

/** @import { Model } from "./model.js" */
/** @import { UtteranceEffects } from "./records.js" */

const STAYS = 400; // ms

/** What can be asked for: effects that are sampled, and then exact ones. @param {UtteranceEffects | undefined} effects */
function nextOf(effects) {
  if (effects?.first) return "refine";
  return effects?.sampled ? "exact" : null;
}

/** Follow the model, until the function that is returned is called. @param {Model} model */
export function askForBetter(model) {
  let waiting = 0;
  const wait = () => {
    clearTimeout(waiting);
    const effects = model.get("_effects");
    const kind = nextOf(effects);
    if (!effects || !kind) return;
    waiting = setTimeout(() => model.send({ kind, id: effects.id }), STAYS);
  };
  /** Exact effects come in pieces, so that a kernel can answer something else in between. */
  const goOn = (/** @type {{ kind: string, id: string }} */ { kind, id }) => {
    if (kind === "exact" && id === model.get("utterance")) model.send({ kind, id });
  };
  const stop = follow(model, { "change:_effects": wait, "msg:custom": goOn });
  model.send({ kind: "here" });
  wait();
  return () => {
    clearTimeout(waiting);
    stop();
  };
}
