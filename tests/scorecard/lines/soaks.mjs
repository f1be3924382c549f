/**
 * Lines that a soak of mixed requests with cancels, resets and clients that leave answers: growth, cancels, wrong answers.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { steadyGrowth } from "../../fuzz/growth.mjs";
import { REPOSITORY } from "../../fuzz/seeds.mjs";
import { soakMixed } from "../../soak/mixed.mjs";
import { startMeasured } from "../support/server-process.mjs";

const QUICK = 30_000;
const FULL = 1_000_000;
/** Bytes that a request may leave behind for good. */
const LEAK = 300;

/** Bytes of resident memory for each request over the second half. */
function bytesPerRequest({ memory, verified }) {
  const half = memory.slice(Math.floor(memory.length / 2));
  const step = verified / memory.length;
  return steadyGrowth(half.map((megabytes, i) => [i * step, megabytes * 2 ** 20]));
}

/** A server whose model keeps a kilobyte of each request: a measure of growth must find it. */
async function leaky(requests, seed) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-leak-"));
  try {
    const version = join(folder, "echo_int32", "1");
    mkdirSync(version, { recursive: true });
    cpSync(join(REPOSITORY, "calc_fp32"), join(folder, "calc_fp32"), { recursive: true });
    writeFileSync(
      join(folder, "echo_int32", "config.pbtxt"),
      'name: "echo_int32" backend: "javascript" max_batch_size: 8 input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] } ]',
    );
    writeFileSync(
      join(version, "model.mjs"),
      `const kept = [];
export const execute = requests =>
  requests.map(({ inputs }) => {
    kept.push(Buffer.alloc(1024, 1));
    return { outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] };
  });
`,
    );
    const server = await startMeasured({ repository: folder, models: ["echo_int32", "calc_fp32"] });
    try {
      return bytesPerRequest(await soakMixed({ requests, seed, server }));
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The soak runs once for all lines. */
const once = new WeakMap();
function soak(context, requests) {
  if (!once.has(context)) once.set(context, soakMixed({ requests, seed: context.seed }));
  return once.get(context);
}

async function growth(context, requests, leakRequests) {
  const report = await soak(context, requests);
  const half = report.memory.slice(Math.floor(report.memory.length / 2));
  const spread = Math.max(...half) - half.reduce((sum, one) => sum + one, 0) / half.length;
  const clean = bytesPerRequest(report);
  const leak = await leaky(leakRequests, context.seed);
  return {
    figure: `max − mean ${spread.toFixed(1)} MB after ${report.verified} requests; ${clean.toFixed(0)} bytes a request, and ${leak.toFixed(0)} with a leak of 1 KB for two of three`,
    pass: spread < 30 && leak - clean > LEAK,
  };
}

async function cancels(context, requests) {
  const { cancelled, reset, left, pending, ended } = await soak(context, requests);
  return {
    figure: `${cancelled} calls cancelled, ${reset + left} connections cut: ${pending} pending at the end`,
    pass: pending === 0 && !ended && cancelled > 0,
    note: ended ? `the server ended: ${ended}` : "",
  };
}

async function answers(context, requests) {
  const { verified, mixed, failed, faults, seconds, ended } = await soak(context, requests);
  const rate = verified / seconds;
  return {
    figure: `${verified} answers at 200 connections: ${mixed.length} mixed, ${failed} failed without reason`,
    pass: mixed.length === 0 && failed === 0 && !ended,
    note: `${rate.toFixed(0)} a second: 7 hours are ${((rate * 25_200) / 1e6).toFixed(0)} M answers${faults.length > 0 ? `; ${faults[0]}` : ""}`,
  };
}

const line = (id, title, bar, quick, full = quick) => ({
  id,
  title,
  bar,
  quick: context => quick(context, QUICK, QUICK),
  full: context => full(context, FULL, 50_000),
});

export const LINES = [
  line("S4", "Growth over mixed valid requests", "max − mean < 30 MB; a leak of 1 KB a request is found", growth),
  line("S14", "Cancels at random instants", "0 pending at the end", cancels),
  line("S20", "Soak: mixed answers, deaths, unexplained errors", "0", answers),
];
