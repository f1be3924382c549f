/** Recorded runs of one model → batches of lists, in the writer's thread. */
import { createHash } from "node:crypto";
import type { Batch, LoggedModel } from "./batch.js";
import { ListBuilder } from "./list-builder.js";
import type { ListPlan } from "./log-reader.js";
import { type RecordedRun, type RequestRows, readRuns } from "./recorded-runs.js";
import { RunLists } from "./run-lists.js";

/** Characters of a request id that are stored; a longer one is stored as its hash. */
const MOST_ID = 512;
/** Bytes that a value repeated in each row of a list may take together. */
const MOST_REPEATED = 64 * 2 ** 20;
/** Bytes of a builder that become a batch. */
const LARGE = 2 ** 20;

/** Recorded runs on their way from the thread that serves: one buffer, which is moved and not copied. */
export interface Records {
  readonly buffer: ArrayBuffer;
  /** Bytes that are written. */
  readonly length: number;
  /** JSON object of hashes and versions. */
  readonly artefacts: string;
}

export interface MakerOptions {
  readonly model: LoggedModel;
  readonly plan: ListPlan;
  /** Starts the ids of requests that had none. */
  readonly prefix: string;
  /** Returns two 32-bit words that no other list has. */
  readonly nextKeys: () => readonly [number, number];
}

export class ListMaker {
  readonly #options: MakerOptions;
  readonly #builder: ListBuilder;
  #dropped = 0;

  constructor(options: MakerOptions) {
    this.#options = options;
    this.#builder = new ListBuilder(options.model);
  }

  /** Rows of lists that were too large, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  *batches({ buffer, length, artefacts }: Records): Generator<Batch> {
    const { plan } = this.#options;
    const builder = this.#builder;
    try {
      for (const run of readRuns(buffer, length, plan)) {
        const lists = new RunLists(plan, run);
        for (const request of run.requests)
          for (let row = request.from; row < request.to; row++) {
            this.#append(lists, run, request, row);
            if (builder.bytes >= LARGE) yield builder.take(artefacts);
          }
      }
      if (!builder.isEmpty) yield builder.take(artefacts);
    } catch (error) {
      // The list that failed is not whole.
      builder.take(artefacts);
      throw error;
    }
  }

  #append(lists: RunLists, { time }: RecordedRun, { id, from, firstRow, seed }: RequestRows, row: number): void {
    const { model, nextKeys } = this.#options;
    const requestId = this.#idOf(id);
    const rows = lists.candidates(row, model.rate);
    if (rows * Math.max(requestId.length, lists.repeatedBytes(row)) > MOST_REPEATED) {
      this.#dropped += rows;
      return;
    }
    const [key0, key1] = nextKeys();
    const head = { requestId, requestRow: firstRow + row - from, time, seed };
    lists.append(this.#builder, row, head, { rate: model.rate, key0, key1 });
  }

  /** A request without an id gets a unique one; an id that is too long to be repeated in each row becomes its hash. */
  #idOf(id: string | number): string {
    if (typeof id === "number") return `${this.#options.prefix}-${id}`;
    return id.length <= MOST_ID ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`;
  }
}
