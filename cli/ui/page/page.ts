/** The page's script: models and counts as they come, a form from the schema, the last requests with their stages and tensors, and candidates' stories. */
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
interface Story {
  readonly id: string | number;
  readonly from: string;
  readonly rank: number;
  readonly scores: Readonly<Record<string, number>>;
  readonly droppedBy?: string;
  readonly place?: number;
}
interface Kept {
  readonly model: string;
  readonly at: string;
  readonly ms: number;
  readonly inputs: readonly Tensor[];
  readonly answer: Answer;
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
}

/** Requests kept, and values of a tensor shown: what this page holds is bounded. */
const MOST_REQUESTS = 20;
const MOST_VALUES = 200;

const at = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const element = (
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
const row = (cells: readonly string[], head = false): HTMLElement =>
  element("tr", "", {}, ...cells.map((cell, i) => element(head ? "th" : "td", cell, i > 0 ? { class: "n" } : {})));

let metadata: Metadata | undefined;
let counts: Counts | undefined;
let drawn = "";
const kept: Kept[] = [];

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
          { type: "button", title: reason, "aria-current": String(metadata?.name === name) },
          element("span", state, { class: state }),
        );
        button.addEventListener("click", () => void choose(name));
        return button;
      }),
    );
    const first = now.models.find(m => m.state === "READY");
    if (!metadata && first) void choose(first.name);
  }
  at("counts").replaceChildren(
    row(["model", "requests", "ms each"], true),
    ...now.stats.map(({ name, inference_stats }) => {
      const { count = 0, ns = 0 } = inference_stats?.success ?? {};
      return row([name, String(count), Number(count) ? (Number(ns) / Number(count) / 1e6).toFixed(2) : ""]);
    }),
  );
  showStages();
}

function showStages(): void {
  const stages = (counts?.stages ?? []).filter(stage => stage.model === metadata?.name);
  const each = ({ count, seconds }: Stage) => (count ? ((seconds / count) * 1000).toFixed(3) : "");
  at("stages").replaceChildren(
    ...(stages.length ? [row(["stage", "runs", "ms each", "rows in", "rows out"], true)] : []),
    ...stages.map(s => row([s.stage, String(s.count), each(s), String(s.rowsIn), String(s.rowsOut)])),
  );
  // On the stage's card, in the place of what it does.
  const cards = new Map([...document.querySelectorAll<SVGElement>("#graph .card")].map(c => [c.dataset.step, c]));
  for (const stage of stages) {
    const line = stage.count > 0 && cards.get(stage.stage)?.querySelector(".does");
    if (line) line.textContent = `${each(stage)} ms, ${stage.rowsIn} → ${stage.rowsOut} rows`;
  }
}

async function choose(name: string): Promise<void> {
  const got = await fetch(`/v2/models/${encodeURIComponent(name)}`);
  if (!got.ok) return;
  metadata = (await got.json()) as Metadata;
  for (const button of at("models").children)
    button.setAttribute("aria-current", String(button.firstChild?.textContent === name));
  at("name").textContent = name;
  at("docs").setAttribute("href", `/v2/models/${encodeURIComponent(name)}/docs`);
  const picture = await fetch(`/graph/${encodeURIComponent(name)}`);
  // The server's own drawing, its texts escaped.
  at("picture").innerHTML = picture.ok ? ((await picture.json()) as { svg: string }).svg : "";
  const graph = at("picture").querySelector<SVGElement>("svg");
  if (graph) graph.style.width = `${graph.dataset.width}px`;
  showStages();
  showForm(metadata);
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
  at("form").replaceChildren(...fields, element("button", "Send (Ctrl+Enter)", { type: "submit" }));
}

/** Sizes of nested lists. */
const shapeOf = (value: unknown): number[] =>
  Array.isArray(value) ? [value.length, ...shapeOf(value[0])].filter(n => n !== undefined) : [];

