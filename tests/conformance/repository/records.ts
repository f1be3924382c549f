/**
 * The recordings of this folder: configurations, life cycles and process runs of a real Triton 2.73, read from `data/`.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** File contents by path; `onnx:NAME`, `base64:…` and `dir:` stand for what they name. */
export type Files = Readonly<Record<string, string>>;

export interface ConfigRecord {
  readonly id: string;
  readonly note: string;
  readonly model: string;
  readonly load?: string;
  readonly files: Files;
  readonly rootfiles?: Files;
  readonly other_models: readonly { readonly model: string; readonly files: Files }[];
  readonly flags: readonly string[];
  readonly expect: {
    readonly http_load: { readonly status: number | string; readonly body?: unknown };
    readonly grpc_load: { readonly code: string; readonly message?: string };
    readonly state: string;
    readonly reason: string | null;
    readonly log: readonly string[];
    readonly log_order?: "free";
    readonly index?: readonly unknown[];
    readonly config?: unknown;
    readonly metadata?: unknown;
    readonly grpc_differs?: unknown;
  };
}

export interface Step {
  readonly action: string;
  readonly up?: boolean;
  readonly exit_code?: number;
  readonly log?: readonly string[];
  readonly log_order?: "free";
  readonly method?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly response?: unknown;
  readonly family?: string;
  readonly rpc?: string;
  readonly request?: Record<string, unknown>;
  readonly files?: Files;
  readonly paths?: readonly string[];
  readonly seconds?: number;
  readonly tag?: string;
  readonly condition?: string;
}

export interface LifecycleRecord {
  readonly id: string;
  readonly note: string;
  readonly flags: readonly string[];
  readonly repositories: number;
  readonly initial_files: Files;
  readonly steps: readonly Step[];
}

export interface ProcessRecord {
  readonly id: string;
  readonly note: string;
  readonly args: readonly string[];
  readonly files: Files;
  readonly exit_code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly stdout_order?: "free";
  readonly stderr_order?: "free";
  readonly log_file?: readonly string[];
  readonly probe?: Readonly<Record<string, unknown>>;
  readonly signals?: readonly (readonly [string, NodeJS.Signals])[];
  readonly after_signal?: Readonly<Record<string, unknown>>;
  readonly inflight_answer?: unknown;
  readonly port_already_taken?: string;
}

const data = new URL("data/", import.meta.url);
const lines = <T>(name: string): T[] =>
  gunzipSync(readFileSync(new URL(`${name}.jsonl.gz`, data)))
    .toString("utf8")
    .split("\n")
    .filter(line => line.length > 0)
    .map(line => JSON.parse(line) as T);

export const configRecords = (): ConfigRecord[] => lines("configs");
export const lifecycleRecords = (): LifecycleRecord[] => lines("lifecycle");
/** Life cycles that Triton 2.51 lived; `tests/oracles/triton` plays them. */
export const pytritonRecords = (): LifecycleRecord[] => lines("pytriton");
export const processRecords = (): ProcessRecord[] => lines("process");

let onnx: Readonly<Record<string, string>> | undefined;
/** An ONNX file that records name. */
export function onnxFile(name: string): Buffer {
  onnx ??= JSON.parse(readFileSync(new URL("onnx.json", data), "utf8")) as Readonly<Record<string, string>>;
  return Buffer.from(onnx[name]!, "base64");
}
