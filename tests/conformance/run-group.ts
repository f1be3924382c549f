/**
 * Sends a group's records to a target, in order (those of one parallel label at once), and says of each whether the answer is equal.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@grpc/grpc-js";
import { compareHttp } from "./compare-http.js";
import { compareMetrics } from "./compare-metrics.js";
import { differences } from "./masks.js";
import type { Group, GrpcRecord, HttpRecord, MetricsRecord } from "./records.js";
import { grpcClient, sendGrpc } from "./send-grpc.js";
import { sendHttp } from "./send-http.js";
import { performSteps } from "./side-steps.js";
import type { Target } from "./target.js";

export interface Outcome {
  readonly id: string;
  readonly note: string;
  /** Empty when equal. */
  readonly differences: readonly string[];
}

/** Starts what the group needs, runs it, ends it. A server that does not start answers nothing. */
export async function runFresh(group: Group, start: (group: Group) => Promise<Target>): Promise<Outcome[]> {
  let target: Target;
  try {
    target = await start(group);
  } catch (error) {
    const differences = [(error as Error).message];
    return group.records.map(({ id, note = "" }: AnyRecord) => ({ id, note, differences }));
  }
  try {
    return await runGroup(group, target);
  } finally {
    await target.stop();
  }
}

type AnyRecord = GrpcRecord | HttpRecord | MetricsRecord;
type Ask = (record: AnyRecord) => Promise<string[]>;

/** Metrics are read a moment after the requests they count. */
const SCRAPE_DELAY_MS = 300;
/** A Triton measures its pools each `--metrics-interval-ms`, 2,000 by default, and writes zeros before the first time. */
const FIRST_MEASUREMENT_MS = 2500;

async function runGroup(group: Group, target: Target): Promise<Outcome[]> {
  const client = group.kind === "grpc" ? grpcClient(`${target.host}:${target.grpc}`) : undefined;
  const ask = asker(target, client);
  const outcomes: Outcome[] = [];
  if (target.isReal && group.kind === "metrics") await sleep(FIRST_MEASUREMENT_MS);
  try {
    for (const batch of together(group.records)) {
      const outcome = batch.length > 1 ? await askTogether(batch, ask) : [await askOne(batch[0]!, ask)];
      outcomes.push(...outcome);
    }
  } finally {
    client?.close();
  }
  return outcomes;
}

/** Neighbors with the same parallel label form one batch. */
function together(records: readonly AnyRecord[]): AnyRecord[][] {
  const batches: AnyRecord[][] = [];
  for (const record of records) {
    const last = batches.at(-1);
    if (record.parallel !== undefined && last?.[0]?.parallel === record.parallel) last.push(record);
    else batches.push([record]);
  }
  return batches;
}

async function askOne(record: AnyRecord, ask: Ask): Promise<Outcome> {
  const note = record.note ?? ("moment" in record ? record.moment : "");
  const before = await performSteps(record.before);
  const answer = await ask(record).catch(error => [(error as Error).message]);
  const after = await performSteps(record.after);
  return { id: record.id, note, differences: [...before, ...answer, ...after] };
}

async function askTogether(batch: readonly AnyRecord[], ask: Ask): Promise<Outcome[]> {
  const finished: string[] = [];
  const outcomes = await Promise.all(
    batch.map(async record => {
      await sleep(record.start_ms ?? 0);
      const outcome = await askOne(record, ask);
      finished.push(record.id);
      return outcome;
    }),
  );
  return outcomes.map((outcome, i) => {
    const { finish_rank: expected } = batch[i]!;
    const rank = finished.indexOf(outcome.id) + 1;
    if (expected === undefined || rank === expected) return outcome;
    return { ...outcome, differences: [...outcome.differences, `finished: expected ${expected}, got ${rank}`] };
  });
}

function asker({ host, http, metrics, repository, isReal = false }: Target, client: Client | undefined): Ask {
  const tidy = (text: string): string =>
    withoutStack(text.replaceAll(repository, "<repository>").replace(/\/tmp\/folder\w{6}/g, "<tmp>"));
  return async record => {
    if ("rpc" in record) return compareGrpc(record, await sendInTime(client!, record), tidy, isReal);
    if (!("moment" in record)) return compareHttp(record.response, await sendHttp(host, http, record), tidy);
    for (const { status, ...request } of record.requests_before) {
      const got = await sendHttp(host, http, { headers: [], ...request });
      if (got?.status !== status) return [`${request.path} before: expected ${status}, got ${got?.status}`];
    }
    await sleep(SCRAPE_DELAY_MS);
    return compareMetrics(record, await sendHttp(host, metrics, { ...record, headers: [] }));
  };
}

/** A busy machine may send fewer messages within a deadline than were recorded. */
const DEADLINE_TRIES = 3;

/** Sends a record; again where its deadline left fewer messages than were recorded. A response with other messages, or more of them, is final. */
async function sendInTime(client: Client, record: GrpcRecord): ReturnType<typeof sendGrpc> {
  const wanted = record.deadline_ms === undefined ? 0 : (record.stream?.messages?.length ?? 0);
  for (let i = 1; ; i++) {
    const got = await sendGrpc(client, record);
    if ((got.messages?.length ?? 0) >= wanted || i === DEADLINE_TRIES) return got;
  }
}

/** The stack of a model's error depends on its file, and a twin's is another file: the lines after "At:" are not compared. */
const withoutStack = (text: string): string => text.replace(/(\\nAt:)(?:\\n {2}[^\\"]*)+/g, "$1…");

function compareGrpc(
  { response, stream }: GrpcRecord,
  got: Awaited<ReturnType<typeof sendGrpc>>,
  tidy: (text: string) => string,
  isReal: boolean,
): string[] {
  const { client_side: ownCode, ...expected } = JSON.parse(withoutStack(JSON.stringify((response ?? stream)!)));
  const answer = JSON.parse(tidy(JSON.stringify(got))) as typeof got;
  const isLost = ownCode || (isReal && answer.message === "" && BLANK_AT_AN_END.test(expected.message));
  return differences(expected, isLost ? { ...answer, message: expected.message } : answer);
}

/** Triton sends such a message as it is, and Node's HTTP/2 drops the header; this server escapes the blank, so that the message arrives. */
const BLANK_AT_AN_END = /^\s|\s$/;
