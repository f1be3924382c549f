/** The thread that makes lists and writes them, so that neither requests nor the event loop wait for a disk. */
import { randomBytes } from "node:crypto";
import { type Moved, moved, serveCalls, workerStart } from "../../../contract/workers/serve-calls.js";
import type { LoggedModel } from "./batch.js";
import { ListMaker, type Records } from "./list-maker.js";
import type { ListPlan } from "./log-reader.js";
import { Writer, type WriterOptions, type WriterState } from "./writer.js";

/** Data that the thread starts with. */
export interface ThreadOptions extends WriterOptions {
  /** Starts the ids of requests that had none. */
  readonly prefix: string;
}

/** Counted since the thread started. */
export interface ThreadState extends WriterState {
  /** Batches that are not on disk. */
  readonly waiting: number;
  /** Rows of lists that were too large. */
  readonly dropped: number;
}

export interface WriterCalls {
  open(argument: { readonly model: LoggedModel; readonly plan: ListPlan }): void;
  /** @returns the memory of the records as well, for new ones */
  append(argument: { readonly id: number; readonly records: Records }): {
    readonly state: ThreadState;
    readonly memory: ArrayBuffer;
  };
  close(id: number): ThreadState;
  tick(argument: undefined): ThreadState;
  end(argument: undefined): ThreadState;
}

const { prefix, ...options } = workerStart<ThreadOptions>();
const writer = new Writer(options);
const makers = new Map<number, ListMaker>();
const key = randomBytes(4).readInt32LE();
let lists = 0;
/** Rows that closed models dropped. */
let dropped = 0;

function stateOf(state: WriterState): ThreadState {
  let all = dropped;
  for (const maker of makers.values()) all += maker.dropped;
  return { ...state, waiting: writer.waiting, dropped: all };
}

function append({ id, records }: Parameters<WriterCalls["append"]>[0]): Moved<ReturnType<WriterCalls["append"]>> {
  let state = writer.state;
  for (const batch of makers.get(id)!.batches(records)) state = writer.append(id, batch);
  return moved({ state: stateOf(state), memory: records.buffer }, [records.buffer]);
}

serveCalls<WriterCalls>({
  open: ({ model, plan }) => {
    writer.open(model);
    makers.set(model.id, new ListMaker({ model, plan, prefix, nextKeys: () => [key, lists++ | 0] }));
  },
  append,
  close: id => {
    const state = writer.close(id);
    dropped += makers.get(id)?.dropped ?? 0;
    makers.delete(id);
    return stateOf(state);
  },
  tick: () => stateOf(writer.tick()),
  end: () => stateOf(writer.end()),
});
