/** The graph of the model that is shown: the server's drawing, with figures of all requests or of one, and failures at their steps. */
import { at, element } from "./elements.js";
import { plural, printCount, printMs, printTime } from "./figures.js";
import { call } from "./server-calls.js";
import { type Detail, type Metadata, state } from "./state.js";

/** @returns the drawing; undefined for a model without a plan */
export async function loadPicture(model: string): Promise<string | undefined> {
  const got = await call(`/graph/${encodeURIComponent(model)}`);
  return got.ok ? ((await got.json()) as { svg: string }).svg : undefined;
}

export function showPicture(svg: string | undefined, metadata: Metadata | undefined): void {
  const list = (tensors: Metadata["inputs"]): string => tensors.map(({ name }) => name).join(", ");
  const ports = metadata ? ` It takes ${list(metadata.inputs)} and returns ${list(metadata.outputs)}.` : "";
  // The server's own drawing, its texts escaped.
  if (svg !== undefined) at("canvas").innerHTML = svg;
  else at("canvas").replaceChildren(element("p", `This model has no plan of steps.${ports}`, { id: "no-plan" }));
  document.dispatchEvent(new CustomEvent("merlon:graph"));
  showFigures();
}

interface Figure {
  readonly text: string;
  /** For the card's tooltip. */
  readonly more: string;
  readonly failed?: boolean;
}

/** Shows the figures of the open request, if that is chosen and the request is of this model; otherwise the means of all requests. */
export function showFigures(): void {
  const choice = at<HTMLSelectElement>("figures");
  const { request, model } = state;
  const own = request?.model === model ? request : undefined;
  offerRequest(choice, own);
  const one = choice.value === "one" ? own : undefined;
  const figures = one ? figuresOf(one) : means();
  for (const card of at("canvas").querySelectorAll<SVGElement>(".card")) {
    const figure = figures.get(card.dataset.step!);
    const label = card.querySelector(".figure");
    if (label) label.textContent = figure?.text ?? "";
    card.classList.toggle("failed", figure?.failed === true);
    const title = card.querySelector(":scope > title");
    if (!title) continue;
    card.dataset.does ??= title.textContent ?? "";
    title.textContent = [card.dataset.does, figure?.text, figure?.more].filter(Boolean).join("; ");
  }
  const note = one?.fault ?? failuresNote();
  at("graph-note").textContent = note;
  at("graph-note").className = one?.fault === undefined ? "soft" : "bad";
}

function offerRequest(choice: HTMLSelectElement, request: Detail | undefined): void {
  const known = choice.querySelector<HTMLOptionElement>('option[value="one"]');
  if (!request) known?.remove();
  else {
    const option = known ?? (element("option", "", { value: "one" }) as HTMLOptionElement);
    option.textContent = `request ${request.id}, ${printTime(request.at)}${request.fault === undefined ? "" : ", failed"}`;
    if (!known) choice.append(option);
  }
}

function means(): ReadonlyMap<string, Figure> {
  const own = (state.counts?.stages ?? []).filter(({ model }) => model === state.model);
  return new Map(
    own.map(({ stage, count, failures, seconds, rowsIn, rowsOut }) => {
      const rows = `${plural(count + failures, "run")}, ${printCount(rowsIn)} → ${printCount(rowsOut)} rows`;
      const more = failures > 0 ? `${rows}, ${printCount(failures)} failed` : rows;
      return [stage, { text: count > 0 ? printMs((seconds / count) * 1000) : "", more }];
    }),
  );
}

function failuresNote(): string {
  const failed = (state.counts?.stages ?? []).filter(({ model, failures }) => model === state.model && failures > 0);
  return failed.map(({ stage, failures }) => `${stage}: ${printCount(failures)} failed`).join(" · ");
}

function figuresOf({ stages, fault, failedStep }: Detail): ReadonlyMap<string, Figure> {
  const figures = new Map<string, Figure>(
    stages.map(({ name, micros, rowsIn, rowsOut, fault }) => [
      name,
      {
        text: printMs(micros / 1000),
        more: fault ?? (rowsIn === undefined ? "" : `${printCount(rowsIn)} → ${printCount(rowsOut ?? 0)} rows`),
        failed: fault !== undefined,
      },
    ]),
  );
  if (failedStep !== undefined) figures.set(failedStep, { text: "failed", more: fault ?? "", failed: true });
  return figures;
}
