/**
 * Starts a model's worker thread, with the memory and the ports that it shares with the server.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { bundledFile } from "../../../../contract/bundled-file.js";
import { type HostOptions, WorkerHost } from "../../../../contract/workers/worker-host.js";
import { createLink, type Link, RING_BYTES } from "./link.js";
import { nameTable } from "./packing.js";
import {
  BELL,
  CELLS,
  type FromWorker,
  type ModelCalls,
  type SharedParts,
  SLOTS,
  type ToWorker,
  type WorkerData,
  type WorkerStart,
} from "./protocol.js";
import { ringMemory } from "./ring.js";

export interface WorkerLink {
  readonly host: WorkerHost<ModelCalls>;
  readonly link: Link<ToWorker, FromWorker>;
  /** Takes back buffers of answers that have been written. */
  readonly spares: MessagePort;
  /** Flags of the requests in flight. */
  readonly cells: Uint8Array;
  /** How far each execution is. */
  readonly states: Int32Array;
  /** Closes the ports. */
  close(): void;
}

/** The thread's code in one file, where it is bundled. */
const workerFile = (): URL | undefined => bundledFile("javascript-worker.cjs");

/** @param events.onNotice called when the thread has put a message into the ring and this side sleeps */
export function startWorker(start: WorkerStart, events: Pick<HostOptions, "onNotice" | "onEnded">): WorkerLink {
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
  const host = new WorkerHost<ModelCalls>({
    title: "the model's thread",
    name: instance,
    module: workerFile() ?? new URL("./worker.js", import.meta.url),
    data: { start, shared } satisfies WorkerData,
    transferList: [bulk.port2, spares.port2],
    keepsProcess: "always",
    runsUserCode: true,
    ...events,
  });
  const ring = (): void => host.notify(BELL);
  const link = createLink<ToWorker, FromWorker>({
    out: shared.toWorker,
    in: shared.fromWorker,
    bulk: bulk.port1,
    names: {
      out: nameTable(config.input.map(({ name }) => name)),
      in: nameTable(config.output.map(({ name }) => name)),
    },
    // At the end of the event loop's round: one wake-up for all its requests. A round of large ones is too long to wait for.
    ring: (isLarge, notify = ring) => (isLarge ? notify() : void setImmediate(notify)),
    waitForRoom: resume => void setTimeout(resume, 1),
  });
  return {
    host,
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
