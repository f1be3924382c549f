/**
 * The side panel: all that is known of the selected step or column; without a selection, what the passes did and which keys there are.
 */
import type { ExplainedColumn, Explanation } from "../explanation.js";

const explanation = JSON.parse(document.getElementById("explanation")!.textContent!) as Explanation;
const panel = document.getElementById("panel")!;

type Child = Node | string;
function element(name: string, ...children: Child[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
const soft = (text: string): HTMLElement => {
  const made = element("p", text);
  made.className = "soft";
  return made;
};
const list = (items: readonly Child[]): HTMLElement => element("ul", ...items.map(item => element("li", item)));
const facts = (pairs: readonly (readonly [string, Child])[]): HTMLElement =>
  element("dl", ...pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));

function link(step: string, column?: string): HTMLElement {
  const made = element("button", column === undefined ? step : `${step} · ${column}`);
  made.addEventListener("click", () =>
    document.dispatchEvent(
      new CustomEvent("merlon:select", { detail: column === undefined ? { step } : { step, column } }),
    ),
  );
  return made;
}
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
const pairs = (record: Readonly<Record<string, unknown>>): (readonly [string, Child])[] =>
  Object.entries(record).map(([name, value]) => [name, element("code", text(value))] as const);
const section = (title: string, ...children: Child[]): Child[] => [element("h2", title), ...children];

function overview(): Child[] {
  const { passes, rows } = explanation;
  const did =
    passes === null
      ? [soft("The changes are shown for a program, not for a built plan.")]
      : passes.map(({ pass, off, notes }) =>
          element(
            "div",
            facts([
              [
                pass,
                off ? "off" : notes.length ? `${notes.length} change${notes.length > 1 ? "s" : ""}` : "nothing to do",
              ],
            ]),
            list(notes.map(note => element("span", element("code", note.step), ` ${note.text}`))),
          ),
        );
  const keys = [
    ["/", "search"],
    ["↑ ↓", "along the edges"],
    ["← →", "through a step's columns"],
    ["Esc", "clear the selection"],
    ["+ − 0", "zoom, show all"],
    ["c", "columns on the cards"],
    ["t", "light or dark"],
  ] as const;
  return [
    ...section("Changes by passes", ...did),
    ...section(
      "Rows",
      list(
        rows.map(({ id, parent, most }) =>
          element(
            "span",
            element("code", id),
            parent === null
              ? ": rows of the request"
              : `: ${most === null ? "any number" : `at most ${most}`} for each row of ${parent}`,
          ),
        ),
      ),
    ),
    ...section("Keys", facts(keys.map(([key, what]) => [what, element("kbd", key)]))),
  ];
}

function stepPanel(id: string): Child[] {
  const step = explanation.steps.find(s => s.id === id);
  if (!step) {
    const columns = id === "request" ? explanation.inputs : explanation.outputs;
    return [...section(id), list(columns.map(c => element("span", link(id, c.name), ` ${c.type}`)))];
  }
  const notes = (explanation.passes ?? []).flatMap(({ pass, notes }) =>
    notes.filter(note => note.step === id || note.into === id).map(note => `${pass}: ${note.step} ${note.text}`),
  );
  return [
    ...section(step.id, element("p", step.does), soft(`${step.op}, stage ${step.stage}`)),
    ...(step.parts ?? []).flatMap(part => section(part.id, element("p", part.does), facts(pairs(part.params)))),
    ...section(
      "Reads",
      list(
        step.inputs.map(i =>
          element("span", link(i.step, i.column), ` ${i.type} ${i.port === "input" ? "" : `(${i.port})`}`),
        ),
      ),
    ),
    ...section("Makes", list(step.outputs.map(c => element("span", link(id, c.name), ` ${c.type}`)))),
    ...(step.parts ? [] : section("Parameters", facts(pairs(step.params)))),
    ...(Object.keys(step.artefacts).length ? section("Files", facts(pairs(step.artefacts))) : []),
    ...(notes.length ? section("Passes", list(notes)) : []),
  ];
}

function columnPanel(step: string, name: string): Child[] {
  if (step === "answer") {
    const output = explanation.outputs.find(o => o.name === name)!;
    return [
      ...section(name, element("p", `answered as ${output.type}, [${output.shape.join(" × ")}]`)),
      ...section("Comes from", link(output.step, output.column)),
    ];
  }
  const made: readonly ExplainedColumn[] = explanation.steps.find(s => s.id === step)?.outputs ?? explanation.inputs;
  const column = made.find(c => c.name === name)!;
  return [
    ...section(
      name,
      element("p", `${column.type}, [${column.shape.join(" × ")}]`),
      element("p", "made by ", link(step)),
    ),
    ...section(
      "Comes from",
      column.from.length ? list(column.from.map(f => link(f.step, f.column))) : soft("the request"),
    ),
    ...section("Read by", column.readers.length ? list(column.readers.map(reader => link(reader))) : soft("no step")),
    ...(column.tags.length ? section("Tags", element("p", column.tags.join(", "))) : []),
    ...(Object.keys(column.properties).length ? section("Properties", facts(pairs(column.properties))) : []),
  ];
}

function show(selection: { step: string; column?: string } | undefined): void {
  const content = selection
    ? selection.column === undefined
      ? stepPanel(selection.step)
      : columnPanel(selection.step, selection.column)
    : overview();
  panel.replaceChildren(...content);
}
document.addEventListener("merlon:select", event =>
  show((event as CustomEvent<{ step: string; column?: string } | undefined>).detail),
);
show(undefined);
