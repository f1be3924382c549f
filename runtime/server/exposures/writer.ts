/**
 * Writes the exposures of a process: batches become blocks of logs, and logs become Parquet files. A batch that cannot be written stays first
 * in its queue. The next call tries again, so that a full disk alone loses nothing.
 */
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync } from "node:fs";
import { modelName } from "../../../contract/files/model-name.js";
import type { Batch, LoggedModel } from "./batch.js";
import { appendWhole, printBlock, printHead } from "./block-file.js";
import { columnsOf, encodeBatch } from "./encode-batch.js";
import { finishLog, logsOf, modelFolder, newName, recoverLogs, removeOld } from "./log-folder.js";
import type { Sink, WriterState } from "./sink.js";

export interface WriterOptions {
  readonly folder: string;
  readonly worker: number;
  /** Number of the log in the process. */
  readonly instance: number;
  /** Whether an earlier thread of the same log ended, whose files are to be finished. */
  readonly succeeds: boolean;
  /** A log that is larger or older is finished. */
  readonly rotateBytes: number;
  readonly rotateSeconds: number;
  readonly salt?: Uint8Array | undefined;
}

interface OpenLog {
  readonly file: number;
  /** Path without its ending. */
  readonly base: string;
  readonly began: number;
  size: number;
  rows: number;
}

/** A log that is complete. The rows of an earlier thread's are not known. */
type Complete = Pick<OpenLog, "base"> & Partial<Pick<OpenLog, "rows">>;

/** Texts about losses that are kept for the server's log. */
const MOST_WARNINGS = 100;

type Attempt = "write" | "finish" | "sweep";

const SWEEP_MS = 600_000;
/** The same after a log of an earlier process could not be finished. */
const SWEEP_AGAIN_MS = 60_000;

export class Writer implements Sink {
  readonly #models = new Map<number, LoggedModel>();
  readonly #logs = new Map<number, OpenLog>();
  readonly #waiting: { readonly model: LoggedModel; readonly batch: Batch; block?: Uint8Array }[] = [];
  /** Logs that are complete, and not Parquet yet. */
  #complete: Complete[] = [];
  #state = { batches: 0, rows: 0, bytes: 0, files: 0, removed: 0, dropped: 0 };
  readonly #warnings: string[] = [];
  /** Why the last attempt of each kind failed. A disk can have room for blocks and none for a whole file. */
  readonly #faults: Partial<Record<Attempt, string | undefined>> = {};
  #sweepAt = 0;
  #hasSucceeded = false;

  constructor(private readonly options: WriterOptions) {}

  open(model: LoggedModel): void {
    this.#models.set(model.id, model);
  }

  append(id: number, batches: Iterable<Batch>): WriterState {
    for (const batch of batches) {
      this.#waiting.push({ model: this.#models.get(id)!, batch });
      this.#attempt("write", () => this.#write());
      // A whole file is tried again by `tick` alone.
      if (this.#faults.finish === undefined) this.#finish();
    }
    return this.state;
  }

  /** Call after the last batch of a model. */
  close(id: number): WriterState {
    this.#attempt("write", () => this.#write());
    this.#rotate(log => this.#logs.get(id) === log);
    this.#finish();
    return this.state;
  }

  /** Work that is due: another attempt, files by age, recovery at the start, retention. */
  tick(): WriterState {
    const { rotateSeconds } = this.options;
    this.#attempt("write", () => this.#write());
    this.#rotate(({ began }) => performance.now() - began >= rotateSeconds * 1000);
    if (performance.now() >= this.#sweepAt) this.#attempt("sweep", () => this.#sweep());
    this.#finish();
    return this.state;
  }

  /** Writes and finishes everything. Logs that cannot be finished stay on disk; batches that are not there yet are lost. */
  end(): WriterState {
    this.#attempt("write", () => this.#write());
    this.#rotate(() => true);
    this.#attempt("sweep", () => this.#succeed());
    this.#finish();
    return this.state;
  }

  get state(): WriterState {
    const { write, finish, sweep } = this.#faults;
    const fault = write ?? finish ?? sweep;
    return { ...this.#state, waiting: this.#waiting.length, fault, warnings: [...this.#warnings] };
  }

  #attempt(kind: Attempt, work: () => void): void {
    try {
      work();
      this.#faults[kind] = undefined;
    } catch (error) {
      this.#faults[kind] = (error as Error).message;
    }
  }

  #write(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { model, batch } = next;
      next.block ??= printBlock(batch.rows, encodeBatch(model, batch, this.options.salt));
      const log = this.#logOf(model);
      appendWhole(log.file, next.block, log.size);
      log.size += next.block.length;
      log.rows += batch.rows;
      this.#waiting.shift();
      this.#state.batches++;
      this.#state.rows += batch.rows;
      this.#state.bytes += next.block.length;
      this.#rotate(({ size }) => size >= this.options.rotateBytes);
    }
  }

