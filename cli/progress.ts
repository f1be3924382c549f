/**
 * Progress of a long command on stderr: a bar with rows/s on a terminal, else a plain line every few seconds.
 */
import cliProgress from "cli-progress";
import type { Progress } from "../runtime/etl/database.js";

export interface ProgressPrinter {
  readonly onProgress: (progress: Progress) => void;
  stop(): void;
}

const EVERY_MS = 2000;

export const printProgress = (): ProgressPrinter => (process.stderr.isTTY ? bar() : lines());

function bar(): ProgressPrinter {
  const single = new cliProgress.SingleBar(
    {
      format: "{doing} {bar} {percentage}% | {value}/{total} rows | {speed} rows/s",
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
        single.start(total, progress.rows, { doing, speed: "-" });
      }
      single.setTotal(total);
      single.update(progress.rows, { doing, speed: perSecond(progress.rows, performance.now() - started) });
    },
    stop: () => single.stop(),
  };
}

function lines(): ProgressPrinter {
  const started = performance.now();
  let last = started;
  return {
    onProgress({ doing, rows, totalRows }) {
      const now = performance.now();
      if (now - last < EVERY_MS) return;
      last = now;
      process.stderr.write(
        `${doing}: ${rows}${totalRows === undefined ? "" : `/${totalRows}`} rows, ${perSecond(rows, now - started)} rows/s\n`,
      );
    },
    stop: () => {},
  };
}

/** `1,234,567` of rows and milliseconds. */
export const perSecond = (rows: number, ms: number): string =>
  Math.round(rows / Math.max(ms / 1000, 0.001)).toLocaleString("en-US");

/** `✔ Fitted ranking: 1,000,000 rows in 0.23 s (4,347,826 rows/s)` */
export const summary = (what: string, rows: number, ms: number): string =>
  `✔ ${what}: ${rows.toLocaleString("en-US")} rows in ${(ms / 1000).toFixed(2)} s (${perSecond(rows, ms)} rows/s)\n`;
