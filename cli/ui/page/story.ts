/** Why, and why not: what became of each candidate of the request that is open. */

import type { CandidateStory } from "../../../runtime/engine/explain/explain-candidates.js";
import { at, button, element, fillTable, row } from "./elements.js";
import { plural, printCount, printTime } from "./figures.js";
import { type Detail, state } from "./state.js";

interface Candidate {
  readonly story: CandidateStory;
  readonly user: number;
}

const ROWS = 50;
const NONE_OPEN = "Open a request to an ensemble first: its candidates are listed here.";

let candidates: readonly Candidate[] = [];

/** @param request undefined if none is open */
export function showCandidates(request: Detail | undefined): void {
  // Those of the response first, by place; then the others as they were found.
  const order = ({ place = Number.POSITIVE_INFINITY, rank }: CandidateStory): number =>
    Number.isFinite(place) ? place : 1e9 + rank;
  candidates = (request?.explain ?? [])
    .flatMap((list, user) => list.map(story => ({ story, user })))
    .toSorted((a, b) => a.user - b.user || order(a.story) - order(b.story));
  at("story").replaceChildren();
  at("why-request").textContent = request ? headOf(request) : NONE_OPEN;
  showList();
}

const headOf = ({ model, at: when, id }: Detail): string =>
  candidates.length > 0
    ? `${plural(candidates.length, "candidate")} of request ${id} to ${model}, ${printTime(when)}`
    : `Request ${id} to ${model} has no candidates: open a request to an ensemble.`;

export function showList(from = 0): void {
  const outcome = at<HTMLSelectElement>("outcome").value;
  const shown = candidates.filter(({ story: { place, droppedBy } }) =>
    outcome === "answered" ? place !== undefined : outcome === "dropped" ? droppedBy !== undefined : true,
  );
  if (shown.length === 0) {
    at("candidates").replaceChildren();
    return;
  }
  const table = element("table");
  const scores = [...new Set(shown.slice(0, ROWS).flatMap(({ story }) => Object.keys(story.scores)))];
  const to = Math.min(from + ROWS, shown.length);
  fillTable(
    table,
    ["candidate", "outcome", "found by", "row", "rank", ...scores],
    shown.slice(from, to).map(({ story, user }) => {
      const id = String(story.id);
      const open = button(id, `Explain ${id}`, () => explain(id), { class: "link" });
      const numbers = scores.map(name => (name in story.scores ? printScore(story.scores[name]!) : "–"));
      return row(
        [open, outcomeOf(story), finders(story).join(", "), printCount(user + 1), printCount(story.rank), ...numbers],
        {
          numbers: 3,
        },
      );
    }),
    3,
  );
  const turn = (label: string, next: number): HTMLElement =>
    button(label, `${label} candidates`, () => showList(next), {
      ...((next < 0 || next >= shown.length) && { disabled: "" }),
    });
  const pages = element(
    "div",
    "",
    { class: "pager" },
    turn("Previous", from - ROWS),
    element("span", `${printCount(from + 1)}–${printCount(to)} of ${printCount(shown.length)}`),
    turn("Next", from + ROWS),
  );
  at("candidates").replaceChildren(...sourceTable(), table, ...(shown.length > ROWS ? [pages] : []));
}

const finders = ({ from, also = [] }: CandidateStory): readonly string[] => [from, ...also.map(other => other.from)];

/** Counts candidates by the step that found them: all, those that each step dropped, and those in the response. */
function sourceTable(): readonly HTMLElement[] {
  const sources = [...new Set(candidates.flatMap(({ story }) => finders(story)))];
  if (sources.length < 2) return [];
  const dropping = [...new Set(candidates.flatMap(({ story: { droppedBy } }) => droppedBy ?? []))];
  const table = element("table", "", { "aria-label": "Candidates by source" });
  fillTable(
    table,
    ["source", "found", "by it alone", ...dropping.map(step => `dropped by ${step}`), "in the response"],
    sources.map(source => {
      const own = candidates.filter(({ story }) => finders(story).includes(source)).map(({ story }) => story);
      const count = (is: (story: CandidateStory) => boolean): string => printCount(own.filter(is).length);
      const cells = [
        printCount(own.length),
        count(story => story.also === undefined),
        ...dropping.map(step => count(story => story.droppedBy === step)),
        count(story => story.place !== undefined),
      ];
      return row([source, ...cells], { numbers: 1 });
    }),
    1,
  );
  return [table];
}

const printScore = (score: number): string => String(Number(score.toPrecision(6)));

const outcomeOf = ({ place, droppedBy }: CandidateStory): string =>
  place !== undefined ? `place ${place}` : droppedBy !== undefined ? `dropped by ${droppedBy}` : "not ordered";

function explain(id: string): void {
  at<HTMLInputElement>("candidate").value = id;
  why();
}

export function why(): void {
  at("story").replaceChildren(...storyLines().map(line => element("p", line)));
}

function storyLines(): readonly string[] {
  const id = at<HTMLInputElement>("candidate").value.trim();
  if (!state.request) return [NONE_OPEN];
  const found = candidates.filter(({ story }) => String(story.id) === id);
  if (found.length === 0) {
    const known = candidates.slice(0, 8).map(({ story }) => story.id);
    const sources = [...new Set(candidates.flatMap(({ story }) => finders(story)))];
    const searched = sources.length > 1 ? ` Sources of this request: ${sources.join(", ")}.` : "";
    return [
      `No step found ${id || "that candidate"}.${searched} Candidates of this request: ${known.join(", ") || "none"}.`,
    ];
  }
  return found.flatMap(({ story: { from, rank, also = [], scores, droppedBy, place }, user }) => [
    `Row ${user + 1}: found by ${from}, at position ${rank} of its results.`,
    ...also.map(other => `Also found by ${other.from}, at position ${other.rank}.`),
    ...Object.entries(scores).map(([name, score]) => `${name} = ${score}`),
    droppedBy !== undefined
      ? `Why not: ${droppedBy} dropped it.`
      : place !== undefined
        ? `Why: it is at place ${place} of the answer.`
        : "No step ordered it.",
  ]);
}
