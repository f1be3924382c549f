/**
 * Highlights the sources and readers of a column, under the pointer or at the keyboard. A click, Enter or `merlon:select` (from the panel
 * and the search) keeps it, and Escape releases it.
 */
import type { Explanation } from "../explanation.js";

const explanation = JSON.parse(document.getElementById("explanation")!.textContent!) as Explanation;
const canvas = document.getElementById("canvas")!;

const key = (step: string, column: string): string => `${step}\n${column}`;
const sources = new Map<string, string[]>();
const readers = new Map<string, string[]>();
const columnsOf = new Map<string, string[]>();
const add = (step: string, column: string, from: readonly { step: string; column: string }[]): void => {
  const made = from.map(f => key(f.step, f.column));
  sources.set(key(step, column), made);
  for (const source of made) readers.set(source, [...(readers.get(source) ?? []), key(step, column)]);
  columnsOf.set(step, [...(columnsOf.get(step) ?? []), column]);
};
for (const { name } of explanation.inputs) add("request", name, []);
for (const step of explanation.steps) for (const { name, from } of step.outputs) add(step.id, name, from);
for (const { name, step, column } of explanation.outputs) add("answer", name, [{ step, column }]);

function reach(starts: readonly string[], next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set(starts);
  for (const at of seen) for (const to of next.get(at) ?? []) seen.add(to);
  return seen;
}

type Keys = ReadonlySet<string>;

interface Selection {
  readonly step: string;
  /** Absent: all of the step. */
  readonly column?: string;
}
let kept: Selection | undefined;

function light(selection: Selection | undefined): void {
  const starts = selection
    ? selection.column === undefined
      ? (columnsOf.get(selection.step) ?? []).map(column => key(selection.step, column))
      : [key(selection.step, selection.column)]
    : [];
  const up = reach(starts, sources);
  const down = reach(starts, readers);
  const stepsOf = (keys: Keys) => new Set([...keys].map(k => k.slice(0, k.indexOf("\n"))));
  const [upSteps, downSteps] = [stepsOf(up), stepsOf(down)];
  canvas.classList.toggle("tracing", selection !== undefined);
  const mark = (what: string, keyOf: (of: DOMStringMap) => string, up: Keys, down: Keys): void => {
    for (const { classList, dataset } of canvas.querySelectorAll<SVGElement>(what)) {
      classList.toggle("up", up.has(keyOf(dataset)));
      classList.toggle("down", down.has(keyOf(dataset)));
    }
  };
  mark(".column", ({ step, column }) => key(step!, column!), up, down);
  mark(".card", ({ step }) => step!, upSteps, downSteps);
  const crossings = (keys: Keys) =>
    new Set(
      [...keys].flatMap(to =>
        (sources.get(to) ?? [])
          .filter(from => keys.has(from))
          .map(from => key(from.slice(0, from.indexOf("\n")), to.slice(0, to.indexOf("\n")))),
      ),
    );
  const [upEdges, downEdges] = [crossings(up), crossings(down)];
  mark(".edge", ({ from, to }) => key(from!, to!), upEdges, downEdges);
}

const selectionAt = (target: EventTarget | null): Selection | undefined => {
  const element = (target as Element | null)?.closest<SVGElement>(".column, .card");
  const { step, column } = element?.dataset ?? {};
  if (step === undefined) return undefined;
  return column === undefined ? { step } : { step, column };
};
const select = (detail: Selection | undefined): void =>
  void document.dispatchEvent(new CustomEvent("merlon:select", { detail }));
const cardOf = (step: string): SVGElement | undefined =>
  [...canvas.querySelectorAll<SVGElement>(".card")].find(card => card.dataset.step === step);

document.addEventListener("merlon:select", event => {
  kept = (event as CustomEvent<Selection | undefined>).detail;
  light(kept);
});
canvas.addEventListener("pointerover", event => {
  const under = selectionAt(event.target);
  if (under) light(under);
});
canvas.addEventListener("pointerout", event => {
  if (!selectionAt(event.relatedTarget)) light(kept);
});
canvas.addEventListener("click", event => select(selectionAt(event.target)));
document.addEventListener("merlon:graph", () => light(kept));
canvas.addEventListener("focusin", event => {
  const under = selectionAt(event.target);
  if (under && under.step !== kept?.step) light(under);
});

/** ↓ and ↑ follow the edges, → and ← go through the columns of a card. */
document.addEventListener("keydown", event => {
  if (event.key === "Escape") select(undefined);
  const at = selectionAt(document.activeElement);
  if (!at) return;
  if (event.key === "Enter" || event.key === " ") select(at);
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const [mine, other] = event.key === "ArrowDown" ? (["from", "to"] as const) : (["to", "from"] as const);
    const edge = [...canvas.querySelectorAll<SVGElement>(".edge")].find(e => e.dataset[mine] === at.step);
    if (edge) cardOf(edge.dataset[other]!)?.focus();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const columns = columnsOf.get(at.step) ?? [];
    const now = kept?.step === at.step && kept.column !== undefined ? columns.indexOf(kept.column) : -1;
    const next = event.key === "ArrowRight" ? Math.min(now + 1, columns.length - 1) : now - 1;
    const column = columns[next];
    select(column === undefined ? { step: at.step } : { step: at.step, column });
  } else return;
  event.preventDefault();
});
