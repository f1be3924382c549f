/**
 * Moving and zooming the picture, in both pages: drag, wheel, `+`, `-`, `0`, and arrows on the canvas. A card that gets the focus or is found is
 * moved into view. The picture may be replaced: each is read as it is. The mini-map listens for `merlon:view` and sends `merlon:look`.
 */
const canvas = document.getElementById("canvas")!;
const graphOf = (): SVGSVGElement | null => canvas.querySelector<SVGSVGElement>("#graph");

/** Below this, labels are hard to read: the picture is then shown in part. */
const READABLE = 0.75;
const LARGEST_FIT = 1.25;
const PAN = 60;

/** Middle of the view, and pixels per unit. */
let view = { x: 0, y: 0, scale: 1 };
/** The smallest scale at which the picture is fitted whenever the canvas changes; undefined once the reader has moved it. */
let fits: number | undefined = READABLE;

const sizeOf = (graph: SVGSVGElement) => ({ width: Number(graph.dataset.width), height: Number(graph.dataset.height) });

function apply(): void {
  const graph = graphOf();
  const { clientWidth: w, clientHeight: h } = canvas;
  if (!graph || w === 0) return;
  const box = {
    x: view.x - w / 2 / view.scale,
    y: view.y - h / 2 / view.scale,
    width: w / view.scale,
    height: h / view.scale,
  };
  graph.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  document.dispatchEvent(new CustomEvent("merlon:view", { detail: { ...box, whole: sizeOf(graph) } }));
}

/** All of it, but never smaller than that: then its beginning, and of the shorter side all that fits. */
function showAll(smallest: number): void {
  fits = smallest;
  const graph = graphOf();
  const { clientWidth: w, clientHeight: h } = canvas;
  if (!graph || w === 0) return;
  const { width, height } = sizeOf(graph);
  const [across, down] = [w / width, h / height];
  const whole = Math.min(across, down, LARGEST_FIT);
  const scale = whole >= smallest ? whole : Math.max(smallest, Math.min(1, Math.max(across, down)));
  const middle = (length: number, shown: number): number => (length * scale > shown ? shown / scale : length) / 2;
  view = { x: middle(width, w), y: middle(height, h), scale };
  apply();
}

function move(x: number, y: number): void {
  fits = undefined;
  view = { ...view, x, y };
  apply();
}

function zoom(factor: number, at?: { x: number; y: number }): void {
  const box = canvas.getBoundingClientRect();
  const from = at ? { x: at.x - box.left - box.width / 2, y: at.y - box.top - box.height / 2 } : { x: 0, y: 0 };
  const scale = Math.min(4, Math.max(0.05, view.scale * factor));
  const [x, y] = [view.x + from.x / view.scale - from.x / scale, view.y + from.y / view.scale - from.y / scale];
  view = { ...view, scale };
  move(x, y);
}

function bringIntoView(card: Element): void {
  const [box, frame] = [card.getBoundingClientRect(), canvas.getBoundingClientRect()];
  const seen = box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
  if (seen || frame.width === 0) return;
  move(
    view.x + ((box.left + box.right) / 2 - (frame.left + frame.right) / 2) / view.scale,
    view.y + ((box.top + box.bottom) / 2 - (frame.top + frame.bottom) / 2) / view.scale,
  );
}

let drag: { readonly x: number; readonly y: number; readonly view: typeof view } | undefined;
canvas.addEventListener("pointerdown", event => {
  if ((event.target as Element).closest("#map")) return;
  drag = { x: event.clientX, y: event.clientY, view };
});
window.addEventListener("pointermove", event => {
  if (!drag) return;
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  // A hand that clicks may tremble.
  if (!canvas.classList.contains("moving") && Math.abs(dx) + Math.abs(dy) <= 3) return;
  canvas.classList.add("moving");
  move(drag.view.x - dx / view.scale, drag.view.y - dy / view.scale);
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
    zoom(Math.exp(-event.deltaY / 400), { x: event.clientX, y: event.clientY });
  },
  { passive: false },
);
canvas.addEventListener("focusin", event => {
  if (event.target !== canvas) bringIntoView(event.target as Element);
});
canvas.addEventListener("keydown", event => {
  if (event.target !== canvas) return;
  const step = PAN / view.scale;
  if (event.key === "ArrowLeft") move(view.x - step, view.y);
  else if (event.key === "ArrowRight") move(view.x + step, view.y);
  else if (event.key === "ArrowUp") move(view.x, view.y - step);
  else if (event.key === "ArrowDown") move(view.x, view.y + step);
  else return;
  event.preventDefault();
});
document.addEventListener("merlon:show", event => {
  const step = (event as CustomEvent<string>).detail;
  const card = [...canvas.querySelectorAll<SVGElement>(".card")].find(c => c.dataset.step === step);
  if (card) bringIntoView(card);
});
document.addEventListener("merlon:look", event => {
  const { x, y } = (event as CustomEvent<{ x: number; y: number }>).detail;
  move(x, y);
});
document.addEventListener("merlon:graph", () => showAll(READABLE));
document.getElementById("fit")!.addEventListener("click", () => showAll(0));
document.getElementById("zoom-in")!.addEventListener("click", () => zoom(1.25));
document.getElementById("zoom-out")!.addEventListener("click", () => zoom(0.8));
document.addEventListener("keydown", event => {
  const typing = (event.target as Element).closest("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || canvas.clientWidth === 0) return;
  if (event.key === "0") showAll(0);
  if (event.key === "+" || event.key === "=") zoom(1.25);
  if (event.key === "-") zoom(0.8);
});
// A canvas that was hidden has no size until it is shown.
new ResizeObserver(() => (fits === undefined ? apply() : showAll(fits))).observe(canvas);

export {};