async function ask(): Promise<void> {
  if (!metadata) return;
  const inputs: Tensor[] = [];
  for (const field of at("form").querySelectorAll("textarea")) {
    try {
      const data = JSON.parse(field.value) as unknown[];
      inputs.push({ name: field.dataset.name!, datatype: field.dataset.datatype!, shape: shapeOf(data), data });
    } catch (error) {
      at("console").textContent = `${field.dataset.name} is no JSON: ${(error as Error).message}`;
      field.focus();
      return;
    }
  }
  const { name } = metadata;
  const began = performance.now();
  const got = await fetch(`/v2/models/${encodeURIComponent(name)}/infer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ parameters: { timings: true, explain: true }, inputs }),
  });
  const text = await got.text();
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    answer = { error: text };
  }
  kept.unshift({ model: name, at: new Date().toLocaleTimeString(), ms: performance.now() - began, inputs, answer });
  kept.length = Math.min(kept.length, MOST_REQUESTS);
  at("console").textContent = answer.error ?? JSON.stringify({ ...answer, parameters: undefined }, null, 2);
  at("console").classList.toggle("bad", answer.error !== undefined);
  showRequests();
  showTrace(kept[0]!);
}

function showRequests(): void {
  at("requests").replaceChildren(
    row(["time", "model", "ms", ""], true),
    ...kept.map(each => {
      const open = element("button", "Trace", { type: "button" });
      open.addEventListener("click", () => showTrace(each));
      const line = row([each.at, each.model, each.ms.toFixed(1)]);
      line.append(element("td", "", {}, open));
      return line;
    }),
  );
}

let shown: Kept | undefined;
function showTrace(each: Kept): void {
  shown = each;
  const times = Object.entries(each.answer.parameters ?? {}).flatMap(([key, value]) =>
    key.startsWith("timing.") ? [[key.slice(7), Number(value)] as const] : [],
  );
  const longest = Math.max(1, ...times.map(([, us]) => us));
  const lines = times.map(([stage, us]) => {
    const bar = element("div", "", { class: "bar" });
    bar.style.width = `${(us / longest) * 100}%`;
    const line = row([stage, `${us} µs`]);
    line.append(element("td", "", { width: "50%" }, bar));
    return line;
  });
  const tensor = ({ name, datatype, shape, data = [] }: Tensor) => {
    const values = (data as readonly unknown[]).flat(9);
    const more = values.length > MOST_VALUES ? `\n… ${values.length - MOST_VALUES} more` : "";
    return element(
      "details",
      "",
      {},
      element("summary", `${name}: ${datatype} [${shape.join(", ")}]`),
      element("pre", `${JSON.stringify(values.slice(0, MOST_VALUES))}${more}`),
    );
  };
  at("trace").replaceChildren(
    element("h2", `${each.model}, ${each.at}`),
    element("table", "", { id: "timings" }, ...lines),
    ...each.inputs.map(tensor),
    ...(each.answer.outputs ?? []).map(tensor),
  );
}

function why(): void {
  at("story").replaceChildren(...storyLines().map(line => element("p", line)));
}

function storyLines(): readonly string[] {
  const id = at<HTMLInputElement>("candidate").value.trim();
  const text = shown?.answer.parameters?.explain;
  if (typeof text !== "string")
    return ["Send a request to an ensemble first: its answer tells the story of each candidate."];
  const rows = JSON.parse(text) as readonly (readonly Story[])[];
  const found = rows.flatMap((stories, user) =>
    stories.filter(s => String(s.id) === id).map(story => ({ story, user })),
  );
  if (found.length === 0) {
    const known = rows
      .flat()
      .slice(0, 8)
      .map(s => s.id);
    return [`No step found ${id || "that candidate"}. Candidates of this request: ${known.join(", ") || "none"}.`];
  }
  return found.flatMap(({ story: { from, rank, scores, droppedBy, place }, user }) => [
    `Row ${user + 1}: ${from} found it, at place ${rank} of what it found.`,
    ...Object.entries(scores).map(([name, score]) => `${name} = ${score}`),
    droppedBy !== undefined
      ? `Why not: ${droppedBy} dropped it.`
      : place !== undefined
        ? `Why: it is at place ${place} of the answer.`
        : "No step ordered it.",
  ]);
}

at("form").addEventListener("submit", event => {
  event.preventDefault();
  void ask();
});
at("why").addEventListener("click", why);
document.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void ask();
  else if (event.key === "Enter" && event.target === at("candidate")) why();
});
at("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
const events = new EventSource("/events");
events.onmessage = event => showCounts(JSON.parse(event.data as string) as Counts);
events.onerror = () => {
  at("live").textContent = "the server is away; trying again";
};

export {};
