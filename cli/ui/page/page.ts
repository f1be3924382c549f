/** The page's script: models and counts when they change, the graph, and a form from the schema. */
import { at, element, row } from "./elements.js";
import { followRequests, openOwn, openStage } from "./requests.js";
import { call, followEvents, pathName } from "./server-calls.js";
import { why } from "./story.js";

interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | string)[];
  readonly data?: readonly unknown[];
}
interface Metadata {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}
interface Answer {
  readonly error?: string;
  readonly outputs?: readonly Tensor[];
  readonly parameters?: Readonly<Record<string, unknown>>;
}
interface Stage {
  readonly model: string;
  readonly stage: string;
  readonly count: number;
  readonly seconds: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}
interface ModelStats {
  readonly name: string;
  readonly inference_count?: string | number;
  readonly execution_count?: string | number;
  readonly inference_stats?: Readonly<
    Record<string, { readonly count?: string | number; readonly ns?: string | number }>
  >;
}
interface Counts {
  readonly error?: string;
  readonly models: readonly { readonly name: string; readonly state: string; readonly reason?: string }[];
  readonly stats: readonly ModelStats[];
  readonly stages: readonly Stage[];
  readonly newest: number;
  readonly unseen: number;
}

let metadata: Metadata | undefined;
/** The model whose button was last pressed; what is on its way for another is dropped. */
let chosen: string | undefined;
let counts: Counts | undefined;
let drawn = "";

function showCounts(now: Counts): void {
  counts = now;
  at("live").textContent = now.error ? `the server does not answer: ${now.error}` : "live";
  if (now.error) return;
  const names = now.models.map(m => `${m.name} ${m.state}`).join("\n");
  if (names !== drawn) {
    drawn = names;
    at("models").replaceChildren(
      ...now.models.map(({ name, state = "UNAVAILABLE", reason = "" }) => {
        const button = element(
          "button",
          name,
          { type: "button", title: reason, "aria-current": String(chosen === name) },
          element("span", state, { class: state }),
        );
        button.addEventListener("click", () => shown(choose(name)));
        return button;
      }),
    );
    const first = now.models.find(m => m.state === "READY");
    if (chosen === undefined && first) shown(choose(first.name));
  }
  at("counts").replaceChildren(
    row(["model", "requests", "ms each"], true),
    ...now.stats.map(({ name, inference_stats }) => {
      const { count = 0, ns = 0 } = inference_stats?.success ?? {};
      return row([name, String(count), Number(count) ? (Number(ns) / Number(count) / 1e6).toFixed(2) : ""]);
    }),
  );
  showStages();
  shown(followRequests(now.newest, now.unseen));
}

function showStages(): void {
  const stages = (counts?.stages ?? []).filter(stage => stage.model === chosen);
  const each = ({ count, seconds }: Stage) => (count ? ((seconds / count) * 1000).toFixed(3) : "");
  at("stages").replaceChildren(
    ...(stages.length ? [row(["stage", "runs", "ms each", "rows in", "rows out"], true)] : []),
    ...stages.map(s => row([s.stage, String(s.count), each(s), String(s.rowsIn), String(s.rowsOut)])),
  );
  // On the stage's card, in place of its description.
  const cards = new Map([...document.querySelectorAll<SVGElement>("#graph .card")].map(c => [c.dataset.step, c]));
  for (const stage of stages) {
    const line = stage.count > 0 && cards.get(stage.stage)?.querySelector(".does");
    if (line) line.textContent = `${each(stage)} ms, ${stage.rowsIn} → ${stage.rowsOut} rows`;
  }
}

