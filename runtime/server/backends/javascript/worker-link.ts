/**
 * Starts a model's worker thread, with the memory and the ports that it shares with the server.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { bundledFile } from "../../../../contract/bundled-file.js";
import { createLink, type Link, RING_BYTES } from "./link.js";
import { nameTable } from "./packing.js";
import { CELLS, type FromWorker, type SharedParts, SLOTS, type ToWorker, type WorkerStart } from "./protocol.js";
import { ringMemory } from "./ring.js";

export interface WorkerLink {
  readonly worker: Worker;
  readonly link: Link<ToWorker, FromWorker>;
  /** Takes back buffers of answers that have been written. */
  readonly spares: MessagePort;
  /** What is asked of each request in flight. */
  readonly cells: Uint8Array;
  /** How far each execution is. */
  readonly states: Int32Array;
  /** Closes the ports. */
  close(): void;
}

/** The thread's code in one file, where it is bundled. */
const workerFile = (): URL | undefined => bundledFile("javascript-worker.cjs");

export function startWorker(start: WorkerStart): WorkerLink {
  const { config, instance } = start;
  const bulk = new MessageChannel();
  const spares = new MessageChannel();
  const shared: SharedParts = {
    toWorker: ringMemory(RING_BYTES),
    fromWorker: ringMemory(RING_BYTES),
    states: new SharedArrayBuffer(4 * SLOTS),
    cells: new SharedArrayBuffer(CELLS),
    bulk: bulk.port2,
    spares: spares.port2,
  };
  const worker = new Worker(workerFile() ?? new URL("./worker.js", import.meta.url), {
    workerData: { start, shared },
    transferList: [bulk.port2, spares.port2],
    name: instance,
  });
  const ring = (): void => worker.postMessage(0);
  const link = createLink<ToWorker, FromWorker>({
    out: shared.toWorker,
    in: shared.fromWorker,
    bulk: bulk.port1,
    names: {
      out: nameTable(config.input.map(({ name }) => name)),
      in: nameTable(config.output.map(({ name }) => name)),
    },
    // At the end of the event loop's round: one wake-up for all requests that came in it. A round of large ones is too long to wait for.
    ring: (isLarge, notify = ring) => (isLarge ? notify() : void setImmediate(notify)),
    waitForRoom: resume => void setTimeout(resume, 1),
  });
  return {
    worker,
    link,
    spares: spares.port1,
    cells: new Uint8Array(shared.cells),
    states: new Int32Array(shared.states),
    close: () => {
      bulk.port1.close();
      spares.port1.close();
    },
  };
}
