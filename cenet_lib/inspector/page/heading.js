/** What this is: the run's name, what words, codes and cells are, and a tour of four steps. */

import { counted, h } from "./dom.js";

/** @import { Corpus } from "./data.js" */

/** @type {[string, string][]} */
const TERMS = [
  ["word", " of the sentence takes something from the face and from the voice while it is said."],
  [
    "code",
    " is one of the typical moments of a face or a voice; each frame counts as the nearest.",
  ],
  ["cell", " is the share of a word's attention that the frames of one code get together."],
];

/** @param {Corpus} corpus @param {Tour} tour */
export function headingOf(corpus, tour) {
  const { title, name, list, subjects } = corpus;
  const about = `an attention inspector for ${counted(list.id.length, "utterance")} of ${name}`;
  const terms = termsOf(corpus).flatMap(([term, sentence]) => [
    "A ",
    h("b", {}, term),
    `${sentence} `,
  ]);
  return h(
    "header",
    { class: "heading" },
    h("div", { class: "row" }, h("h1", {}, title), h("span", { class: "muted" }, about)),
    subjects.some(({ reads }) => reads !== null) ? h("p", {}, ...terms, tour.opener) : null,
  );
}

/** Without attention there are codes, but no cells. @param {Corpus} corpus */
const termsOf = ({ subjects }) =>
  TERMS.filter(([term]) => term === "code" || subjects.some((one) => one.attends_over !== null));

/** @typedef {{ section: HTMLElement, title: string, text: string }} Step */

/** Leads from one part of the page to the next, and can be left at any time. */
export class Tour {
  #steps;
  #at = -1;
  #text = h("p");
  #next = h("button", { type: "button", class: "boxed", onclick: () => this.#go(this.#at + 1) });
  #skip = h("button", { type: "button", onclick: () => this.end() }, "skip the tour");
  opener = h(
    "button",
    { type: "button", class: "link", onclick: () => this.#go(0) },
    "Take the tour, in four steps.",
  );
  #box = h(
    "div",
    { class: "tour", role: "region", "aria-label": "Tour" },
    this.#text,
    h("div", { class: "row" }, this.#next, this.#skip),
  );

  /** @param {Step[]} steps */
  constructor(steps) {
    this.#steps = steps;
  }

  /** @param {number} place among the steps */
  #go(place) {
    this.#leave();
    if (place >= this.#steps.length) return this.end();
    this.#at = place;
    const { section, title, text } = this.#steps[place];
    const last = place === this.#steps.length - 1;
    const count = `${place + 1} of ${this.#steps.length}: `;
    this.#text.replaceChildren(h("b", {}, count + title), ` ${text}`);
    this.#next.textContent = last ? "done" : "next";
    this.#skip.hidden = last;
    section.classList.add("toured");
    section.prepend(this.#box);
    section.scrollIntoView({ block: "nearest" });
    this.#next.focus();
  }

  #leave() {
    this.#steps[this.#at]?.section.classList.remove("toured");
    this.#box.remove();
  }

  end() {
    if (this.#at < 0) return;
    this.#leave();
    this.#at = -1;
    this.opener.focus();
  }
}
