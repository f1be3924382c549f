/** The page's elements: found by id, made with text and attributes. */
export const at = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

type Attributes = Readonly<Record<string, string>>;

export const element = (
  tag: string,
  text = "",
  attributes: Attributes = {},
  ...children: readonly Node[]
): HTMLElement => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

export const svg = (tag: string, attributes: Attributes, ...children: readonly (Node | string)[]): SVGElement => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

export type Cell = string | Node;

/** A table's row; cells from `numbers` on are numbers, to the right. */
export const row = (cells: readonly Cell[], { head = false, numbers = 1 } = {}): HTMLElement =>
  element(
    "tr",
    "",
    {},
    ...cells.map((cell, i) => {
      const made = element(head ? "th" : "td", "", {
        ...(i >= numbers && { class: "n" }),
        ...(head && { scope: "col" }),
      });
      made.append(cell);
      return made;
    }),
  );

export const fillTable = (
  table: HTMLElement,
  head: readonly string[],
  rows: readonly HTMLElement[],
  numbers = 1,
): void =>
  table.replaceChildren(
    element("thead", "", {}, row(head, { head: true, numbers })),
    element("tbody", "", {}, ...rows),
  );

/** @param label what it does, for those who don't see where it is */
export function button(text: string, label: string, act: () => void, attributes: Attributes = {}): HTMLElement {
  const made = element("button", text, { type: "button", "aria-label": label, ...attributes });
  made.addEventListener("click", act);
  return made;
}
