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
      return [`row ${row}: ${stories.length || "no"} candidates`, ...printSources(stories), ...lines, ...rest]
        .map(line => `  ${line}\n`)
        .join("");
    })
    .join("");
}

/** The steps that found a candidate, each with its place there. */
export const finders = ({
  from,
  rank,
  also = [],
}: CandidateStory): readonly { readonly from: string; readonly rank: number }[] => [{ from, rank }, ...also];

/** If several steps found candidates: how many each did, how many each step dropped of them, and how many are in the response. */
function printSources(stories: readonly CandidateStory[]): readonly string[] {
  const sources = [...new Set(stories.flatMap(story => finders(story).map(({ from }) => from)))];
  if (sources.length < 2) return [];
  return sources.map(source => {
    const own = stories.filter(story => finders(story).some(({ from }) => from === source));
    const dropped = new Map<string, number>();
    for (const { droppedBy } of own) if (droppedBy) dropped.set(droppedBy, (dropped.get(droppedBy) ?? 0) + 1);
    const parts = [
      `${own.length} found`,
      `${own.filter(({ also }) => also === undefined).length} by it alone`,
      ...[...dropped].map(([step, count]) => `${count} dropped by ${step}`),
      `${own.filter(({ place }) => place !== undefined).length} in the response`,
    ];
    return `  source ${source}: ${parts.join(", ")}`;
  });
}

/** Those in the answer by their places, then those that were kept, then those that a step dropped, each as they were found. */
const winnersFirst = (stories: readonly CandidateStory[]): readonly CandidateStory[] =>
  stories.toSorted((a, b) => standing(a) - standing(b));

const standing = ({ place, droppedBy }: CandidateStory): number =>
  place ?? Number.MAX_SAFE_INTEGER - (droppedBy === undefined ? 1 : 0);

function printStory(story: CandidateStory): string {
  const { id, name, from, rank, also = [], droppedBy, place } = story;
  const end = place !== undefined ? `place ${place}` : droppedBy ? `dropped by ${droppedBy}` : "kept";
  const shown = typeof name === "string" ? `${id} ${JSON.stringify(name)}` : id;
  return `  ${shown}  ${[end, `found by ${from} as ${rank}`, ...also.map(other => `by ${other.from} as ${other.rank}`), ...printScores(story)].join(", ")}`;
}

export const printScores = ({ scores }: CandidateStory): readonly string[] =>
  Object.entries(scores).map(([name, score]) => `${name} ${Number(score?.toPrecision(5) ?? Number.NaN)}`);

/** @returns undefined for another text, or none */
export function readStories(text: unknown): readonly (readonly CandidateStory[])[] | undefined {
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
