/**
 * The settings that `merlon serve --workers auto` has on this machine, and the variables that set them.
 */
import { availableParallelism } from "node:os";
import { cpuQuota } from "../../runtime/base/control-group.js";
import { defaultMemoryLimit } from "../../runtime/base/memory/memory-limit.js";
import {
  onnxThreads,
  printProcessors,
  THREADS,
  threadEnvironment,
  threadsIn,
  usableProcessors,
} from "../../runtime/base/processors.js";
import { divideAffinity, readAffinity } from "../../runtime/server/workers/affinity.js";
import type { Finding } from "./finding.js";

/** Found on the machine; tests have others. */
export interface Resources {
  readonly env: NodeJS.ProcessEnv;
  readonly available: number;
  /** Processors of the control group's quota. */
  readonly quota: number | undefined;
  /** Bytes. */
  readonly memoryLimit: number;
  /** Numbers of the processors; undefined where the system does not show them. */
  readonly allowed: readonly number[] | undefined;
}

const ofThisMachine = (): Resources => ({
  env: process.env,
  available: availableParallelism(),
  quota: cpuQuota(),
  memoryLimit: defaultMemoryLimit(),
  allowed: allowedHere(),
});

function allowedHere(): readonly number[] | undefined {
  try {
    return readAffinity("auto")[0];
  } catch {
    return undefined;
  }
}

/** A finding for workers, threads, memory and processors, in this order. */
export function settingFindings(resources: Resources = ofThisMachine()): readonly Finding[] {
  const { available, quota, memoryLimit, allowed } = resources;
  const usable = usableProcessors(available, quota ?? available);
  const share = Math.floor(memoryLimit / usable);
  const section = "settings";
  return [
    {
      ...{ section, name: "workers", state: "ok" },
      found: `merlon serve starts ${usable}; --workers sets it`,
      details: { workers: usable },
    },
    threads(resources, usable),
    {
      ...{ section, name: "memory limit", state: "ok" },
      found: `${mib(memoryLimit)}${usable > 1 ? `, ${mib(share)} for each of ${usable} workers` : ""}; --memory-limit sets it`,
      details: { total: memoryLimit, perWorker: share },
    },
    ...(allowed
      ? [
          {
            ...({ section, name: "affinity", state: "ok" } as const),
            found: `--cpu-affinity auto sets ${divideAffinity([allowed], usable).map(printProcessors).join(":")}`,
            details: { processors: divideAffinity([allowed], usable).map(printProcessors) },
          },
        ]
      : []),
  ];
}

const mib = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;

/** Variables and the libraries that read them. */
const READERS: readonly (readonly [variable: string, reader: string])[] = [
  [THREADS, "ONNX models above 16 MB, batches of searches"],
  ["UV_THREADPOOL_SIZE", "libuv"],
  ["OMP_NUM_THREADS", "OpenMP"],
  ["OPENBLAS_NUM_THREADS", "OpenBLAS"],
];

function threads({ env }: Resources, usable: number): Finding {
  const common = { section: "settings", name: "threads" } as const;
  const several = usable > 1;
  const set = several ? threadEnvironment(1, env) : ownThreads(env);
  const found = READERS.flatMap(([name, reader]) => (set[name] === undefined ? [] : [`${reader} ${set[name]}`]));
  const own = READERS.flatMap(([name]) => (env[name] === undefined ? [] : [name]));
  // OpenMP takes a number for each level of nesting.
  const wrong = own.find(name => threadsIn({ [name]: env[name]!.split(",")[0] }, name) === undefined);
  const details = { ...set, fromEnvironment: own };
  if (wrong !== undefined)
    return {
      ...{ ...common, state: "broken", details },
      found: `${wrong}=${env[wrong]} is not a number of threads`,
      fix: `set ${wrong} to a whole number from 1, or unset it`,
    };
  const from = own.length > 0 ? ` (from the environment: ${own.join(", ")})` : "";
  return { ...common, state: "ok", found: `${several ? "each worker: " : ""}${found.join("; ")}${from}`, details };
}

/** A server of one process sets none of its own environment. */
const ownThreads = (env: NodeJS.ProcessEnv): Readonly<Record<string, string>> => ({
  [THREADS]: String(onnxThreads(env) || usableProcessors()),
  UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE ?? "4",
  ...(env.OMP_NUM_THREADS !== undefined && { OMP_NUM_THREADS: env.OMP_NUM_THREADS }),
  ...(env.OPENBLAS_NUM_THREADS !== undefined && { OPENBLAS_NUM_THREADS: env.OPENBLAS_NUM_THREADS }),
});
