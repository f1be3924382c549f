/**
 * The exposure log on the side of the thread that serves. Runs are recorded on tapes, and given to the writer's thread each second or when a
 * tape is full. Waiting records are bounded. Beyond the bound lists are dropped, requests wait, or requests are refused.
 */
import { setTimeout as delay } from "node:timers/promises";
import { invalid, type RuntimeFault, unavailable } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { ServerLog } from "../observe/server-log.js";
import type { LoggedModel } from "./batch.js";
import { isTopicAddress, openAccess, readTopicAddress } from "./kafka/topic-address.js";
import type { ListPlan } from "./log-reader.js";
import { type Oversize, oversizeText } from "./oversize.js";
import { readSalt } from "./read-salt.js";
import type { WriterState } from "./sink.js";
import { TAPE_BYTES, Tape } from "./tape.js";
import { type LinkFault, WriterLink } from "./writer-link.js";

/** The action when the writer is behind by more than the bound. */
export type Backpressure = "drop" | "block" | "fail";

export interface ExposureOptions {
  /** Files are written below it, in a folder for each model. `kafka://HOST:PORT[,HOST:PORT]/TOPIC` is a topic instead. */
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
  /** Bytes that may wait for the writer, and one record more while it is written. @default 64 MiB */
  readonly waitingBytes?: number;
}

export const DEFAULT_ROTATE_BYTES = 64 * 2 ** 20;
export const DEFAULT_ROTATE_SECONDS = 300;

export const DEFAULT_WAITING_BYTES = 64 * 2 ** 20;

/** Bytes of a tape that is given to the writer at once: the next record probably has no room. */
const FULL = (7 / 8) * TAPE_BYTES;
const TICK_MS = 1000;

/** Counted since the start of the process. */
export interface ExposureCounts {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** Rows that were dropped: the writer was behind or its thread ended, or a list or a row was too large. */
  readonly dropped: number;
  readonly waitingBytes: number;
  /** Attempts to write that failed, and ends of the writer's thread. */
  readonly failures: number;
}

/** The log of one loaded model. */
export interface ModelLog {
  /** Call before the model runs: refuses requests, or makes them wait, while the writer is behind. @throws RuntimeFault */
  admit(): Promise<void> | undefined;
  /** The tape for a record. @param artefacts JSON object of hashes and versions that its lists have */
  tape(artefacts: string): Tape;
  /** Call when a record is on the tape: it is taken back if too much waits. @param start of the record @param rows of its lists at most */
  written(start: number, rows: number): void;
  /**
   * Call for a list that is too large to be logged. It is dropped, counted and warned about with backpressure "drop".
   * @returns the fault of its request otherwise, since "block" and "fail" log everything that is shown
   */
  oversize(list: Oversize): RuntimeFault | undefined;
  close(): Promise<void>;
}

interface OpenModel {
  readonly id: number;
  tape: Tape | undefined;
  rows: number;
  artefacts: string;
}

/** Numbers the logs of a process. */
let instances = 0;

export class ExposureLog {
  readonly #options: ExposureOptions;
  readonly #log: ServerLog;
  readonly #link: WriterLink;
  readonly #models = new Set<OpenModel>();
  readonly #timer: NodeJS.Timeout;
  readonly #salted: boolean;
  /** The folder or the topic, in messages. */
  readonly #shown: string;
  readonly #most: number;
  #nextModel = 0;
  /** Bytes on tapes that were not given to the writer. */
  #taped = 0;
  #dropped = 0;
  #oversizeRows = 0;
  #failures = 0;
  #fault: string | undefined;
  /** Rows dropped when the last line about them was logged. */
  #toldDropped = 0;
  /** The same of rows that the writer found too large. */
  #toldLarge = 0;
  #toldWarnings = 0;
  /** Rows of lists that were too large when the last line about them was logged, and the last of these lists. */
  #oversize: { rows: number; text: string } | undefined;
  #ticking = false;
  #isOver = false;

