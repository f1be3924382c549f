/** The interface of feeds: sources of changes that an index follows, in batches that are each applied once. */
import type { DeltaHeader } from "../../../../formats/delta/delta-file.js";
import type { Change } from "../../../stores/vectors/delta/write-delta.js";

/** The form of ids and vectors that an index takes. */
export type RowForm = Pick<DeltaHeader, "ids" | "dimension" | "unit">;

export interface FeedBatch extends Pick<Change, "deletes" | "upserts"> {
  /** Position of the feed after the batch, which is written in the same commit. */
  readonly position: string;
  /** Names the batch in the log, such as "3.parquet". */
  readonly what: string;
  readonly counts: { readonly upserts: number; readonly deletes: number };
  /** Called after the commit is on disk. It runs again after a kill. */
  done(): void;
}

export interface Feed {
  /** Key of its position in the delta. */
  readonly name: string;
  /**
   * @param after position in the delta; undefined if the feed was never followed
   * @param isLast whether nothing may follow: what is not whole yet is then refused
   * @returns undefined if nothing new is there
   * @throws RuntimeFault UNAVAILABLE if the source is away; another fault ends the feed
   */
  next(after: string | undefined, form: RowForm, isLast: boolean): Promise<FeedBatch | undefined>;
  /** Waits until something may be new: at most half a second. */
  idle(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Messages of a feed: something was set aside, or is missing. */
export type Warn = (text: string) => void;
