/** The response parameter `explain` of a Merlon model → lines about one item: its sources, and the step that dropped it. */
import type { CandidateStory } from "../../runtime/engine/explain/explain-candidates.js";
import { finders, printScores, readStories } from "./print-stories.js";

/**
 * @param item its id, or its name in the response
 * @param parameters of the response
 * @throws Error for a response without explanations
 */
export function printWhyNot(item: string, parameters: Readonly<Record<string, unknown>>): string {
  const rows = readStories(parameters.explain);
  if (!rows)
    throw new Error(
      "the response does not explain its candidates: `--why-not` needs a model that `merlon build` wrote, on a Merlon server.",
    );
  const leftOut = Object.entries(parameters).filter(([key]) => key.startsWith("left_out."));
  const late = leftOut.map(([key, reason]) => `    ${key.slice("left_out.".length)} was left out: ${String(reason)}\n`);
  const empty = Object.entries(parameters)
    .filter(([key]) => key.startsWith("empty."))
    .map(([key, lack]) => `    ${key.slice("empty.".length)}: ${String(lack)}, for a minute\n`);
  return rows.map((stories, row) => `  row ${row}: ${whyNot(item, stories)}${late.join("")}${empty.join("")}`).join("");
}

function whyNot(item: string, stories: readonly CandidateStory[]): string {
  const story = stories.find(({ id }) => String(id) === item) ?? stories.find(({ name }) => name === item);
  const shown = JSON.stringify(item);
  const sources = [...new Set(stories.flatMap(one => finders(one).map(({ from }) => from)))];
  const lines = sources.map(source => {
    const own = story && finders(story).find(({ from }) => from === source);
    const count = stories.filter(one => finders(one).some(({ from }) => from === source)).length;
    return `    ${source} ${own ? `found it as ${own.rank} of ${count}` : `found ${count} others, and not this item`}\n`;
  });
  if (!story)
    return `${shown} was found by no source${sources.length === 0 ? ": there are no candidates" : ""}\n${lines.join("")}`;
  const scores = printScores(story).map(score => `    ${score}\n`);
  return `${shown} ${endOf(story)}\n${[...lines, ...scores].join("")}`;
}

const endOf = ({ place, droppedBy }: CandidateStory): string =>
  place !== undefined
    ? `is in the response, at place ${place}`
    : droppedBy === undefined
      ? "was kept by all steps"
      : `was dropped by ${droppedBy}`;
