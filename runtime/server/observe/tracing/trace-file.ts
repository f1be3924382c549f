/**
 * Triton's trace file: a JSON list with, for each trace, what it belongs to, its time stamps and its tensors. With a log frequency of n,
 * every n traces are a file: `trace.json.0`, `trace.json.1`, …. The last traces of a count are a file too. Without a trace there is no
 * file.
 */
import { open, rename } from "node:fs/promises";
import { siblingOf } from "../../../../contract/files/sibling.js";
import { printElements } from "../../transport/http/tensor-json.js";
import type { Trace, TracedTensor, TraceSink } from "./trace.js";

/** Characters of entries that may wait for the end; later ones are dropped, which is said in the log. A trace may hold tensors of any size. */
const MAX_WAITING = 2 ** 28;

/** @param path empty for none: traces are dropped then */
export function createTraceFile(path: string, complain: (text: string) => void): TraceSink {
  /** The traces for the one file at the end. */
  const rest: string[] = [];
  const batches = new Map<object, { entries: string[]; traces: number; every: number }>();
  let waiting = 0;
  let files = 0;
  let dropped = 0;
  let writing: Promise<void> = Promise.resolve();
  const write = (target: string, entries: readonly string[]): void => {
    waiting -= sizeOf(entries);
    const text = `[${entries.join(",")}]`;
    writing = writing
      .then(() => writeWhole(target, text))
      .catch(error => complain(`trace file '${target}' cannot be written: ${(error as Error).message}`));
  };
  const cut = (scope: object, apart: boolean): void => {
    const batch = batches.get(scope);
    batches.delete(scope);
    if (!batch || batch.entries.length === 0) return;
    if (apart) write(`${path}.${files++}`, batch.entries);
    else for (const entry of batch.entries) rest.push(entry);
  };
  return {
    add(trace, scope, every) {
      if (!path) return;
      const batch = batches.get(scope) ?? { entries: [], traces: 0, every };
      batches.set(scope, batch);
      batch.every = every;
      if (waiting < MAX_WAITING) {
        const printed = trace.family.flatMap(printTrace);
        batch.entries.push(...printed);
        waiting += sizeOf(printed);
      } else if (dropped++ === 0)
        complain(`trace file '${path}': entries of more than ${MAX_WAITING / 2 ** 20} MiB wait; set a log frequency`);
      batch.traces++;
      if (every > 0 && batch.traces >= every) cut(scope, true);
    },
    settled(scope, complete) {
      cut(scope, complete || (batches.get(scope)?.every ?? 0) > 0);
    },
    async close() {
      for (const [scope, { every }] of [...batches]) cut(scope, every > 0);
      if (rest.length > 0) write(path, rest.splice(0));
      await writing;
    },
  };
}

const sizeOf = (entries: readonly string[]): number => entries.reduce((sum, entry) => sum + entry.length, 0);

/** Readers never see half a file: a sibling is written, synced and renamed. */
async function writeWhole(path: string, text: string): Promise<void> {
  const sibling = siblingOf(path);
  const file = await open(sibling, "wx");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(sibling, path);
}

function printTrace(trace: Trace): string[] {
  const { id, parent, model, version, requestId, stamps, tensors, stages } = trace;
  const head = {
    id,
    model_name: model,
    model_version: version,
    ...(requestId && { request_id: requestId }),
    ...(parent && { parent_id: parent.id }),
  };
  return [
    JSON.stringify(head),
    ...stamps.map(({ moment, ns }) => JSON.stringify({ id, timestamps: [{ name: moment, ns }] })),
    ...tensors.map(one => JSON.stringify({ id, ...printTensor(one) })),
    ...stages.flatMap(stage => printStage(stage, trace)),
  ];
}

/** A stage of a plan is printed like a step of an ensemble: as a trace whose parent is the model's. */
function printStage(
  { id, name, op, startNs, endNs, rowsIn, rowsOut }: Trace["stages"][number],
  trace: Trace,
): string[] {
  const head = {
    id,
    model_name: `${trace.model}.${name}`,
    model_version: trace.version,
    ...(trace.requestId && { request_id: trace.requestId }),
    parent_id: trace.id,
    stage: { op, rows_in: rowsIn, rows_out: rowsOut },
  };
  const stamps = [
    ["REQUEST_START", startNs],
    ["COMPUTE_START", startNs],
    ["COMPUTE_END", endNs],
    ["REQUEST_END", endNs],
  ] as const;
  return [head, ...stamps.map(([moment, ns]) => ({ id, timestamps: [{ name: moment, ns: Math.round(ns) }] }))].map(
    entry => JSON.stringify(entry),
  );
}

function printTensor({ activity, tensor }: TracedTensor) {
  const { name, datatype, shape } = tensor;
  const data = Buffer.from(printElements(tensor), "latin1").toString("utf8");
  return { activity, tensor: { name, data, shape: shape.join(","), dtype: datatype } };
}
