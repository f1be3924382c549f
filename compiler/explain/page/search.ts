/**
 * The search: marks steps and columns whose name, type, operator or files contain the words; Enter selects the next.
 */
import type { Explanation } from "../explanation.js";

const explanation = JSON.parse(document.getElementById("explanation")!.textContent!) as Explanation;
const input = document.getElementById("search") as HTMLInputElement;
const found = document.getElementById("found")!;

interface Entry {
  readonly step: string;
  readonly column?: string;
  readonly text: string;
}
const entries: Entry[] = [
  ...explanation.inputs.map(c => ({ step: "request", column: c.name, text: `${c.name} ${c.type}` })),
  ...explanation.steps.flatMap((step): Entry[] => [
    { step: step.id, text: `${step.id} ${step.op} ${step.does} ${Object.values(step.artefacts).join(" ")}` },
    ...step.outputs.map(c => ({ step: step.id, column: c.name, text: `${c.name} ${c.type} ${c.tags.join(" ")}` })),
  ]),
  ...explanation.outputs.map(c => ({ step: "answer", column: c.name, text: `${c.name} ${c.type}` })),
];

let hits: readonly Entry[] = [];
let at = -1;

function mark(): void {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits = words.length ? entries.filter(({ text }) => words.every(word => text.toLowerCase().includes(word))) : [];
  at = -1;
  const marked = new Set(hits.map(({ step, column }) => `${step}\n${column ?? ""}`));
  for (const element of document.querySelectorAll<SVGElement>(".card, .column"))
    element.classList.toggle("hit", marked.has(`${element.dataset.step}\n${element.dataset.column ?? ""}`));
  found.textContent = words.length ? `${hits.length} found` : "";
}

input.addEventListener("input", mark);
input.addEventListener("keydown", event => {
  if (event.key === "Escape") {
    input.value = "";
    mark();
    input.blur();
  }
  if (event.key !== "Enter" || hits.length === 0) return;
  at = (at + (event.shiftKey ? -1 : 1) + hits.length) % hits.length;
  const { step, column } = hits[at]!;
  found.textContent = `${at + 1} of ${hits.length}`;
  document.dispatchEvent(
    new CustomEvent("merlon:select", { detail: column === undefined ? { step } : { step, column } }),
  );
  document.dispatchEvent(new CustomEvent("merlon:show", { detail: step }));
});
document.addEventListener("keydown", event => {
  if (event.key !== "/" || document.activeElement === input) return;
  event.preventDefault();
  input.select();
});
