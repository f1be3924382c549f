/**
 * The exposure log on the side of the thread that serves. Lists are appended to builders, and given to the writer's thread each second or when
 * they are large. Waiting batches are bounded; beyond the bound lists are dropped, requests wait, or requests are refused.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { ServerLog } from "../observe/server-log.js";
import type { LoggedModel } from "./batch.js";
import { ListBuilder } from "./list-builder.js";
import type { WriterOptions, WriterState } from "./writer.js";
import type { WriterCalls } from "./writer-thread.js";

/** The action when the writer is behind by more than the bound. */
export type Backpressure = "drop" | "block" | "fail";

export interface ExposureOptions {
  /** Files are written below it, in a folder for each model. */
  readonly folder: string;
  /** @default "drop" */
  readonly backpressure?: Backpressure;
  /** A file ends at this size, in bytes. @default 64 MiB */
  readonly rotateBytes?: number;
  /** A file ends at this age. @default 300 */
  readonly rotateSeconds?: number;
  /** The key of hashes of personal columns: all bytes of the file but a final line break. */
  readonly saltFile?: string;
  /** Number in the names of files. @default 0 */
  readonly worker?: number;
}

export const DEFAULT_ROTATE_BYTES = 64 * 2 ** 20;
export const DEFAULT_ROTATE_SECONDS = 300;

/** Bytes that may wait for the writer. */
const MOST_WAITING = 64 * 2 ** 20;
/** Bytes of a builder that are given to the writer at once. */
const LARGE = 256 * 2 ** 10;
const TICK_MS = 1000;
/** How long `block` waits between two looks at a writer that is behind. */
const LOOK_MS = 5;

/** Counted since the start of the process. */
export interface ExposureCounts {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** Rows that were dropped because the writer was behind, or because a list was too large. */
  readonly dropped: number;
  readonly waitingBytes: number;
  /** Attempts to write that failed. */
  readonly failures: number;
}

/** The log of one loaded model. */
export interface ModelLog {
  /** Call before the model runs: refuses requests, or makes them wait, while the writer is behind. @throws RuntimeFault */
  admit(): Promise<void> | undefined;
  /** Whether a list of this size can be logged now; counts its rows as dropped if not. */
  takes(rows: number, bytes: number): boolean;
  /** To append lists to. @param artefacts JSON object of hashes and versions that these lists have */
  builder(artefacts: string): ListBuilder;
  /** Call after lists were appended. */
  appended(): void;
  /** Drops what the builder holds: a list in it is not whole. */
  discard(): void;
  /** Two words that no other list of this process has. */
  nextKeys(): readonly [number, number];
  close(): Promise<void>;
}

interface OpenModel {
  readonly model: LoggedModel;
  readonly builder: ListBuilder;
  artefacts: string;
}

const NO_STATE: WriterState = { batches: 0, rows: 0, bytes: 0, files: 0, removed: 0, fault: undefined };

export class ExposureLog {
  readonly #options: ExposureOptions;
  readonly #log: ServerLog;
  readonly #host: WorkerHost<WriterCalls>;
  readonly #models = new Set<OpenModel>();
  readonly #timer: NodeJS.Timeout;
  readonly #salted: boolean;
  readonly #key = randomBytes(4).readInt32LE();
  #lists = 0;
  #nextModel = 0;
  #state = NO_STATE;
  /** Bytes of the batches that the writer has not written, in their order. */
  readonly #sent: number[] = [];
  #waiting = 0;
  #written = 0;
  #dropped = 0;
  #failures = 0;
  #fault: string | undefined;
  /** Rows dropped when the last line about them was logged. */
  #toldDropped = 0;
  #ticking = false;
  #isOver = false;

  /** @throws Error for a file of the salt that cannot be read */
  constructor(options: ExposureOptions, log: ServerLog) {
    this.#options = options;
    this.#log = log;
    const salt = options.saltFile === undefined ? undefined : readSalt(options.saltFile);
    this.#salted = salt !== undefined;
    const writer: WriterOptions = {
      folder: options.folder,
      worker: options.worker ?? 0,
      rotateBytes: options.rotateBytes ?? DEFAULT_ROTATE_BYTES,
      rotateSeconds: options.rotateSeconds ?? DEFAULT_ROTATE_SECONDS,
      salt,
    };
    this.#host = new WorkerHost<WriterCalls>({
      title: "the thread that writes exposures",
      name: "merlon exposures",
      module: new URL("./writer-thread.js", import.meta.url),
      data: writer,
      keepsProcess: "never",
      onEnded: ({ message }) => {
        if (!this.#isOver) this.#fail(message);
      },
    });
    this.#timer = setInterval(() => inBackground(this.#tick(), "writing exposures"), TICK_MS).unref();
    inBackground(this.#tick(), "writing exposures");
  }

