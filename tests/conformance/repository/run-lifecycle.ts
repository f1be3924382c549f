/**
 * One recorded scenario → the same steps against a fresh server, and what differs.
 */
import { mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { serve } from "#runtime/server/index.js";
import { grpcCall, httpCall } from "./calls.js";
import { differences, logDifferences } from "./compare.js";
import { metricLines } from "./metric-lines.js";
import { placeFile } from "./place-files.js";
import type { LifecycleRecord, Step } from "./records.js";
import { asReleased } from "./released-readiness.js";
import type { Outcome } from "./report.js";

export async function runLifecycle(record: LifecycleRecord): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-life-"));
  const roots = [join(folder, "repo"), join(folder, "repo2")].slice(0, record.repositories);
  const [answers, log]: [string[], string[]] = [[], []];
  const lines: string[] = [];
  const waiting = new Map<string, Promise<unknown>>();
  const mask = (text: string): string =>
    text
      .replaceAll(join(folder, "repo2"), "<repository2>")
      .replaceAll(join(folder, "repo"), "<repository>")
      .replace(OVERRIDDEN, (_, inside) => (inside ? "<tmp>" : "<tmpdir>"));
  const target = (path: string): readonly [string, string] =>
    path.startsWith("repo2:") ? [roots[1]!, path.slice(6)] : [roots[0]!, path];
  let server: Awaited<ReturnType<typeof serve>> | undefined;
  const metered = record.steps.some(({ action }) => action === "metrics");
  const index = async (): Promise<string> =>
    JSON.stringify(await httpCall(server!.ports.http!, "POST", "/v2/repository/index", {}, mask));

  const start = async (step: Step): Promise<unknown> => {
    try {
      server = await serve({
        ...serveOptions([
          ...roots.map(root => `--model-repository=${root}`),
          ...["http", "grpc"].flatMap(name => [`--${name}-address=127.0.0.1`, `--${name}-port=0`]),
          ...(metered ? ["--metrics-address=127.0.0.1", "--metrics-port=0"] : ["--allow-metrics=false"]),
          "--mock-stand-ins",
          // The recorded server was built without tracing.
          "--allow-trace=false",
          ...record.flags,
        ]),
        writeLog: (text, stream) => void (stream === "stderr" && lines.push(mask(text))),
      });
      return { up: true };
    } catch {
      return { up: false, ...(step.exit_code !== undefined && { exit_code: 1 }) };
    }
  };
  const act = async (step: Step, at: string): Promise<string[]> => {
    const { action, path = "" } = step;
    if (action === "start")
      return differences(
        { up: step.up, ...(step.exit_code !== undefined && { exit_code: step.exit_code }) },
        await start(step),
        at,
      );
    if (action === "write")
      for (const [file, value] of Object.entries(step.files!)) placeFile(target(file)[0], target(file)[1], value);
    else if (action === "remove")
      for (const file of step.paths!) rmSync(join(...target(file)), { recursive: true, force: true });
    else if (action === "touch") utimesSync(join(...target(path)), new Date(), new Date());
    else if (action === "wait") await delay(step.seconds! * (step.seconds! > 1 ? 1400 : 1000));
    else if (action === "wait_until") {
      for (let i = 0; i < 200 && /"(UN)?LOADING"/.test(await index()); i++) await delay(20);
    } else if (action === "http_background")
      waiting.set(step.tag!, httpCall(server!.ports.http!, step.method!, path, step.body, mask));
    else if (action === "join") return differences(step.response, await waiting.get(step.tag!), at);
    else if (action === "http")
      return differences(step.response, await httpCall(server!.ports.http!, step.method!, path, step.body, mask), at);
    else if (action === "grpc")
      return differences(step.response, await grpcCall(server!.ports.grpc!, step.rpc!, step.request!, mask), at);
    else if (action === "metrics")
      return differences(
        (step.response as readonly string[]).toSorted(),
        (await metricLines(server!.ports.metrics!, step.family!, mask)).toSorted(),
        at,
      );
    return [];
  };
  const polls = record.flags.includes("--model-control-mode=poll");
  try {
    for (const root of roots) mkdirSync(root);
    for (const [file, value] of Object.entries(record.initial_files))
      placeFile(target(file)[0], target(file)[1], value);
    for (const [i, step] of record.steps.map(asReleased).entries()) {
      const before = lines.length;
      answers.push(...(await act(step, `step ${i} ${step.method ?? step.action} ${step.path ?? ""}`)));
      if (!server) break;
      // A poll says again what it said before, and may do so in the step after.
      const said = polls ? lines.slice(0, before) : [];
      const fresh = lines.slice(before).filter(line => !said.some(old => sameText(old, line)));
      log.push(
        ...logDifferences(step.log ?? [], step.log?.length ? lines.slice(before) : fresh, step.log_order === "free"),
      );
    }
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return { id: record.id, note: record.note, group: `lifecycle ${record.id.replace(/-.*/, "")}`, answers, log };
}

/** Where the files of a load request lie: beside others in the temporary folder for Triton, in one of their own for ours. */
const OVERRIDDEN = new RegExp(`${join(tmpdir(), "merlon-override-")}[\\w.-]+(/a\\b)?`);

/** Equal but for their times. */
const sameText = (a: string, b: string): boolean => a.slice(a.indexOf("] ")) === b.slice(b.indexOf("] "));
