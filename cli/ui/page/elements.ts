/** The page's elements: found by id, made with text and attributes. */
export const at = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

export const element = (
  tag: string,
  text = "",
  attributes: Readonly<Record<string, string>> = {},
  ...children: Node[]
): HTMLElement => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/** A table's row; all cells but the first are numbers, to the right. */
export const row = (cells: readonly string[], head = false): HTMLElement =>
  element("tr", "", {}, ...cells.map((cell, i) => element(head ? "th" : "td", cell, i > 0 ? { class: "n" } : {})));

/** A button that does something, and says so to those who can't see it. */
export function button(text: string, label: string, act: () => void): HTMLElement {
  const made = element("button", text, { type: "button", "aria-label": label });
  made.addEventListener("click", act);
  return made;
}
