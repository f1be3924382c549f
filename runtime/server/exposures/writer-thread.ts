/** The thread that makes lists and writes them, so that neither requests nor the event loop wait for a disk. */
import { randomBytes } from "node:crypto";
import { type Moved, moved, serveCalls, workerStart } from "../../../contract/workers/serve-calls.js";
import type { LoggedModel } from "./batch.js";
import type { TopicAddress } from "./kafka/topic-address.js";
import { ListMaker, type Records } from "./list-maker.js";
import type { ListPlan } from "./log-reader.js";
import type { Sink, WriterState } from "./sink.js";
import { Writer, type WriterOptions } from "./writer.js";

/** Data that the thread starts with. */
export interface ThreadOptions extends WriterOptions {
  /** Written to instead of the folder. */
  readonly topic?: TopicAddress | undefined;
  /** Starts the ids of requests that had none. */
  readonly prefix: string;
}

/** Counted since the thread started. */
export type ThreadState = WriterState;

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

const { prefix, topic, ...options } = workerStart<ThreadOptions>();
const sink: Sink = topic ? await openTopic(topic) : new Writer(options);
const makers = new Map<number, ListMaker>();
const key = randomBytes(4).readInt32LE();
let lists = 0;

async function openTopic(address: TopicAddress): Promise<Sink> {
  const { TopicWriter } = await import("./kafka/topic-writer.js");
  const writer = new TopicWriter({ address, salt: options.salt });
  // The client reads responses outside of calls. Its error there would end the thread, with all that waits in it.
  process.on("uncaughtException", error => writer.restart(error));
  return writer;
}

/** Applies a function to a value, or to what a promise resolves to: a folder's writer is synchronous. */
const then = <T, R>(value: T | Promise<T>, map: (value: T) => R): R | Promise<R> =>
  value instanceof Promise ? value.then(map) : map(value);

function append({ id, records }: Parameters<WriterCalls["append"]>[0]) {
  const { buffer } = records;
  return then(
    sink.append(id, makers.get(id)!.batches(records)),
    (state): Moved<ReturnType<WriterCalls["append"]>> => moved({ state, memory: buffer }, [buffer]),
  );
}

function close(id: number) {
  return then(sink.close(id), state => {
    makers.delete(id);
    return state;
  });
}

serveCalls<WriterCalls>({
  open: ({ model, plan }) => {
    sink.open(model);
    makers.set(model.id, new ListMaker({ model, plan, prefix, nextKeys: () => [key, lists++ | 0] }));
  },
  append,
  close,
  tick: () => sink.tick(),
  end: () => sink.end(),
});
