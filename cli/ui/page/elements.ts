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

/**
 * Fills a table in place and keeps the rows whose keys it had. A row that is replaced under the pointer loses the click, and one with the
 * focus loses it.
 *
 * @param keys one for each row @param make the row at an index, if none with its key is there
 */
export function fillKeyedTable(
  table: HTMLElement,
  head: readonly string[],
  keys: readonly string[],
  make: (index: number) => HTMLElement,
  numbers = 1,
): void {
  const body = table.querySelector("tbody");
  const known = new Map([...(body?.children ?? [])].map(one => [(one as HTMLElement).dataset.key, one as HTMLElement]));
  const rows = keys.map((key, i) => {
    const made = known.get(key) ?? make(i);
    made.dataset.key = key;
    return made;
  });
  const shownHead = [...table.querySelectorAll("th")].map(({ textContent }) => textContent);
  if (!body || shownHead.join("\n") !== head.join("\n")) {
    fillTable(table, head, rows, numbers);
    return;
  }
  const wanted = new Set(rows);
  for (const one of known.values()) if (!wanted.has(one)) one.remove();
  for (const [i, one] of rows.entries()) if (body.children[i] !== one) body.insertBefore(one, body.children[i] ?? null);
}

/** @param label what it does, for those who don't see where it is */
export function button(text: string, label: string, act: () => void, attributes: Attributes = {}): HTMLElement {
  const made = element("button", text, { type: "button", "aria-label": label, ...attributes });
  made.addEventListener("click", act);
  return made;
}
