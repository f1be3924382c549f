/** The thread that writes exposures, so that neither requests nor the event loop wait for a disk. */
import { serveCalls, workerStart } from "../../../contract/workers/serve-calls.js";
import type { Batch, LoggedModel } from "./batch.js";
import { Writer, type WriterOptions, type WriterState } from "./writer.js";

export interface WriterCalls {
  open(model: LoggedModel): void;
  append(argument: { readonly id: number; readonly batch: Batch }): WriterState;
  close(id: number): WriterState;
  tick(argument: undefined): WriterState;
  end(argument: undefined): WriterState;
}

const writer = new Writer(workerStart<WriterOptions>());

serveCalls<WriterCalls>({
  open: model => writer.open(model),
  append: ({ id, batch }) => writer.append(id, batch),
  close: id => writer.close(id),
  tick: () => writer.tick(),
  end: () => writer.end(),
});
