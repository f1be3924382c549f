/** The last requests of all clients, as the server keeps them, and one of them step by step, with its tensors. */

import type { PrintedTensor } from "../../../runtime/server/observe/tracing/print-head.js";
import type { RecentRequest, RecentStage } from "../../../runtime/server/observe/tracing/recent-requests.js";
import { at, button, element, fillKeyedTable, row } from "./elements.js";
import { plural, printCount, printMs, printTime } from "./figures.js";
import { inOrder } from "./in-order.js";
import { showFigures } from "./picture.js";
import { call } from "./server-calls.js";
import { type Detail, state } from "./state.js";
import { showCandidates } from "./story.js";
import { tensorTables } from "./tensor-table.js";

/** Characters of an id that are shown; clients choose it. */
const MOST_ID = 200;

let newest = -1;
const readings = inOrder();
let list: readonly RecentRequest[] = [];
let onOpen: (id: number) => void = () => {};
let onRetry: (request: Detail) => void = () => {};

/** @param open is called with a request that the reader opens @param retry with one whose inputs go to the form */
export function listenToRequests(open: (id: number) => void, retry: (request: Detail) => void): void {
  [onOpen, onRetry] = [open, retry];
  for (const id of ["only-model", "only-failed", "paused"]) at(id).addEventListener("change", () => showList());
}

/** After a restart the ids begin anew. */
export function forgetRequests(): void {
  newest = -1;
  // Rows of before would be kept under the same ids.
  at("requests").replaceChildren();
  state.request = undefined;
  at("trace").replaceChildren(element("p", "No request is open.", { class: "soft" }));
  showCandidates(undefined);
}

/** Reads the list if there is something new in it. @param unseen requests that were not recorded */
export async function followRequests(now: number, unseen: number): Promise<void> {
  if (now === newest) return;
  newest = now;
  const turn = readings.begin();
  try {
    const read = (await (await call("/requests")).json()) as readonly RecentRequest[];
    if (!readings.isNews(turn)) return;
    list = read;
  } catch (error) {
    // The next event reads the list again.
    if (newest === now) newest = -1;
    throw error;
  }
  at("unseen").textContent =
    unseen > 0 ? `${plural(unseen, "more request")} were counted, but not recorded, since the start.` : "";
  if (!at<HTMLInputElement>("paused").checked) showList();
}

export function showList(): void {
  const [model, failed] = ["only-model", "only-failed"].map(id => at<HTMLInputElement>(id).checked);
  const shown = list.filter(one => (!model || one.model === state.model) && (!failed || one.fault !== undefined));
  if (shown.length === 0) {
    at("requests").replaceChildren(
      element("caption", list.length === 0 ? "No requests yet." : "None of the last requests."),
    );
    return;
  }
  const hasArms = shown.some(({ arm }) => arm !== undefined);
  const heads = ["time", "model", "user", ...(hasArms ? ["arm"] : []), "outcome", "latency"];
  fillKeyedTable(
    at("requests"),
    heads,
    shown.map(({ id }) => `${id} ${hasArms}`),
    i => line(shown[i]!, hasArms),
    heads.length - 1,
  );
}

function line(request: RecentRequest, hasArms: boolean): HTMLElement {
  const { id, at: when, model, protocol, ms, fault, requestId, user, arm } = request;
  const open = button(printTime(when), `${printTime(when)}: request ${id} to ${model}`, () => onOpen(id));
  const cells = [
    open,
    element("span", model, { title: `${model} over ${protocol}${requestId && `, id ${requestId.slice(0, MOST_ID)}`}` }),
    element("span", user ? `${user.value}${user.rows > 1 ? ` and ${printCount(user.rows - 1)} more` : ""}` : "–", {
      title: user ? user.input : "The request was refused.",
    }),
    ...(hasArms ? [element("span", arm === undefined ? "–" : armsText(arm), { title: arm ?? "No arm." })] : []),
    element("span", outcomeOf(request), fault === undefined ? {} : { class: "bad", title: fault }),
    printMs(ms),
  ];
  const made = row(cells, { numbers: cells.length - 1 });
  made.dataset.id = String(id);
  made.dataset.requestId = requestId.slice(0, MOST_ID);
  made.setAttribute("aria-selected", String(id === state.request?.id));
  made.children[cells.length - 2]!.className = "grow";
  return made;
}

/** A name, or the different ones of several rows. */
function armsText(arm: string): string {
  try {
    return [...new Set(JSON.parse(arm) as readonly string[])].join(", ");
  } catch {
    // One name, or a text that names the steps of several splits.
    return arm;
  }
}

function outcomeOf({ fault, failedStep, answer }: RecentRequest): string {
  if (fault !== undefined) {
    const reason = fault.replace(/^\[request id: [^\]]*\] /, "");
    return failedStep === undefined ? reason : `failed at ${failedStep}: ${reason}`;
  }
  return answer ? `${answer.shape.join(" × ")} ${answer.output}` : "responded";
}

/** The page's own request, by its id. */
export async function findOwn(requestId: string): Promise<number | undefined> {
  // The server records a request when its response is sent, which may be a moment after it arrived here.
  for (let i = 0; i < 20; i++) {
    const now = (await (await call("/requests")).json()) as readonly RecentRequest[];
    const own = now.find(one => one.requestId === requestId);
    if (own) return own.id;
    await new Promise(done => setTimeout(done, 25));
  }
  return undefined;
}

let opening = 0;

