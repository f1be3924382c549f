/**
 * The metrics of all workers as one text. Counters, histograms, and gauges of requests and their memory are sums. A gauge of a model or of the machine is the
 * value of one worker. There is no series of a single worker.
 */

/** Gauges that are of each process, and add up. */
const SUMMED: ReadonlySet<string> = new Set([
  "nv_inference_pending_request_count",
  "merlon_memory_resident_bytes",
  "merlon_memory_charged_bytes",
  "merlon_memory_limit_bytes",
  "merlon_exposures_waiting_bytes",
]);
/** Gauges of which the greatest holds for the server. The others are the machine's, which each worker measures alike. */
const GREATEST: ReadonlySet<string> = new Set(["nv_model_load_duration_secs", "merlon_stage_arm_stopped"]);
/** It continues when a model is loaded again. */
const OUTLIVES = "nv_inference_request_failure";

interface Family {
  readonly name: string;
  readonly head: readonly string[];
  readonly type: string;
  readonly series: Map<string, number>;
}

const LINE = /^(\w+)(\{.*\})? (\S+)$/;

/** @returns families in the order of the text */
export function readFamilies(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let head: string[] = [];
  let current: Family | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("# HELP ")) head = [line];
    else if (line.startsWith("# TYPE ")) {
      const [, , name = "", type = ""] = line.split(" ");
      current = { name, head: [...head, line], type, series: new Map() };
      families.set(name, current);
    } else {
      const [, name, labels = "", value] = LINE.exec(line) ?? [];
      if (name !== undefined) current?.series.set(name + labels, Number(value));
    }
  }
  return families;
}

type Rule = "sum" | "greatest" | "first";

function ruleOf({ name, type }: Family, series: string): Rule {
  if (type === "counter" || type === "histogram") return "sum";
  // The least that holds for each worker's requests: quantiles of several workers have no sum.
  if (type === "summary") return /[{,]quantile="/.test(series) ? "greatest" : "sum";
  if (SUMMED.has(name)) return "sum";
  return GREATEST.has(name) ? "greatest" : "first";
}

function joined(rule: Rule, a: number | undefined, b: number): number {
  if (a === undefined || Number.isNaN(a)) return b;
  if (Number.isNaN(b) || rule === "first") return a;
  return rule === "sum" ? a + b : Math.max(a, b);
}

const printValue = (value: number): string => (Number.isNaN(value) ? "Nan" : String(value));

/** @param all at least one */
function addFamilies(all: readonly Family[]): Family {
  const series = new Map<string, number>();
  for (const name of inOrder(all.map(family => family.series.keys()))) {
    let sum: number | undefined;
    for (const family of all) {
      const value = family.series.get(name);
      if (value !== undefined) sum = joined(ruleOf(family, name), sum, value);
    }
    series.set(name, sum!);
  }
  return { ...all[0]!, series };
}

/** All names of lists that have the same order, though each may lack some. A series begins with the first request, which one worker had. */
function inOrder(lists: readonly Iterable<string>[]): readonly string[] {
  const first = "";
  const next = new Map<string, string | undefined>([[first, undefined]]);
  for (const list of lists) {
    let before = first;
    for (const name of list) {
      if (!next.has(name)) {
        next.set(name, next.get(before));
        next.set(before, name);
      }
      before = name;
    }
  }
  const names: string[] = [];
  for (let name = next.get(first); name !== undefined; name = next.get(name)) names.push(name);
  return names;
}

export class WorkerMetrics {
  readonly #known = new Map<number, ReadonlyMap<string, Family>>();
  /** Sums of workers that have ended, by series. */
  readonly #ended = new Map<string, number>();

  /** @param answers by worker; without an answer, a worker counts with its last one @param own bytes of the control process */
  merge(living: readonly number[], answers: ReadonlyMap<number, string>, own: number): string {
    for (const [worker, text] of answers) this.#known.set(worker, readFamilies(text));
    const texts = living.flatMap(worker => this.#known.get(worker) ?? []);
    const names = inOrder(texts.map(families => families.keys()));
    const all = names.map(name => addFamilies(texts.flatMap(families => families.get(name) ?? [])));
    return `${all.flatMap(family => this.#print(family, own)).join("\n")}\n`;
  }

  #print({ name, head, series }: Family, own: number): readonly string[] {
    const more = name === "merlon_memory_resident_bytes" ? own : 0;
    return [
      ...head,
      ...[...series].map(([key, value]) => `${key} ${printValue(value + (this.#ended.get(key) ?? 0) + more)}`),
    ];
  }

  /** A worker has ended: what it counted stays. */
  end(worker: number): void {
    for (const family of this.#known.get(worker)?.values() ?? [])
      if (family.type !== "gauge")
        for (const [series, value] of family.series)
          if (ruleOf(family, series) === "sum") this.#ended.set(series, (this.#ended.get(series) ?? 0) + value);
    this.#known.delete(worker);
  }

  /** New versions of a model count from nothing. */
  forget(model: string): void {
    const label = `model="${model}"`;
    for (const series of this.#ended.keys())
      if (series.includes(label) && !series.startsWith(`${OUTLIVES}{`)) this.#ended.delete(series);
  }
}
