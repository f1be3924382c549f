/** Cards with columns or without: the other picture is in a template until the button, or `c`, swaps them. */
const button = document.getElementById("detail")!;
const other = document.getElementById("other") as HTMLTemplateElement;

function swap(): void {
  const shown = document.getElementById("graph")!;
  const next = other.content.firstElementChild!;
  shown.replaceWith(next);
  other.content.replaceChildren(shown);
  button.setAttribute("aria-pressed", String((next as SVGElement).dataset.detail === "columns"));
  document.dispatchEvent(new CustomEvent("merlon:graph"));
}
button.addEventListener("click", swap);
document.addEventListener("keydown", event => {
  if (event.key === "c" && !(event.ctrlKey || event.metaKey) && !(event.target instanceof HTMLInputElement)) swap();
});

export {};