/** Numbers what the reader opens. The last one is shown, in whatever order the server responds. */
export const beginOpening = (): number => ++opening;

/** @param turn of `beginOpening`; a request that was opened later wins */
export async function openRequest(id: number, turn = beginOpening()): Promise<void> {
  const got = await call(`/requests/${id}`);
  const detail = (await got.json()) as Detail & { readonly error?: string };
  if (turn !== opening) return;
  if (!got.ok) {
    at("trace").replaceChildren(element("p", detail.error, { class: "bad" }));
    return;
  }
  state.request = detail;
  for (const one of at("requests").querySelectorAll<HTMLElement>("tbody tr"))
    one.setAttribute("aria-selected", String(one.dataset.id === String(id)));
  showCandidates(detail);
  showFigures();
  showDetail(detail);
}

function showDetail(detail: Detail): void {
  const { model, version, at: when, ms, protocol, requestId, inputs, outputs, stages, arm } = detail;
  const total = Math.max(1, ms * 1000, ...stages.map(stage => stage.begin + stage.micros));
  const facts = [
    printTime(when),
    protocol,
    printMs(ms),
    arm !== undefined && `arm ${armsText(arm)}`,
    requestId && `id ${requestId.slice(0, MOST_ID)}`,
  ]
    .filter(Boolean)
    .join(" · ");
  at("trace").replaceChildren(
    element("h3", `Request ${detail.id} to ${model}${version > 0 ? ` version ${version}` : ""}`),
    element("p", facts, { class: "soft" }),
    ...alertOf(detail),
    element("h4", "Inputs"),
    ...(inputs.length === 0
      ? [element("p", "The request was refused before its inputs were recorded.", { class: "soft" })]
      : tables(inputs)),
    ...(inputs.length === 0
      ? []
      : [button("Use these inputs in the form", "Use these inputs in the form", () => onRetry(detail))]),
    element("h4", "Steps"),
    element("div", "", { id: "timings" }, ...stages.map(stage => stageLine(stage, total)), ...failedLine(detail)),
    ...(stages.length > 0 || detail.failedStep !== undefined
      ? []
      : [element("p", "No step ran: a model without a plan, or a request that was refused.", { class: "soft" })]),
    ...(outputs.length > 0 ? [element("h4", "Outputs"), ...tables(outputs)] : []),
  );
}

function alertOf({ fault, failedStep }: Detail): HTMLElement[] {
  if (fault === undefined) return [];
  const where = failedStep === undefined ? [] : [element("strong", `Failed at step ${failedStep}`)];
  return [element("div", "", { class: "alert" }, ...where, element("p", fault))];
}

const tables = (tensors: readonly PrintedTensor[]): readonly HTMLElement[] =>
  tensorTables(
    tensors.map(({ name, datatype, shape, values }) => ({
      name,
      datatype,
      shape,
      elements: { length: values.length, at: i => values[i] ?? null },
    })),
  );

/** The step that failed has made nothing. */
const failedLine = ({ failedStep, fault = "", stages }: Detail): HTMLElement[] =>
  failedStep === undefined || stages.some(({ name }) => name === failedStep)
    ? []
    : [
        element(
          "details",
          "",
          { "data-stage": failedStep, class: "failed", open: "" },
          element("summary", "", {}, element("span", failedStep, { class: "what" }), element("span", "failed")),
          element("p", fault, { class: "tensor" }),
        ),
      ];

/** One line of the timeline; open, it shows the tensors that the step made. */
function stageLine(stage: RecentStage, total: number): HTMLElement {
  const { name, op, begin, micros, rowsIn, rowsOut, fault } = stage;
  const bar = element("span", "", { class: "bar" });
  bar.style.marginLeft = `${(begin / total) * 100}%`;
  bar.style.width = `${Math.max(0.5, (micros / total) * 100)}%`;
  const rows = rowsIn === undefined ? "" : `, ${printCount(rowsIn)} → ${printCount(rowsOut ?? 0)} rows`;
  const made = element(
    "details",
    "",
    { "data-stage": name, ...(fault !== undefined && { class: "failed" }) },
    element(
      "summary",
      "",
      {},
      element("span", name, { class: "what", title: op }),
      element("span", fault === undefined ? `${printMs(micros / 1000)}${rows}` : "failed", { class: "facts" }),
      element("span", "", { class: "track", "aria-hidden": "true" }, bar),
    ),
  );
  const fill = (): void =>
    made.append(
      ...(fault === undefined ? [] : [element("p", fault, { class: "tensor" })]),
      ...stage.tensors.map(tensor),
    );
  made.addEventListener("toggle", fill, { once: true });
  return made;
}

function tensor({ name, datatype, shape, values }: PrintedTensor): HTMLElement {
  const more = shape.reduce((product, n) => product * n, 1) - values.length;
  return element(
    "details",
    "",
    { class: "tensor" },
    element("summary", `${name}: ${datatype} [${shape.join(", ")}]`),
    element("pre", `${JSON.stringify(values)}${more > 0 ? `\n… ${printCount(more)} more` : ""}`, { tabindex: "0" }),
  );
}

/** From a card of the graph to what that step made. */
export function openStage(name: string): void {
  const line = at("trace").querySelector<HTMLDetailsElement>(`details[data-stage="${CSS.escape(name)}"]`);
  if (!line) return;
  line.open = true;
  line.scrollIntoView({ block: "center" });
  line.querySelector("summary")!.focus();
}
