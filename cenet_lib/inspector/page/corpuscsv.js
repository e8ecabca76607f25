/** What is known of all utterances, as tables in files: of utterances, of codes, and of words. */

import { csvFile, download } from "./csv.js";
import { h } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Entry } from "./csv.js" */
/** @import { Corpus } from "./data.js" */
/** @import { Part, Survey } from "./survey.js" */

/**
 * A table: its headings and its lines.
 *
 * @typedef {[string[], Entry[][]]} Table
 */

/** What of the tables is asked for. @typedef {"utterances" | "codes" | "words"} Kept */

/** @param {Survey} survey @param {number} column */
function columnName({ columns }, column) {
  const [stream, code] = columns[column];
  return `${TITLE[stream].toLowerCase()}-${code}`;
}

/** @param {Part} part */
const partName = (part) => (part === "words" ? part : TITLE[part].toLowerCase());

/** The codes that occur anywhere. @param {Survey} survey */
const usedIn = ({ columns, record }) =>
  [...columns.keys()].filter((column) => record.codes.utterances[column]);

/** A line for each of some utterances, with the effects of codes. @param {Survey} survey @param {number[]} rows @returns {Table} */
function utterancesOf(survey, rows) {
  const { list, record, moved } = survey;
  const used = usedIn(survey);
  const headings = ["id", "speaker", "text", "true", "predicted", "words_alone", "face", "voice"];
  headings.push("won", "dominates", "sign_turned", "planted_cues");
  headings.push(...used.map((column) => columnName(survey, column)));
  const lines = rows.map((i) => {
    const told = [list.id[i], record.speaker[i], list.text[i], list.label[i], list.prediction[i]];
    const parts = [list.words_alone[i], ...STREAMS.map((stream) => moved[stream][i])];
    const who = partName(survey.winner(i));
    const most = survey.dominant(i);
    const effects = used.map((column) => survey.effect(i, column));
    const dominates = most === null ? "" : partName(most);
    return [...told, ...parts, who, dominates, survey.turn(i), record.cues[i], ...effects];
  });
  return [headings, lines];
}

/** A line per code: over all utterances, and over those that pass the filters. @param {Corpus} corpus @param {Survey} survey @param {number[]} rows @returns {Table} */
function codesOfAll(corpus, survey, rows) {
  const headings = ["stream", "code", "caption", "utterances", "effect", "low", "high"];
  headings.push("raises", "filtered_utterances", "filtered_effect", "filtered_raises");
  const books = corpus.books[corpus.subjects[0].vocabulary];
  const { utterances, effect, low, high, raises } = survey.record.codes;
  const lines = usedIn(survey).map((column) => {
    const [stream, code] = survey.columns[column];
    const some = survey.meanOver(column, rows);
    const { caption } = books[stream].codes[code];
    const values = [utterances, effect, low, high, raises].map((of) => of[column]);
    const filtered = [some.n, some.mean, some.raises];
    return [TITLE[stream].toLowerCase(), code, caption, ...values, ...filtered];
  });
  return [headings, lines];
}

/** A line per word and code. @param {Survey} survey @returns {Table} */
function wordsOf(survey) {
  const headings = ["word", "said", "utterances", "stream", "code", "attention"];
  headings.push("utterances_with_code", "effect");
  const { word, said, utterances } = survey.record.words;
  const { attention, together, effect } = survey.words;
  const used = usedIn(survey);
  const lines = [...word.keys()].flatMap((i) =>
    used.map((column) => {
      const at = i * survey.columns.length + column;
      const [stream, code] = survey.columns[column];
      const values = [attention[at], together[at], effect[at]];
      return [word[i], said[i], utterances[i], TITLE[stream].toLowerCase(), code, ...values];
    }),
  );
  return [headings, lines];
}

/** @type {Record<Kept, string>} */
const HINTS = {
  utterances: "the utterances that pass the filters, with what each code does in them, as a table",
  codes: "what each code does over all utterances and over those that pass the filters, as a table",
  words: "words by codes: attention and mean effect, as a table",
};

/**
 * A button that saves one of the tables.
 *
 * @param {Kept} what
 * @param {Corpus} corpus
 * @param {() => [Survey, number[]] | null} known the survey, and the utterances that pass the filters
 */
export function tableButton(what, corpus, known) {
  const save = () => {
    const [survey, rows] = known() ?? [];
    if (!survey || !rows) return;
    const tables = {
      utterances: () => utterancesOf(survey, rows),
      codes: () => codesOfAll(corpus, survey, rows),
      words: () => wordsOf(survey),
    };
    download(csvFile(...tables[what]()), `${corpus.title} ${what}.csv`);
  };
  const said = { "aria-label": `save ${what} as CSV`, title: HINTS[what] };
  const button = h("button", { type: "button", ...said, onclick: save }, "CSV");
  return h("span", { class: "saving" }, h("span", { class: "muted" }, `save ${what}`), button);
}
