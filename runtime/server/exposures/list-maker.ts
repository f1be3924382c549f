/** Recorded runs of one model → batches of lists, in the writer's thread. */
import type { Batch, LoggedModel } from "./batch.js";
import { ListBuilder } from "./list-builder.js";
import type { ListPlan } from "./log-reader.js";
import { type RecordedRun, type RequestRows, readRuns } from "./recorded-runs.js";
import { RunLists } from "./run-lists.js";
import { storedId } from "./stored-id.js";

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

  constructor(options: MakerOptions) {
    this.#options = options;
    this.#builder = new ListBuilder(options.model);
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
    const [key0, key1] = nextKeys();
    const head = { requestId: this.#idOf(id), requestRow: firstRow + row - from, time, seed };
    lists.append(this.#builder, row, head, { rate: model.rate, key0, key1 });
  }

  /** A request without an id gets a unique one. */
  #idOf(id: string | number): string {
    return typeof id === "number" ? `${this.#options.prefix}-${id}` : storedId(id);
  }
}
