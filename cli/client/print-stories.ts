/** The response parameter `explain` of a Merlon model → lines: what became of each candidate, row by row, the winners first. */
import type { CandidateStory } from "../../runtime/engine/explain/explain-candidates.js";

const MOST_SHOWN = 20;

/** @returns undefined where it is another model's, and no such text */
export function printStories(text: unknown): string | undefined {
  const rows = readStories(text);
  return rows
    ?.map((stories, row) => {
      const lines = winnersFirst(stories).slice(0, MOST_SHOWN).map(printStory);
      const more = stories.length - lines.length;
      const rest = more > 0 ? [`  … ${more} more (\`--json\` has all)`] : [];
      return [`row ${row}: ${stories.length || "no"} candidates`, ...lines, ...rest]
        .map(line => `  ${line}\n`)
        .join("");
    })
    .join("");
}

/** Those in the answer by their places, then those that were kept, then those that a step dropped, each as they were found. */
const winnersFirst = (stories: readonly CandidateStory[]): readonly CandidateStory[] =>
  stories.toSorted((a, b) => standing(a) - standing(b));

const standing = ({ place, droppedBy }: CandidateStory): number =>
  place ?? Number.MAX_SAFE_INTEGER - (droppedBy === undefined ? 1 : 0);

function printStory({ id, name, from, rank, scores, droppedBy, place }: CandidateStory): string {
  const end = place !== undefined ? `place ${place}` : droppedBy ? `dropped by ${droppedBy}` : "kept";
  const named = Object.entries(scores).map(([name, score]) => `${name} ${Number(score?.toPrecision(5) ?? Number.NaN)}`);
  const shown = typeof name === "string" ? `${id} ${JSON.stringify(name)}` : id;
  return `  ${shown}  ${[end, `found by ${from} as ${rank}`, ...named].join(", ")}`;
}

function readStories(text: unknown): readonly (readonly CandidateStory[])[] | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const rows = JSON.parse(text);
    return Array.isArray(rows) && rows.every(row => Array.isArray(row) && row.every(isStory)) ? rows : undefined;
  } catch {
    return undefined;
  }
}

const isStory = (story: unknown): boolean =>
  typeof story === "object" && story !== null && "id" in story && "from" in story && "scores" in story;
