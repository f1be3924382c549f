/** Tensors of one shape as a table, a row per item: pages of rows and groups of columns, so that the document stays small. */
import { button, element } from "./elements.js";
import { printCount } from "./figures.js";
import type { Elements } from "./tensor-codec.js";
import type { Element } from "./tensor-text.js";

export interface Shown {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** The first elements at least. */
  readonly elements: Elements;
  /** Which are not null; all are without it. */
  readonly valid?: Elements;
}

const ROWS = 50;
const COLUMNS = 10;
/** Elements of a list within a cell. */
const LISTED = 6;
const MOST_TEXT = 200;
const MOST_TITLE = 2000;

/** Outputs that say which values of another are null become a part of it. */
export function withValidity(tensors: readonly Shown[]): readonly Shown[] {
  const suffix = "__validity";
  const byName = new Map(tensors.map(tensor => [tensor.name, tensor]));
  return tensors.flatMap(tensor => {
    if (tensor.name.endsWith(suffix) && byName.has(tensor.name.slice(0, -suffix.length))) return [];
    const valid = byName.get(tensor.name + suffix);
    return [valid ? { ...tensor, valid: valid.elements } : tensor];
  });
}

export function tensorTables(tensors: readonly Shown[]): readonly HTMLElement[] {
  const groups = new Map<string, Shown[]>();
  for (const tensor of withValidity(tensors)) {
    const key = rowShape(tensor).join(" × ");
    groups.set(key, [...(groups.get(key) ?? []), tensor]);
  }
  return [...groups.values()].flatMap(group => {
    const parts: HTMLElement[] = [];
    for (let from = 0; from < group.length; from += COLUMNS) {
      const part = group.slice(from, from + COLUMNS);
      parts.push(from === 0 ? table(part) : folded(part));
    }
    return parts;
  });
}

/** Rows of the request, and items of each; further sizes are lists within a cell, as is one that a row has alone. */
const rowShape = ({ shape }: Shown): readonly number[] =>
  shape.length === 2 && shape[1] === 1 ? shape.slice(0, 1) : shape.slice(0, 2);

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

function folded(part: readonly Shown[]): HTMLElement {
  const details = element("details", "", {}, element("summary", `${part[0]!.name} to ${part.at(-1)!.name}`));
  details.addEventListener("toggle", () => details.append(table(part)), { once: true });
  return details;
}

function table(part: readonly Shown[]): HTMLElement {
  const sizes = rowShape(part[0]!);
  const count = product(sizes);
  const known = Math.min(count, ...part.map(tensor => Math.ceil(tensor.elements.length / each(tensor))));
  const places = sizes.length === 2 ? ["row", "item"] : sizes.length === 1 ? ["row"] : [];
  const headings = [
    ...places.map(place => element("th", place, { scope: "col", class: "n place" })),
    ...part.map(({ name, datatype }) =>
      element("th", name, { scope: "col", title: `${name}: ${datatype}`, ...(isNumber(datatype) && { class: "n" }) }),
    ),
  ];
  const body = element("tbody");
  const caption = part.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join(" · ");
  const made = element(
    "table",
    "",
    { class: "values" },
    element("caption", caption),
    element("thead", "", {}, element("tr", "", {}, ...headings)),
    body,
  );
  const pages = element("div", "", { class: "pager" });
  const show = (from: number): void => {
    const to = Math.min(from + ROWS, known);
    body.replaceChildren(
      ...Array.from({ length: to - from }, (_, i) => {
        const at = from + i;
        const place = sizes.length === 2 ? [Math.floor(at / sizes[1]!) + 1, (at % sizes[1]!) + 1] : [at + 1];
        return element(
          "tr",
          "",
          {},
          ...places.map((_, n) => element("td", printCount(place[n]!), { class: "n place" })),
          ...part.map(tensor => cellOf(tensor, at)),
        );
      }),
    );
    const more = known < count ? `; only the first ${printCount(known)} are kept` : "";
    const text = known === 0 ? "no rows" : `${printCount(from + 1)}–${printCount(to)} of ${printCount(count)}${more}`;
    const turn = (label: string, to: number): HTMLElement =>
      button(label, `${label} rows`, () => show(to), { ...((to < 0 || to >= known) && { disabled: "" }) });
    const last = Math.floor((known - 1) / ROWS) * ROWS;
    pages.replaceChildren(
      turn("First", from > 0 ? 0 : -1),
      turn("Previous", from - ROWS),
      element("span", text),
      turn("Next", from + ROWS),
      turn("Last", from < last ? last : -1),
    );
  };
  show(0);
  const label = `Values of ${part.map(({ name }) => name).join(", ")}`;
  return element(
    "div",
    "",
    { class: "wide", tabindex: "0", role: "group", "aria-label": label },
    made,
    ...(count > ROWS || known < count || count === 0 ? [pages] : []),
  );
}

const isNumber = (datatype: string): boolean => datatype !== "BYTES" && datatype !== "BOOL";

/** Elements of one cell. */
const each = (tensor: Shown): number => Math.max(1, product(tensor.shape.slice(rowShape(tensor).length)));

function cellOf(tensor: Shown, at: number): HTMLElement {
  const size = each(tensor);
  const value = (i: number): string => printElement(elementAt(tensor, i), tensor.datatype);
  if (size === 1) {
    const own = elementAt(tensor, at);
    const kind = own === null ? "null" : isNumber(tensor.datatype) && String(own) === "NaN" ? "nan" : "";
    return element("td", value(at), {
      class: isNumber(tensor.datatype) ? `n ${kind}` : kind,
      ...(typeof own === "string" && { title: own.slice(0, MOST_TITLE) }),
    });
  }
  const known = Math.min(size, tensor.elements.length - at * size);
  const list = Array.from({ length: Math.min(LISTED, known) }, (_, i) => value(at * size + i));
  return element("td", `${list.join(", ")}${size > LISTED ? `, … ${printCount(size)} values` : ""}`);
}

const elementAt = ({ elements, valid }: Shown, i: number): Element =>
  valid && i < valid.length && valid.at(i) === false ? null : elements.at(i);

/** Numbers as short as their datatype allows. */
function printElement(value: Element, datatype: string): string {
  if (value === null) return "null";
  if (value === "") return "(empty text)";
  if (typeof value === "string") return value.length > MOST_TEXT ? `${value.slice(0, MOST_TEXT)}…` : value;
  if (typeof value === "number" && Number.isFinite(value) && !Number.isInteger(value)) {
    const digits = datatype === "FP32" ? 7 : datatype === "FP16" || datatype === "BF16" ? 4 : 17;
    return digits === 17 ? String(value) : String(Number(value.toPrecision(digits)));
  }
  return Object.is(value, -0) ? "-0" : String(value);
}
