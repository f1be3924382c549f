/**
 * Replays a group of records against a server and lists those whose answers differ.
 */
import type { Client } from "@grpc/grpc-js";
import { differences } from "./masks.js";
import { type GrpcRecord, replayGrpc } from "./replay-grpc.js";
import { type HttpAnswer, type HttpRecord, replayHttp } from "./replay-http.js";

export interface Outcome {
  readonly id: string;
  readonly note: string;
  readonly differences: readonly string[];
}

interface Noted {
  readonly note?: string;
  readonly before?: readonly { readonly wait_ms?: number }[];
}

const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

export async function compareGrpc(client: Client, records: readonly (GrpcRecord & Noted)[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const record of records) {
    for (const { wait_ms } of record.before ?? []) await wait(wait_ms ?? 0);
    const got = await replayGrpc(client, record);
    outcomes.push({
      id: record.id,
      note: record.note ?? "",
      differences: differences(record.stream ?? record.response, got),
    });
  }
  return outcomes;
}

export async function compareHttp(port: number, records: readonly (HttpRecord & Noted)[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const record of records) {
    for (const { wait_ms } of record.before ?? []) await wait(wait_ms ?? 0);
    const got = await replayHttp(port, record);
    outcomes.push({ id: record.id, note: record.note ?? "", differences: httpDifferences(record.response, got) });
  }
  return outcomes;
}

function httpDifferences(expected: HttpAnswer, got: HttpAnswer): string[] {
  const lower = (headers: HttpAnswer["headers"]) =>
    Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const head = [
    ...differences(expected.status, got.status, "status"),
    ...differences(lower(expected.headers), lower(got.headers), "headers"),
  ];
  const { body } = expected;
  if (body.header_text !== undefined)
    return [
      ...head,
      ...differences(body.header_text, got.body.header_text, "json"),
      ...differences(body.binary_base64, got.body.binary_base64, "binary"),
    ];
  const text = got.body.text ?? "";
  const masked = JSON.stringify(body.json ?? null).includes('"<');
  if (body.json !== undefined && (body.key_order_free || masked || body.text === undefined))
    return [...head, ...differences(body.json, safeParse(text), "json")];
  return [...head, ...differences(body.text, text, "text")];
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
