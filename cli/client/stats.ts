/** `merlon client stats [MODEL]`: the server's counters, once or periodically. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { ModelStatistics } from "../../runtime/client/index.js";
import { printTable } from "../print-table.js";
import { type ConnectionOptions, connected, positive, printJson, withClient } from "./connection.js";

export const statsCommand = (): Command =>
  connected(
    new Command("stats")
      .description("show the server's statistics: requests, and their time per phase")
      .argument("[model]"),
  )
    .option("-w, --watch [seconds]", "refresh every N seconds and show deltas", value => positive(value))
    .action(async (model: string | undefined, options: ConnectionOptions & { readonly watch?: number | true }) => {
      await withClient(options, async client => {
        const read = () => client.statistics(model);
        let before = await read();
        if (options.watch === undefined) {
          process.stdout.write(options.json ? printJson(before) : table(before));
          return;
        }
        const seconds = options.watch === true ? 2 : options.watch;
        const ended = new AbortController();
        process.once("SIGINT", () => ended.abort());
        for (;;) {
          await sleep(seconds * 1000, undefined, { signal: ended.signal }).catch(() => {});
          if (ended.signal.aborted) return;
          const now = await read();
          if (options.json) process.stdout.write(printJson(difference(before, now)));
          else {
            const clear = process.stdout.isTTY ? "\u001b[2J\u001b[H" : "\n";
            process.stdout.write(`${clear}the last ${seconds} s\n${table(difference(before, now), seconds)}`);
          }
          before = now;
        }
      });
    });

const PARTS = ["queue", "compute_input", "compute_infer", "compute_output"] as const;

/** Mean microseconds a request by part; with `seconds`, requests a second. */
export function table(all: readonly ModelStatistics[], seconds?: number): string {
  const rows = all.map(({ name, version, inference_count, execution_count, inference_stats: stats }) => {
    const success = Number(stats?.success?.count ?? 0);
    const micros = (part: (typeof PARTS)[number] | "success"): string => {
      const { count = 0, ns = 0 } = stats?.[part] ?? {};
      return Number(count) === 0 ? "-" : (Number(ns) / Number(count) / 1000).toFixed(0);
    };
    return [
      name,
      version,
      seconds === undefined ? String(success) : (success / seconds).toFixed(1),
      String(stats?.fail?.count ?? 0),
      Number(execution_count) > 0 ? (Number(inference_count) / Number(execution_count)).toFixed(2) : "-",
      micros("success"),
      ...PARTS.map(micros),
    ];
  });
  const head = [
    "model",
    "version",
    seconds === undefined ? "ok" : "ok/s",
    "failed",
    "batch",
    "total µs",
    "queue",
    "input",
    "infer",
    "output",
  ];
  return rows.length > 0 ? printTable([head, ...rows]) : "No model is ready.\n";
}

/** The counts between two samples. */
export function difference(before: readonly ModelStatistics[], now: readonly ModelStatistics[]): ModelStatistics[] {
  return now.map(after => {
    const first = before.find(({ name, version }) => name === after.name && version === after.version);
    return first ? (subtract(after, first) as ModelStatistics) : after;
  });
}

function subtract(after: unknown, before: unknown): unknown {
  if (typeof after === "number") return after - Number(before ?? 0);
  if (Array.isArray(after) || typeof after !== "object" || after === null) return after;
  return Object.fromEntries(
    Object.entries(after).map(([key, value]) => [
      key,
      key === "last_inference" ? value : subtract(value, (before as Record<string, unknown> | undefined)?.[key]),
    ]),
  );
}
