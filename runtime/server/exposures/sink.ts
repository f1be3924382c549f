/** The destination of the writer's thread: Parquet files below a folder, or a topic. */
import type { Batch, LoggedModel } from "./batch.js";

/** Counted since the start. */
export interface WriterState {
  readonly batches: number;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  readonly removed: number;
  /** Batches that are not written. */
  readonly waiting: number;
  /** Rows that can never be written. */
  readonly dropped: number;
  /** Why the last of them were dropped. */
  readonly dropReason?: string | undefined;
  /** Why the last attempt failed; undefined if it did not. */
  readonly fault: string | undefined;
  /** Texts about rows that a damaged or changed file lost, the first ones. */
  readonly warnings?: readonly string[];
}

/** A batch that cannot be written stays first in the queue, and the next call tries again. */
export interface Sink {
  open(model: LoggedModel): void;
  /** Returns when the batches are written, or an attempt failed. */
  append(id: number, batches: Iterable<Batch>): WriterState | Promise<WriterState>;
  /** Call after the last batch of a model. */
  close(id: number): WriterState | Promise<WriterState>;
  /** Work that is due. */
  tick(): WriterState;
  /** Writes everything. */
  end(): WriterState | Promise<WriterState>;
}
