/** Why, and why not: what became of each candidate of the request that is shown. */
import { at, button, element, row } from "./elements.js";

export interface Story {
  readonly id: string | number;
  readonly from: string;
  readonly rank: number;
  readonly scores: Readonly<Record<string, number>>;
  readonly droppedBy?: string;
  readonly place?: number;
}
/** For each row of the request its candidates. */
export type Stories = readonly (readonly Story[])[];

/** Candidates in the table: what the page holds is bounded. */
const MOST_CANDIDATES = 500;

let told: Stories | undefined;

export function showCandidates(stories: Stories | undefined): void {
  told = stories;
  at("story").replaceChildren();
  const all = (stories ?? []).flatMap((list, user) => list.map(story => ({ story, user })));
  // Those of the answer first, by place; then the others as they were found.
  const order = ({ place = Number.POSITIVE_INFINITY, rank }: Story): number =>
    Number.isFinite(place) ? place : 1e9 + rank;
  const sorted = all.toSorted((a, b) => a.user - b.user || order(a.story) - order(b.story)).slice(0, MOST_CANDIDATES);
  at("candidates").replaceChildren(
    ...(all.length === 0
      ? []
      : [
          element(
            "details",
            "",
            {},
            element("summary", `All ${all.length} candidates`),
            element(
              "div",
              "",
              { class: "scroll" },
              element(
                "table",
                "",
                {},
                row(["candidate", "row", "found by", "became"], true),
                ...sorted.map(({ story, user }) => {
                  const line = row(["", String(user + 1), `${story.from}, ${story.rank}`, becameOf(story)]);
                  const id = String(story.id);
                  line.firstElementChild!.append(
                    button(id, `Explain ${id}`, () => {
                      at<HTMLInputElement>("candidate").value = id;
                      why();
                    }),
                  );
                  return line;
                }),
              ),
            ),
          ),
        ]),
  );
}

const becameOf = ({ place, droppedBy }: Story): string =>
  place !== undefined ? `place ${place}` : droppedBy !== undefined ? `dropped by ${droppedBy}` : "not ordered";

export function why(): void {
  at("story").replaceChildren(...storyLines().map(line => element("p", line)));
}

function storyLines(): readonly string[] {
  const id = at<HTMLInputElement>("candidate").value.trim();
  if (!told) return ["Open a request to an ensemble first: it has the story of each candidate."];
  const found = told.flatMap((stories, user) =>
    stories.filter(story => String(story.id) === id).map(story => ({ story, user })),
  );
  if (found.length === 0) {
    const known = told.flatMap(stories => stories.slice(0, 8).map(story => story.id)).slice(0, 8);
    return [`No step found ${id || "that candidate"}. Candidates of this request: ${known.join(", ") || "none"}.`];
  }
  return found.flatMap(({ story: { from, rank, scores, droppedBy, place }, user }) => [
    `Row ${user + 1}: found by ${from}, at position ${rank} of its results.`,
    ...Object.entries(scores).map(([name, score]) => `${name} = ${score}`),
    droppedBy !== undefined
      ? `Why not: ${droppedBy} dropped it.`
      : place !== undefined
        ? `Why: it is at place ${place} of the answer.`
        : "No step ordered it.",
  ]);
}