  /** @throws Error for an address of a topic that is not one, or a file that cannot be read */
  constructor(options: ExposureOptions, log: ServerLog) {
    this.#options = options;
    this.#log = log;
    this.#most = options.waitingBytes ?? DEFAULT_WAITING_BYTES;
    const salt = options.saltFile === undefined ? undefined : readSalt(options.saltFile);
    this.#salted = salt !== undefined;
    const topic = isTopicAddress(options.folder) ? readTopicAddress(options.folder) : undefined;
    // The thread reads secrets itself; a missing one ends the start.
    if (topic) openAccess(topic);
    this.#shown = topic?.shown ?? options.folder;
    if (topic?.sasl?.mechanism === "PLAIN" && !topic.tls)
      log.warning(
        "exposures",
        `'${topic.shown}' sends its password unencrypted: write kafkas://, or use SCRAM-SHA-512`,
      );
    this.#link = new WriterLink({
      folder: options.folder,
      topic,
      worker: options.worker ?? 0,
      instance: instances++,
      rotateBytes: options.rotateBytes ?? DEFAULT_ROTATE_BYTES,
      rotateSeconds: options.rotateSeconds ?? DEFAULT_ROTATE_SECONDS,
      salt,
      prefix: crypto.randomUUID(),
      onState: state => this.#note(state),
      onFault: fault => this.#lose(fault),
    });
    this.#timer = setInterval(() => inBackground(this.#tick(), "writing exposures"), TICK_MS).unref();
    inBackground(this.#tick(), "writing exposures");
  }

  get counts(): ExposureCounts {
    const { rows, files, bytes, dropped } = this.#link.totals;
    return {
      ...{ rows, files, bytes, failures: this.#failures },
      dropped: this.#dropped + this.#oversizeRows + dropped,
      waitingBytes: this.#bytes,
    };
  }

  /** @throws RuntimeFault for a model that hashes columns on a server without a salt */
  open(described: Omit<LoggedModel, "id">, plan: ListPlan): ModelLog {
    const personal = described.kept.filter(({ hashed }) => hashed).map(({ name }) => `'${name}'`);
    if (personal.length > 0 && !this.#salted)
      throw invalid(
        `model '${described.model}' logs hashes of ${personal.join(", ")}, and the server has no key for them: add --exposures-salt-file FILE`,
      );
    const open: OpenModel = { id: this.#nextModel++, tape: undefined, rows: 0, artefacts: "{}" };
    this.#models.add(open);
    this.#link.open({ model: { ...described, id: open.id }, plan });
    return {
      admit: () => this.#admit(),
      tape: artefacts => this.#tape(open, artefacts),
      written: (start, rows) => this.#written(open, start, rows),
      oversize: list => this.#refuse(list),
      close: async () => {
        this.#flush(open);
        this.#models.delete(open);
        await this.#link.close(open.id);
      },
    };
  }

  /** Writes everything that was logged, and finishes the files. @param patience milliseconds */
  async close(patience: number): Promise<void> {
    clearInterval(this.#timer);
    for (const open of this.#models) this.#flush(open);
    this.#isOver = true;
    const late = delay(Math.max(0, patience), "late" as const, { ref: false });
    const isLate = (await Promise.race([this.#link.end(), late])) === "late";
    if (isLate || this.#link.waiting > 0)
      this.#log.error(
        "exposures",
        `exposures of ${this.#link.waiting} batches (${this.#link.waitingBytes} bytes) could not be written to '${this.#shown}' before the server ended${this.#fault === undefined ? "" : `: ${this.#fault}`}`,
      );
    await this.#link.terminate();
  }

  get #bytes(): number {
    return this.#taped + this.#link.waitingBytes;
  }

  #admit(): Promise<void> | undefined {
    const { backpressure = "drop" } = this.#options;
    if (backpressure === "drop" || this.#bytes < this.#most) return undefined;
    if (backpressure === "fail")
      throw unavailable(
        `exposures cannot be written to '${this.#shown}'${this.#fault === undefined ? ": the writer is behind" : `: ${this.#fault}`}. The server was started with --exposures-backpressure fail`,
      );
    return this.#link.until(() => this.#bytes < this.#most || this.#isOver);
  }

  #tape(open: OpenModel, artefacts: string): Tape {
    // A message has one value.
    if (open.artefacts !== artefacts) this.#flush(open);
    open.artefacts = artefacts;
    open.tape ??= new Tape(this.#link.takeSpare());
    return open.tape;
  }

  #written(open: OpenModel, start: number, rows: number): void {
    const tape = open.tape!;
    const bytes = tape.length - start;
    // Requests that were admitted are logged, so that "block" and "fail" lose nothing.
    const all = (this.#options.backpressure ?? "drop") === "drop" ? this.#bytes + bytes : 0;
    if (this.#isOver || all > this.#most) {
      tape.cut(start);
      if (start === 0) open.tape = undefined;
      this.#dropped += rows;
      return;
    }
    this.#taped += bytes;
    open.rows += rows;
    if (tape.length >= FULL) this.#flush(open);
  }

  #refuse(list: Oversize): RuntimeFault | undefined {
    const text = oversizeText(list);
    if ((this.#options.backpressure ?? "drop") !== "drop") return invalid(text);
    this.#oversizeRows += list.candidates;
    this.#oversize = { rows: (this.#oversize?.rows ?? 0) + list.candidates, text };
    return undefined;
  }

  #flush(open: OpenModel): void {
    const { id, tape, rows, artefacts } = open;
    if (!tape || tape.length === 0) return;
    const { buffer, length } = tape;
    open.tape = undefined;
    open.rows = 0;
    this.#taped -= length;
    this.#link.append({ id, rows, artefacts, buffer, length });
  }

  async #tick(): Promise<void> {
    // While the writer is behind, tapes that are not full would wait with much unused memory.
    if (this.#link.isIdle) for (const open of this.#models) this.#flush(open);
    if (this.#dropped > this.#toldDropped) {
      this.#log.warning(
        "exposures",
        `${this.#dropped - this.#toldDropped} rows of exposures were dropped: the writer is behind`,
      );
      this.#toldDropped = this.#dropped;
    }
    if (this.#oversize) {
      const { rows, text } = this.#oversize;
      this.#log.warning("exposures", `${rows} rows of exposures were dropped: ${text}`);
      this.#oversize = undefined;
    }
    if (this.#ticking) return;
    this.#ticking = true;
    await this.#link.tick();
    this.#ticking = false;
  }

  #note({ fault, dropped, dropReason, warnings = [] }: WriterState): void {
    for (const text of warnings.slice(this.#toldWarnings)) this.#log.warning("exposures", text);
    this.#toldWarnings = warnings.length;
    if (dropReason !== undefined && dropped > this.#toldLarge) {
      this.#log.warning("exposures", `${dropped - this.#toldLarge} rows of exposures were dropped: ${dropReason}`);
      this.#toldLarge = dropped;
    }
    if (fault !== undefined) this.#fail(fault);
    else if (this.#fault !== undefined) {
      this.#log.info("exposures", `exposures are written to '${this.#shown}' again`);
      this.#fault = undefined;
    }
  }

  #lose({ message, lost, restartMs }: LinkFault): void {
    this.#dropped += lost;
    this.#toldDropped += lost;
    this.#failures++;
    const rows = lost > 0 ? ` At most ${lost} rows of exposures are lost.` : "";
    const next = restartMs === undefined ? "" : ` It starts again in ${restartMs / 1000} s.`;
    this.#log.error("exposures", `${message}.${rows}${next}`);
    if (restartMs === undefined) return;
    this.#fault = message;
    // The next thread counts from 0.
    this.#toldLarge = 0;
    this.#toldWarnings = 0;
  }

  /** Logs one line for a fault that persists. */
  #fail(fault: string): void {
    this.#failures++;
    if (fault !== this.#fault)
      this.#log.error(
        "exposures",
        `exposures cannot be written to '${this.#shown}': ${fault}. ${CONSEQUENCE[this.#options.backpressure ?? "drop"]}`,
      );
    this.#fault = fault;
  }
}

const CONSEQUENCE: Readonly<Record<Backpressure, string>> = {
  drop: "The server tries again each second, and drops exposures while too many wait.",
  block: "The server tries again each second, and requests wait while too many exposures do.",
  fail: "The server tries again each second, and refuses requests while too many exposures wait.",
};
