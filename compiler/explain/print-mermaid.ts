/**
 * Explanation → Mermaid flowchart, as GitHub and editors draw it: steps as boxes, edges with the columns they carry.
 */
import type { Explanation } from "./explanation.js";

/** Labels get unreadable beyond this. */
const MOST_NAMES = 4;

export function printMermaid({ kind, name, inputs, steps, outputs }: Explanation): string {
  const ids = new Map([["request", "request"], ...steps.map(({ id }, i) => [id, `s${i + 1}`] as const)]);
  const edges = new Map<string, Set<string>>();
  const edge = (from: string, to: string, column: string) => {
    const key = `${ids.get(from)} ${to}`;
    edges.set(key, (edges.get(key) ?? new Set()).add(column));
  };
  for (const step of steps) for (const input of step.inputs) edge(input.step, ids.get(step.id)!, input.column);
  for (const output of outputs) edge(output.step, "answer", output.column);
  return [
    "---",
    `title: ${kind} ${name}`,
    "---",
    "flowchart LR",
    `  request([${label(["request", ...some(inputs.map(c => `${c.name}: ${c.type}`))])}])`,
    ...steps.map(({ id, does }) => `  ${ids.get(id)}[${label([id, does])}]`),
    `  answer([${label(["answer", ...some(outputs.map(c => `${c.name}: ${c.type}`))])}])`,
    ...[...edges].map(([key, columns]) => {
      const [from, to] = key.split(" ");
      return `  ${from} -->|${label([some([...columns]).join(", ")])}| ${to}`;
    }),
    "",
  ].join("\n");
}

const some = (names: readonly string[]): string[] =>
  names.length <= MOST_NAMES ? [...names] : [...names.slice(0, MOST_NAMES), `${names.length - MOST_NAMES} more`];

/** Mermaid reads entities in quoted text; `#` begins one. */
const label = (lines: readonly string[]): string =>
  `"${lines.map(line => line.replace(/[#"<>&]/g, c => `#${c.codePointAt(0)};`)).join("<br/>")}"`;