  /** The model's log; a new one if there is none, or if another process changed its file. */
  #logOf(model: LoggedModel): OpenLog {
    const known = this.#logs.get(model.id);
    const change = known && changeOf(known);
    if (known && change === undefined) return known;
    if (known) {
      this.#warn(0, `another process changed the log '${known.base}.open': it ${change}. A new one begins`);
      this.#rotate(log => log === known);
    }
    const { folder } = this.options;
    const base = newName(modelFolder(folder, modelName(model.model)), this.options);
    const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;
    const file = openSync(`${base}.open`, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o640);
    const { plan } = model;
    const start = printHead({
      format: 1,
      model: model.model,
      plan,
      kept: model.kept.map(({ name }) => name),
      columns: [...columnsOf(model)],
    });
    const log = { file, base, began: performance.now(), size: 0, rows: 0 };
    try {
      appendWhole(file, start, 0);
    } catch (error) {
      closeSync(file);
      this.#complete.push({ base, rows: 0 });
      throw error;
    }
    log.size = start.length;
    this.#logs.set(model.id, log);
    return log;
  }

  #rotate(isDue: (log: OpenLog) => boolean): void {
    for (const [id, log] of this.#logs) {
      if (!isDue(log)) continue;
      this.#logs.delete(id);
      closeSync(log.file);
      this.#complete.push(log);
    }
  }

  /** Logs that cannot become files stay. */
  #finish(): void {
    const failed: Complete[] = [];
    this.#faults.finish = undefined;
    for (const log of this.#complete)
      try {
        this.#finishOne(log);
      } catch (error) {
        failed.push(log);
        const { base } = log;
        this.#faults.finish ??= `the log '${base}.open' cannot become a Parquet file: ${(error as Error).message}`;
      }
    this.#complete = failed;
  }

  #finishOne({ base, rows = 0 }: Complete): void {
    if (!existsSync(`${base}.open`)) {
      if (rows > 0)
        this.#warn(rows, `the log '${base}.open' was removed or renamed: its ${rows} rows are not in a file`);
      return;
    }
    const { isMade, rows: found, loss } = finishLog(base);
    if (isMade) this.#state.files++;
    if (found < rows || (loss !== undefined && rows > 0))
      this.#warn(Math.max(0, rows - found), `${loss ?? `the log '${base}.open' was replaced`}; ${rows} were written`);
  }

  /** @param rows that are lost */
  #warn(rows: number, text: string): void {
    this.#state.dropped += rows;
    if (this.#warnings.length < MOST_WARNINGS) this.#warnings.push(text);
  }

  /** Takes over the logs of an earlier thread, once. */
  #succeed(): void {
    if (!this.options.succeeds || this.#hasSucceeded) return;
    const own = new Set([...this.#logs.values(), ...this.#complete].map(({ base }) => base));
    const left = logsOf(this.options.folder, this.options).filter(base => !own.has(base));
    this.#complete.push(...left.map(base => ({ base })));
    this.#hasSucceeded = true;
  }

  /** Logs of processes that were killed, and files that are too old. */
  #sweep(): void {
    const { folder } = this.options;
    this.#succeed();
    const { faults, losses } = recoverLogs(folder);
    const [fault] = faults;
    for (const loss of losses) this.#warn(0, loss);
    const days = new Map(
      [...this.#models.values()].flatMap(m => (m.retentionDays === undefined ? [] : [[m.model, m.retentionDays]])),
    );
    for (const [model, most] of days) this.#state.removed += removeOld(folder, model, most);
    this.#sweepAt = performance.now() + (fault ? SWEEP_AGAIN_MS : SWEEP_MS);
    if (fault) throw new Error(`the log '${fault[0]}' of an earlier process cannot be finished: ${fault[1].message}`);
  }
}

/** Why the path of an open log is not the file that was written. */
function changeOf({ file, base, size }: OpenLog): string | undefined {
  const own = fstatSync(file, { bigint: true });
  const there = lstatSync(`${base}.open`, { bigint: true, throwIfNoEntry: false });
  if (!there) return own.nlink === 0n ? "was removed" : "was renamed";
  if (there.ino !== own.ino || there.dev !== own.dev) return "was replaced";
  if (own.size === BigInt(size)) return undefined;
  return `has ${own.size} bytes, and ${size} were written`;
}