async function choose(name: string): Promise<void> {
  chosen = name;
  const path = pathName(name);
  const [got, picture] = await Promise.all([
    path === undefined ? undefined : call(`/v2/models/${path}`),
    call(`/graph/${encodeURIComponent(name)}`),
  ]);
  const text = got ? await got.text() : `no path of HTTP can carry the name "${name}": gRPC can`;
  const found = got?.ok ? (JSON.parse(text) as Metadata) : undefined;
  const svg = picture.ok ? ((await picture.json()) as { svg: string }).svg : "";
  if (chosen !== name) return;
  metadata = found;
  for (const button of at("models").children)
    button.setAttribute("aria-current", String(button.firstChild?.textContent === name));
  at("name").textContent = name;
  at("docs").setAttribute("href", `/v2/models/${path ?? ""}/docs`);
  // The server's own drawing, its texts escaped.
  at("picture").innerHTML = svg;
  const graph = at("picture").querySelector<SVGElement>("svg");
  if (graph) graph.style.width = `${graph.dataset.width}px`;
  showStages();
  if (found) showForm(found);
  else {
    at("form").replaceChildren();
    say(text, true);
  }
}

function showForm({ inputs }: Metadata): void {
  const fields = inputs
    .filter(({ name }) => !name.endsWith("__validity"))
    .flatMap(({ name, datatype, shape }) => [
      element("label", `${name}: ${datatype} [${shape.join(", ")}]`, { for: `in-${name}` }),
      element("textarea", datatype === "BYTES" ? '[["a"]]' : "[[1]]", {
        id: `in-${name}`,
        "data-name": name,
        "data-datatype": datatype,
        spellcheck: "false",
      }),
    ]);
  const parameters = [
    element("label", "parameters, as JSON: seed, timings, explain, …", { for: "parameters" }),
    element("textarea", "", { id: "parameters", placeholder: '{"seed": 1}', rows: "1", spellcheck: "false" }),
  ];
  at("form").replaceChildren(...fields, ...parameters, element("button", "Send (Ctrl+Enter)", { type: "submit" }));
}

/** Sizes of nested lists. */
const shapeOf = (value: unknown): number[] =>
  Array.isArray(value) ? [value.length, ...shapeOf(value[0])].filter(n => n !== undefined) : [];

async function ask(): Promise<void> {
  if (!metadata) return;
  const inputs: Tensor[] = [];
  let parameters: object | undefined;
  for (const field of at("form").querySelectorAll("textarea")) {
    const { name, datatype } = field.dataset;
    try {
      const data = JSON.parse(field.value || "null") as unknown[];
      if (name === undefined) parameters = data ?? undefined;
      else inputs.push({ name, datatype: datatype!, shape: shapeOf(data), data });
    } catch (error) {
      say(`${name ?? "parameters"} is not JSON: ${(error as Error).message}`, true);
      field.focus();
      return;
    }
  }
  const { name } = metadata;
  const id = `page-${Math.random().toString(36).slice(2, 10)}`;
  const got = await call(`/v2/models/${pathName(name)!}/infer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, ...(parameters && { parameters }), inputs }),
  }).catch((error: Error) => new Response(JSON.stringify({ error: `the server is away: ${error.message}` })));
  const text = await got.text();
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    answer = { error: text };
  }
  say(answer.error ?? JSON.stringify(answer, null, 2), answer.error !== undefined);
  await openOwn(id);
}

/** An error of the work is shown in place of the response. */
function shown(work: Promise<void>): void {
  work.catch((error: Error) => say(error.message, true));
}

function say(text: string, bad: boolean): void {
  at("console").textContent = text;
  at("console").classList.toggle("bad", bad);
}

at("form").addEventListener("submit", event => {
  event.preventDefault();
  shown(ask());
});
at("why").addEventListener("click", why);
document.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) shown(ask());
  else if (event.key === "Enter" && event.target === at("candidate")) why();
});
at("picture").addEventListener("click", event => {
  const card = (event.target as Element).closest<SVGElement>(".card");
  if (card?.dataset.step) openStage(card.dataset.step);
});
at("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
shown(
  followEvents(
    event => showCounts(event as Counts),
    () => {
      at("live").textContent = "the server is away; trying again";
    },
  ),
);
