/**
 * Moving and zooming the picture: drag, wheel, `+`, `-`, `0`; the focused or found element is scrolled into view.
 */
const canvas = document.getElementById("canvas")!;
const graph = document.getElementById("graph") as unknown as SVGSVGElement;
const [width, height] = [Number(graph.dataset.width), Number(graph.dataset.height)];

/** Middle of the view, and pixels per unit. */
let view = { x: width / 2, y: height / 2, scale: 1 };

function apply(): void {
  const { clientWidth: w, clientHeight: h } = canvas;
  graph.setAttribute(
    "viewBox",
    `${view.x - w / 2 / view.scale} ${view.y - h / 2 / view.scale} ${w / view.scale} ${h / view.scale}`,
  );
}

/** All of it, but never so small that nothing can be read: then its beginning. */
function showAll(smallest: number): void {
  const whole = Math.min(canvas.clientWidth / width, canvas.clientHeight / height, 1.25);
  const scale = Math.max(whole, smallest);
  view = { x: Math.max(width / 2, 0), y: height / 2, scale };
  if (width * scale > canvas.clientWidth) view.x = canvas.clientWidth / 2 / scale;
  apply();
}

function zoom(factor: number, at?: { x: number; y: number }): void {
  const box = canvas.getBoundingClientRect();
  const from = at ? { x: at.x - box.left - box.width / 2, y: at.y - box.top - box.height / 2 } : { x: 0, y: 0 };
  const scale = Math.min(4, Math.max(0.05, view.scale * factor));
  view = {
    x: view.x + from.x / view.scale - from.x / scale,
    y: view.y + from.y / view.scale - from.y / scale,
    scale,
  };
  apply();
}

function bringIntoView(card: Element): void {
  const [box, frame] = [card.getBoundingClientRect(), canvas.getBoundingClientRect()];
  const seen = box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
  if (seen) return;
  view = {
    ...view,
    x: view.x + ((box.left + box.right) / 2 - (frame.left + frame.right) / 2) / view.scale,
    y: view.y + ((box.top + box.bottom) / 2 - (frame.top + frame.bottom) / 2) / view.scale,
  };
  apply();
}

let drag: { readonly x: number; readonly y: number; readonly view: typeof view } | undefined;
canvas.addEventListener("pointerdown", event => {
  drag = { x: event.clientX, y: event.clientY, view };
});
window.addEventListener("pointermove", event => {
  if (!drag) return;
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  if (Math.abs(dx) + Math.abs(dy) > 3) canvas.classList.add("moving");
  view = { ...view, x: drag.view.x - dx / view.scale, y: drag.view.y - dy / view.scale };
  apply();
});
for (const end of ["pointerup", "pointercancel"])
  window.addEventListener(end, () => {
    drag = undefined;
    // The click that ends a drag follows this.
    setTimeout(() => canvas.classList.remove("moving"));
  });
canvas.addEventListener(
  "click",
  event => {
    if (canvas.classList.contains("moving")) event.stopPropagation();
  },
  { capture: true },
);
canvas.addEventListener(
  "wheel",
  event => {
    event.preventDefault();
    zoom(
      Math.exp(-event.deltaY / 400),
      event.clientX === undefined ? undefined : { x: event.clientX, y: event.clientY },
    );
  },
  { passive: false },
);
canvas.addEventListener("focusin", event => bringIntoView(event.target as Element));
document.addEventListener("merlon:show", event => {
  const step = (event as CustomEvent<string>).detail;
  const card = [...graph.querySelectorAll<SVGElement>(".card")].find(c => c.dataset.step === step);
  if (card) bringIntoView(card);
});
document.getElementById("fit")!.addEventListener("click", () => showAll(0));
document.addEventListener("keydown", event => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
  if (event.key === "0") showAll(0);
  if (event.key === "+" || event.key === "=") zoom(1.25);
  if (event.key === "-") zoom(0.8);
});
window.addEventListener("resize", apply);
showAll(0.85);

export {};
