/**
 * The recorded answers of a real Triton: compressed JSON lines → groups, each of which is one fresh server and its requests in order.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { ROOT } from "./root.js";

/** A client's actions beside its requests: waits, and reads and writes of shared memory files. */
export interface SideStep {
  readonly wait_ms?: number;
  readonly shm_create?: { readonly key: string; readonly base64: string };
  readonly shm_read?: {
    readonly key: string;
    readonly offset?: number;
    readonly byte_size: number;
    readonly base64: string;
  };
  readonly shm_remove?: { readonly key: string };
}

interface Common {
  readonly id: string;
  readonly note?: string;
  readonly repository: string;
  readonly server_flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly parallel?: string;
  readonly start_ms?: number;
  readonly finish_rank?: number;
  readonly before?: readonly SideStep[];
  readonly after?: readonly SideStep[];
}

export interface GrpcAnswer {
  readonly code: string;
  readonly message: string;
  readonly body?: unknown;
  readonly messages?: readonly unknown[];
  /** The client itself made the code; its text is not compared. */
  readonly client_side?: boolean;
}

export interface GrpcRecord extends Common {
  readonly rpc: string;
  readonly request?: Record<string, unknown>;
  readonly request_base64?: string;
  readonly requests?: readonly Record<string, unknown>[];
  readonly metadata?: readonly (readonly [string, string])[];
  readonly deadline_ms?: number;
  readonly cancel_after_ms?: number;
  readonly cancel_after_messages?: number;
  readonly gap_ms?: number;
  readonly half_close_after_ms?: number;
  readonly response?: GrpcAnswer;
  readonly stream?: GrpcAnswer;
}

export interface HttpBody {
  readonly text?: string;
  readonly json?: unknown;
  readonly base64?: string;
  readonly header_json?: unknown;
  readonly header_text?: string;
  readonly binary_base64?: string;
  readonly key_order_free?: boolean;
}

export interface HttpAnswer {
  /** The connection was closed without an answer. */
  readonly closed?: string;
  readonly status?: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: HttpBody;
}

export interface HttpRecord extends Common {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: { readonly text?: string; readonly base64?: string };
  readonly raw_request_base64?: string;
  readonly response: HttpAnswer;
}

export interface MetricsRecord extends Common {
  readonly moment: string;
  readonly method: string;
  readonly path: string;
  readonly kept_models?: readonly string[];
  readonly requests_before: readonly (Pick<HttpRecord, "method" | "path" | "body"> & { readonly status: number })[];
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly text: string;
  };
}

export type Group = { readonly name: string } & (
  | { readonly kind: "grpc"; readonly records: readonly GrpcRecord[] }
  | { readonly kind: "http"; readonly records: readonly HttpRecord[] }
  | { readonly kind: "metrics"; readonly records: readonly MetricsRecord[] }
);

/** The folder of the recordings and of the repositories they were made with. The built runner is in `dist/tests/conformance`. */
export const PROTOCOL_DATA = new URL("tests/conformance/data/protocol/", ROOT);

/** All groups in the order of their recording; `filter` keeps those whose name contains it. */
export function readGroups(filter = ""): readonly Group[] {
  return [
    ...readKind<GrpcRecord>("grpc").map(group => ({ kind: "grpc" as const, ...group })),
    ...readKind<HttpRecord>("http").map(group => ({ kind: "http" as const, ...group })),
    ...readKind<MetricsRecord>("metrics").map(group => ({ kind: "metrics" as const, ...group })),
  ].filter(({ name }) => name.includes(filter));
}

function readKind<T extends Common>(kind: Group["kind"]): { readonly name: string; readonly records: readonly T[] }[] {
  const groups = new Map<string, T[]>();
  const lines = gunzipSync(readFileSync(new URL(`${kind}.jsonl.gz`, PROTOCOL_DATA)))
    .toString()
    .trim()
    .split("\n");
  for (const line of lines) {
    const record = JSON.parse(line) as T;
    const name = record.id.split("/")[0]!;
    const group = groups.get(name);
    if (group) group.push(record);
    else groups.set(name, [record]);
  }
  return [...groups].map(([name, records]) => ({ name, records }));
}
