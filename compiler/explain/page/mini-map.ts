/**
 * The whole picture in small, with the part that is shown; a press on it moves the view there. It is shown if the picture is larger than its view.
 */
interface View {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly whole: { readonly width: number; readonly height: number };
}

/** Most pixels, and most of the canvas. */
const MOST = { width: 168, height: 220, part: 0.35 };
const SVG = "http://www.w3.org/2000/svg";
const canvas = document.getElementById("canvas")!;
const map = document.createElementNS(SVG, "svg");
map.id = "map";
// Everything it does can be done with the keyboard on the canvas.
map.setAttribute("aria-hidden", "true");
map.toggleAttribute("hidden", true);
const frame = rect("view");
let blocksOf: Element | null = null;

function rect(kind: string): SVGRectElement {
  const made = document.createElementNS(SVG, "rect");
  made.setAttribute("class", kind);
  return made;
}

function place(element: SVGRectElement, x: number, y: number, width: number, height: number): void {
  for (const [name, value] of Object.entries({ x, y, width, height })) element.setAttribute(name, String(value));
}

/** A block for each card. */
function draw(graph: Element, { whole }: View): void {
  blocksOf = graph;
  map.setAttribute("viewBox", `0 0 ${whole.width} ${whole.height}`);
  const blocks = [...graph.querySelectorAll<SVGGElement>(".card")].map(card => {
    const { e: x, f: y } = card.transform.baseVal.consolidate()!.matrix;
    const block = rect("block");
    const own = card.querySelector(".frame")!;
    place(block, x, y, Number(own.getAttribute("width")), Number(own.getAttribute("height")));
    return block;
  });
  map.replaceChildren(...blocks, frame);
}

function resize({ whole }: View): void {
  const across = Math.min(MOST.width, MOST.part * canvas.clientWidth);
  const down = Math.min(MOST.height, MOST.part * canvas.clientHeight);
  const scale = Math.min(across / whole.width, down / whole.height);
  map.style.width = `${whole.width * scale}px`;
  map.style.height = `${whole.height * scale}px`;
}

document.addEventListener("merlon:view", event => {
  const view = (event as CustomEvent<View>).detail;
  const graph = canvas.querySelector("#graph");
  if (!graph) return;
  if (graph !== blocksOf) draw(graph, view);
  if (map.parentElement !== canvas) canvas.append(map);
  resize(view);
  place(frame, view.x, view.y, view.width, view.height);
  const { whole } = view;
  const all =
    view.x <= 1 && view.y <= 1 && view.x + view.width >= whole.width - 1 && view.y + view.height >= whole.height - 1;
  map.toggleAttribute("hidden", all);
});

function look(event: PointerEvent): void {
  const { left, top, width, height } = map.getBoundingClientRect();
  const { width: w, height: h } = map.viewBox.baseVal;
  const detail = { x: ((event.clientX - left) / width) * w, y: ((event.clientY - top) / height) * h };
  document.dispatchEvent(new CustomEvent("merlon:look", { detail }));
}
map.addEventListener("pointerdown", event => {
  map.setPointerCapture(event.pointerId);
  look(event);
});
map.addEventListener("pointermove", event => {
  if (map.hasPointerCapture(event.pointerId)) look(event);
});
map.addEventListener("click", event => event.stopPropagation());

export {};
