/** The last requests of all clients, as the server keeps them, and one of them stage by stage, with its tensors. */
import { at, button, element, row } from "./elements.js";
import { call } from "./server-calls.js";
import { type Stories, showCandidates } from "./story.js";

interface Printed {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string | boolean)[];
}
interface Summary {
  readonly id: number;
  readonly at: number;
  readonly model: string;
  readonly requestId: string;
  readonly protocol: string;
  readonly ms: number;
  readonly fault?: string;
}
interface Stage {
  readonly name: string;
  readonly op: string;
  readonly begin: number;
  readonly micros: number;
  readonly rowsIn?: number;
  readonly rowsOut?: number;
  readonly tensors: readonly Printed[];
}
interface Detail extends Summary {
  readonly version: number;
  readonly inputs: readonly Printed[];
  readonly outputs: readonly Printed[];
  readonly stages: readonly Stage[];
  readonly explain?: Stories;
}

let newest = -1;
let shown = 0;

/** Reloads the list if it has new entries. @param unseen requests that were not recorded */
export async function followRequests(now: number, unseen: number): Promise<void> {
  if (now === newest) return;
  newest = now;
  const list = (await (await call("/requests")).json()) as readonly Summary[];
  at("unseen").textContent =
    unseen > 0 ? `${unseen} more were not recorded: the page records a limited number per second.` : "";
  at("requests").replaceChildren(
    row(["time", "over", "model", "ms", "", ""], true),
    ...list.map(({ id, at: when, model, protocol, ms, fault, requestId }) => {
      const line = row([new Date(when).toLocaleTimeString(), protocol, model, ms.toFixed(2), fault ?? requestId]);
      line.lastElementChild!.setAttribute("title", fault ?? requestId);
      if (fault) line.lastElementChild!.className = "bad";
      line.append(
        element(
          "td",
          "",
          {},
          button("Open", `Open request ${id} to ${model}`, () => void openRequest(id)),
        ),
      );
      line.dataset.id = String(id);
      return line;
    }),
  );
  markShown();
  if (list.length === 0) at("requests").replaceChildren(row(["No requests yet."]));
  else if (shown === 0) await openRequest(list[0]!.id);
}

/** The page's own request: the one that carries this id. */
export async function openOwn(requestId: string): Promise<void> {
  // The server records a request when its response is sent, which may be a moment after its arrival here.
  for (let i = 0; i < 20; i++) {
    const list = (await (await call("/requests")).json()) as readonly Summary[];
    const own = list.find(one => one.requestId === requestId);
    if (own) {
      await openRequest(own.id);
      return followRequests(list[0]!.id, 0);
    }
    await new Promise(done => setTimeout(done, 25));
  }
}

const markShown = (): void => {
  for (const line of at("requests").children)
    line.setAttribute("aria-selected", String((line as HTMLElement).dataset.id === String(shown)));
};

async function openRequest(id: number): Promise<void> {
  const got = await call(`/requests/${id}`);
  const detail = (await got.json()) as Detail & { readonly error?: string };
  if (!got.ok) {
    at("trace").replaceChildren(element("p", detail.error, { class: "bad" }));
    return;
  }
  shown = id;
  markShown();
  showCandidates(detail.explain);
  const total = Math.max(1, detail.ms * 1000, ...detail.stages.map(stage => stage.begin + stage.micros));
  at("trace").replaceChildren(
    element(
      "h2",
      `${detail.model}${detail.version > 0 ? ` version ${detail.version}` : ""}, ${new Date(detail.at).toLocaleTimeString()}, ${detail.ms.toFixed(2)} ms`,
    ),
    ...(detail.fault ? [element("p", detail.fault, { class: "bad" })] : []),
    element("h3", "Inputs"),
    ...detail.inputs.map(tensor),
    element("h3", detail.stages.length > 0 ? "Stages" : "This model has no stages"),
    element("div", "", { id: "timings" }, ...detail.stages.map(stage => stageLine(stage, total))),
    element("h3", "Outputs"),
    ...detail.outputs.map(tensor),
  );
}

/** One line of the timeline; open, it shows the tensors that the stage made. */
function stageLine({ name, op, begin, micros, rowsIn, rowsOut, tensors }: Stage, total: number): HTMLElement {
  const bar = element("span", "", { class: "bar" });
  bar.style.marginLeft = `${(begin / total) * 100}%`;
  bar.style.width = `${Math.max(0.5, (micros / total) * 100)}%`;
  const rows = rowsIn === undefined ? "" : `, ${rowsIn} → ${rowsOut} rows`;
  return element(
    "details",
    "",
    { "data-stage": name },
    element(
      "summary",
      "",
      {},
      element("span", name, { class: "what", title: op }),
      element("span", `${micros} µs${rows}`, { class: "facts" }),
      element("span", "", { class: "track", "aria-hidden": "true" }, bar),
    ),
    ...tensors.map(tensor),
  );
}

function tensor({ name, datatype, shape, values }: Printed): HTMLElement {
  const more = shape.reduce((product, n) => product * n, 1) - values.length;
  return element(
    "details",
    "",
    { class: "tensor" },
    element("summary", `${name}: ${datatype} [${shape.join(", ")}]`),
    element("pre", `${JSON.stringify(values)}${more > 0 ? `\n… ${more} more` : ""}`, { tabindex: "0" }),
  );
}

/** From a card of the graph to what that stage made. */
export function openStage(name: string): void {
  const line = at("trace").querySelector<HTMLDetailsElement>(`details[data-stage="${CSS.escape(name)}"]`);
  if (!line) return;
  line.open = true;
  line.scrollIntoView({ block: "center" });
  line.querySelector("summary")!.focus();
}
