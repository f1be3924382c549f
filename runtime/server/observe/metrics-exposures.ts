/** The exposure log's counters as Prometheus text. */
import type { ExposureCounts } from "../exposures/exposure-log.js";

/** @param counts of this process @param lines receives the text */
export function printExposures(counts: ExposureCounts, lines: string[]): void {
  const add = (name: string, type: "counter" | "gauge", help: string, value: number): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`);
  };
  add("merlon_exposures_rows_total", "counter", "Rows of exposures that were written", counts.rows);
  add("merlon_exposures_dropped_total", "counter", "Rows of exposures that were dropped", counts.dropped);
  add(
    "merlon_exposures_bytes_total",
    "counter",
    "Bytes of exposures that were written, before files are finished",
    counts.bytes,
  );
  add("merlon_exposures_files_total", "counter", "Parquet files of exposures that were finished", counts.files);
  add("merlon_exposures_failures_total", "counter", "Attempts to write exposures that failed", counts.failures);
  add("merlon_exposures_waiting_bytes", "gauge", "Memory of exposures that wait for the writer", counts.waitingBytes);
}
