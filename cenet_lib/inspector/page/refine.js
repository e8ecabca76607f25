/** First answers are there at once; better ones are asked for, if one stays with an utterance. */

import { follow } from "./model.js";

/** @import { Model } from "./model.js" */

const STAYS = 400; // ms

/** Follow the model, until the function that is returned is called. @param {Model} model */
export function askForBetter(model) {
  let waiting = 0;
  const wait = () => {
    clearTimeout(waiting);
    const effects = model.get("_effects");
    if (!effects?.first) return;
    const { id } = effects;
    waiting = setTimeout(() => model.send({ kind: "refine", id }), STAYS);
  };
  const stop = follow(model, { "change:_effects": wait });
  model.send({ kind: "here" });
  return () => {
    clearTimeout(waiting);
    stop();
  };
}
