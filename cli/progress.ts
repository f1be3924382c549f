/**
 * Progress of a long command on stderr: a bar with rows/s on a terminal, else a plain line every few seconds.
 */
import cliProgress from "cli-progress";
import type { OnProgress } from "../runtime/etl/database.js";

interface ProgressPrinter {
  readonly onProgress: OnProgress;
  stop(): void;
}

const EVERY_MS = 2000;

/** Prints the progress of `work`, and removes it from the terminal before anything else is printed. */
export async function withProgress<T>(work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  const { onProgress, stop } = process.stderr.isTTY ? bar() : lines();
  try {
    return await work(onProgress);
  } finally {
    stop();
  }
}

function bar(): ProgressPrinter {
  const single = new cliProgress.SingleBar(
    {
      format: "{doing} {bar} {percentage}% | {value}/{total} rows | {speed} rows/s | {left}",
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  );
  let doing: string | undefined;
  let started = 0;
  return {
    onProgress(progress) {
      const total = progress.totalRows ?? progress.rows;
      if (doing !== progress.doing) {
        single.stop();
        doing = progress.doing;
        started = performance.now();
        single.start(total, progress.rows, { doing, speed: "-", left: "" });
      }
      single.setTotal(total);
      const ms = performance.now() - started;
      const left = timeLeft(progress.rows, progress.totalRows, ms);
      single.update(progress.rows, { doing, speed: perSecond(progress.rows, ms), left });
    },
    stop: () => single.stop(),
  };
}

function lines(): ProgressPrinter {
  let last = performance.now();
  /** The start of each piece of work; several run in parallel. */
  const started = new Map<string, number>();
  return {
    onProgress({ doing, rows, totalRows }) {
      const now = performance.now();
      if (!started.has(doing)) started.set(doing, now);
      if (now - last < EVERY_MS) return;
      last = now;
      const ms = now - started.get(doing)!;
      const left = timeLeft(rows, totalRows, ms);
      process.stderr.write(
        `${doing}: ${rows}${totalRows === undefined ? "" : `/${totalRows}`} rows, ${perSecond(rows, ms)} rows/s${left && `, ${left}`}\n`,
      );
    },
    stop: () => {},
  };
}

/** `1,234,567` of rows and milliseconds. */
export const perSecond = (rows: number, ms: number): string =>
  Math.round(rows / Math.max(ms / 1000, 0.001)).toLocaleString("en-US");

/** `12 s left`, `3 min left`; nothing while the total is unknown. */
export function timeLeft(rows: number, totalRows: number | undefined, ms: number): string {
  if (totalRows === undefined || rows <= 0 || rows >= totalRows || ms < 500) return "";
  const seconds = Math.ceil(((totalRows - rows) / rows) * (ms / 1000));
  return seconds < 120 ? `${seconds} s left` : `${Math.round(seconds / 60)} min left`;
}

/** `✔ Fitted ranking: 1,000,000 rows in 0.23 s (4,347,826 rows/s)` */
export function summary(what: string, rows: number, started: number): string {
  const ms = performance.now() - started;
  return `✔ ${what}: ${rows.toLocaleString("en-US")} rows in ${(ms / 1000).toFixed(2)} s (${perSecond(rows, ms)} rows/s)\n`;
}