  get counts(): ExposureCounts {
    const { rows, files, bytes } = this.#state;
    return { rows, files, bytes, dropped: this.#dropped, waitingBytes: this.#bytes, failures: this.#failures };
  }

  /** @throws RuntimeFault for a model that hashes columns on a server without a salt */
  open(described: Omit<LoggedModel, "id">): ModelLog {
    const personal = described.kept.filter(({ hashed }) => hashed).map(({ name }) => `'${name}'`);
    if (personal.length > 0 && !this.#salted)
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `model '${described.model}' logs hashes of ${personal.join(", ")}, and the server has no key for them: add --exposures-salt-file FILE`,
      );
    const model: LoggedModel = { ...described, id: this.#nextModel++ };
    const open: OpenModel = { model, builder: new ListBuilder(model), artefacts: "{}" };
    this.#models.add(open);
    inBackground(this.#call("open", model), "writing exposures");
    return {
      builder: artefacts => this.#builder(open, artefacts),
      admit: () => this.#admit(),
      takes: (rows, bytes) => this.#takes(rows, bytes),
      appended: () => {
        if (open.builder.bytes >= LARGE) this.#flush(open);
      },
      discard: () => {
        this.#dropped += open.builder.rows;
        open.builder.take("");
      },
      nextKeys: () => [this.#key, this.#lists++ | 0],
      close: async () => {
        this.#flush(open);
        this.#models.delete(open);
        await this.#call("close", model.id);
      },
    };
  }

  /** Writes everything that was logged, and finishes the files. @param patience milliseconds */
  async close(patience: number): Promise<void> {
    clearInterval(this.#timer);
    for (const open of this.#models) this.#flush(open);
    this.#isOver = true;
    const ended = this.#call("end", undefined);
    const late = delay(Math.max(0, patience), "late" as const, { ref: false });
    const isLate = (await Promise.race([ended, late])) === "late";
    if (isLate || this.#sent.length > 0)
      this.#log.error(
        "exposures",
        `exposures of ${this.#sent.length} batches (${this.#waiting} bytes) could not be written to '${this.#options.folder}' before the server ended${this.#fault === undefined ? "" : `: ${this.#fault}`}`,
      );
    await this.#host.terminate();
  }

  get #bytes(): number {
    let bytes = this.#waiting;
    for (const { builder } of this.#models) bytes += builder.bytes;
    return bytes;
  }

  #admit(): Promise<void> | undefined {
    const { backpressure = "drop" } = this.#options;
    if (backpressure === "drop" || this.#bytes < MOST_WAITING) return undefined;
    if (backpressure === "fail")
      throw new RuntimeFault(
        "UNAVAILABLE",
        `exposures cannot be written to '${this.#options.folder}'${this.#fault === undefined ? ": the writer is behind" : `: ${this.#fault}`}. The server was started with --exposures-backpressure fail`,
      );
    return this.#room();
  }

  async #room(): Promise<void> {
    while (this.#bytes >= MOST_WAITING && !this.#isOver) await delay(LOOK_MS);
  }

  #takes(rows: number, bytes: number): boolean {
    // Requests that were admitted are logged, so that "block" and "fail" lose nothing.
    const before = (this.#options.backpressure ?? "drop") === "drop" ? this.#bytes : 0;
    if (!this.#isOver && before + bytes <= MOST_WAITING) return true;
    this.#dropped += rows;
    return false;
  }

  /** A batch has one value. */
  #builder(open: OpenModel, artefacts: string): ListBuilder {
    if (open.artefacts !== artefacts) this.#flush(open);
    open.artefacts = artefacts;
    return open.builder;
  }

  #flush(open: OpenModel): void {
    const { builder, model, artefacts } = open;
    if (builder.isEmpty) return;
    const { bytes } = builder;
    const { batch, moved } = builder.take(artefacts);
    this.#sent.push(bytes);
    this.#waiting += bytes;
    inBackground(this.#call("append", { id: model.id, batch }, moved), "writing exposures");
  }

  async #tick(): Promise<void> {
    for (const open of this.#models) this.#flush(open);
    if (this.#dropped > this.#toldDropped) {
      this.#log.warning(
        "exposures",
        `${this.#dropped - this.#toldDropped} rows of exposures were dropped: the writer is behind, or a list is too large`,
      );
      this.#toldDropped = this.#dropped;
    }
    if (this.#ticking) return;
    this.#ticking = true;
    await this.#call("tick", undefined);
    this.#ticking = false;
  }

  async #call<K extends keyof WriterCalls>(
    name: K,
    argument: Parameters<WriterCalls[K]>[0],
    moved: Parameters<WorkerHost<WriterCalls>["call"]>[2] = [],
  ): Promise<void> {
    try {
      const state = (await this.#host.call(name, argument as never, moved)) as WriterState | undefined;
      if (state) this.#note(state);
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #note(state: WriterState): void {
    this.#state = state;
    for (; this.#written < state.batches; this.#written++) this.#waiting -= this.#sent.shift()!;
    if (state.fault === undefined) {
      if (this.#fault !== undefined)
        this.#log.info("exposures", `exposures are written to '${this.#options.folder}' again`);
      this.#fault = undefined;
    } else this.#fail(state.fault);
  }

  /** Logs one line for a fault that persists. */
  #fail(fault: string): void {
    this.#failures++;
    if (fault !== this.#fault)
      this.#log.error(
        "exposures",
        `exposures cannot be written to '${this.#options.folder}': ${fault}. ${CONSEQUENCE[this.#options.backpressure ?? "drop"]}`,
      );
    this.#fault = fault;
  }
}

const CONSEQUENCE: Readonly<Record<Backpressure, string>> = {
  drop: "The server tries again each second, and drops exposures while too many wait.",
  block: "The server tries again each second, and requests wait while too many exposures do.",
  fail: "The server tries again each second, and refuses requests while too many exposures wait.",
};

/** @throws Error that names the file */
function readSalt(file: string): Uint8Array {
  let salt: Buffer;
  try {
    salt = readFileSync(file);
  } catch (error) {
    throw new Error(`--exposures-salt-file: '${file}' cannot be read: ${(error as Error).message}`);
  }
  const text = salt.at(-1) === 10 ? salt.subarray(0, salt.at(-2) === 13 ? -2 : -1) : salt;
  if (text.length < LEAST_SALT)
    throw new Error(
      `--exposures-salt-file: '${file}' has ${text.length} bytes, and a key that cannot be guessed has at least ${LEAST_SALT}: make one by \`openssl rand -hex 32 > ${file}\``,
    );
  return text;
}

const LEAST_SALT = 16;
