/**
 * Lines about cost, attackers and leftovers: the fuzzer of cost, and twenty good clients beside each attack.
 */

import { perKb } from "../../fuzz/cost/budget.mjs";
import { describe, fuzzCost } from "../../fuzz/cost.mjs";
import { BARS, measureNeighbours } from "../support/neighbours.mjs";

/**
 * Twice the longest stretch for which a request may block the event loop. On two cores that the attackers share, lower latencies cannot be
 * distinguished from noise.
 */
const NOISE_MS = 50;

/** All attacks run once for all lines; on the quick tier, which may share its machine, those that hurt run again, twice at most. */
const RETRIES = 2;
const once = new WeakMap();
function neighbours(context) {
  if (!once.has(context)) once.set(context, measureAll(context));
  return once.get(context);
}

async function measureAll({ isFull, progress }) {
  const measure = ids =>
    measureNeighbours({
      ids,
      seconds: 2,
      isWhole: isFull,
      onResult: ({ id }) => progress(`attack ${id}`),
    });
  const results = new Map((await measure()).map(one => [one.id, one]));
  for (let times = isFull ? 0 : RETRIES; times > 0; times--) {
    const bad = [...results.values()].filter(one => isHurt(one, false) || isLeft(one) || isLarge(one));
    // Many that hurt are not the machine's doing.
    if (bad.length === 0 || bad.length > 5) break;
    for (const one of await measure(bad.map(({ id }) => id))) results.set(one.id, one);
  }
  return [...results.values()];
}

const isHurt = ({ during, ratio, ended, wrong, failed }, isFull) =>
  ended || wrong > 0 || failed > 0 || (ratio > BARS.latency && (isFull || during > NOISE_MS));
/** Bars of S19 and S6. */
const [PEAK_MB, HTTP2_MB] = [600, 50];
const isLarge = ({ id, tags, grownMb, afterMb }) =>
  (isUnread(id) && grownMb > PEAK_MB) || (tags.includes("http2") && afterMb > HTTP2_MB);
const isUnread = id => id === "http2-zero-window" || id === "http-unread";
const isLeft = ({ afterMb, ended }) => ended || !(afterMb <= BARS.returnsMb);

/** The full tier alone measures in rounds. */
const describeRounds = ({ spread: [least, most], rounds, voided, stolen, loop, ordinary }) =>
  `, ${rounds} rounds ${least.toFixed(1)}–${most.toFixed(1)}× and ${voided} void, at most ${(100 * stolen).toFixed(1)} % stolen; event loop ${loop.toFixed(1)} ms, beside ordinary clients ${ordinary.toFixed(0)} ms`;

const describeHurt = one =>
  one.ended
    ? `${one.id}: the server ${one.ended}`
    : `${one.id}: ${one.alone.toFixed(1)} → ${one.during.toFixed(0)} ms (${one.ratio.toFixed(1)}×${one.spread ? describeRounds(one) : ""})${one.failed ? `, ${one.failed} failed` : ""}`;

async function latency(context) {
  const all = await neighbours(context);
  const worst = all.reduce((a, b) => (b.ratio > a.ratio ? b : a));
  const hurt = all.filter(one => isHurt(one, context.isFull));
  const shared = all.every(one => one.isPlaced)
    ? []
    : ["server and clients shared their cores: no taskset, or one core"];
  return {
    figure: `${all.length - hurt.length} of ${all.length} attacks; worst ${describeHurt(worst)}`,
    pass: hurt.length === 0,
    note: [...hurt.map(describeHurt), ...shared].join("; "),
  };
}

async function memory(context) {
  const all = await neighbours(context);
  const left = all.filter(isLeft);
  const worst = all.reduce((a, b) => (b.afterMb > a.afterMb ? b : a));
  return {
    figure: `${all.length - left.length} of ${all.length} attacks; worst +${worst.afterMb.toFixed(0)} MB (${worst.id}), peak +${Math.max(...all.map(one => one.grownMb)).toFixed(0)} MB`,
    pass: left.length === 0,
    note: left
      .map(({ id, afterMb, ended }) => `${id}: ${ended ? `the server ${ended}` : `+${afterMb.toFixed(0)} MB`}`)
      .join("; "),
  };
}

async function bodies(context) {
  const all = (await neighbours(context)).filter(({ id }) => /^http-(gzip|chunks|deep|empty)|^grpc-/.test(id));
  const left = all.filter(isLeft);
  return {
    figure: `worst +${Math.max(...all.map(({ afterMb }) => afterMb)).toFixed(0)} MB after ${all.length} attacks over a limit`,
    pass: left.length === 0,
    note: left.map(({ id }) => id).join("; "),
  };
}

async function http2(context) {
  const all = (await neighbours(context)).filter(({ tags }) => tags.includes("http2"));
  const counts = await context.tests.count(["tests/runtime/server/transport/http2/floods", "tests/reliability/limits"]);
  const bad = all.filter(one => isHurt(one, context.isFull) || one.afterMb > HTTP2_MB);
  const worst = all.reduce((a, b) => (b.ratio > a.ratio ? b : a));
  return {
    figure: `${counts.passed} of ${counts.total} floods; ${all.length} attacks: worst ${describeHurt(worst)}`,
    pass: bad.length === 0 && counts.failed === 0,
    note: [...bad.map(describeHurt), ...counts.failures].join("; "),
  };
}

async function slowReaders(context) {
  const all = (await neighbours(context)).filter(({ id }) => isUnread(id));
  const counts = await context.tests.count([
    "tests/runtime/server/transport/http2/stalls",
    "tests/runtime/server/transport/stalled-clients",
  ]);
  const peak = Math.max(...all.map(({ grownMb }) => grownMb));
  return {
    figure: `peak +${peak.toFixed(0)} MB with 800 streams and 200 connections that read nothing; ${counts.passed} of ${counts.total} tests of stalls`,
    pass: peak <= PEAK_MB && counts.failed === 0 && all.every(({ ended }) => !ended),
    note: counts.failures.join("; "),
  };
}

async function cost(context, requests, milliseconds) {
  const figures = [];
  const notes = [];
  let pass = true;
  for (const protocol of ["http", "grpc"]) {
    const until = Date.now() + milliseconds;
    const report = await fuzzCost(protocol, { requests, seed: context.seed, until });
    const { cpu, memory: grown } = report.worst;
    const rate = report.sent / report.seconds;
    const ms = cpu ? perKb(cpu, cpu.charged, cpu.requests).ms : 0;
    const mb = grown ? perKb(grown, grown.charged, grown.requests).mb : 0;
    figures.push(
      `${protocol}: ${ms.toFixed(3)} ms/KB, ${(mb * 1024).toFixed(0)} KB/KB (${(cpu?.ratio ?? 0).toFixed(1)}× and ${(grown?.ratio ?? 0).toFixed(1)}× the budget) in ${report.sent}, ${report.alone} of them alone`,
    );
    notes.push(`${protocol}: ${rate.toFixed(0)} a second, 1 M take ${(1e6 / rate / 60).toFixed(0)} minutes`);
    if (report.violations.length > 0)
      notes.push(
        `${report.violations.length} kinds over it, as ${describe(report.violations[0], report.violations[0].kind)}`,
      );
    if (report.ended) notes.push(`the server ended: ${report.ended}`);
    pass &&= report.violations.length === 0 && !report.ended && report.unanswered === 0;
  }
  return { figure: figures.join("; "), pass, note: notes.join("; ") };
}

const line = (id, title, bar, run) => ({ id, title, bar, quick: run, full: run });
const MINUTE = 60_000;

export const LINES = [
  line("S5", "Growth after attacks over a limit", "≤ +64 MB after 30 s (S28)", bodies),
  line("S6", "HTTP/2 abuse beside good clients", "alive; p99 < 3×; ≤ +50 MB", http2),
  line("S19", "Slow readers", `≤ +${PEAK_MB} MB; cut off ≤ 30 s`, slowReaders),
  {
    id: "S26",
    isTimed: true,
    title: "Cost: worst of a search for costly requests",
    bar: "≤ 0.05 ms/KB + 5 ms; ≤ 16 KB/KB + 1 MB",
    quick: context => cost(context, 2000, MINUTE / 4),
    full: context => cost(context, 1_000_000, 5 * MINUTE),
  },
  line("S27", "Neighbours: p99 of twenty clients beside each attack", `≤ 3× alone (quick: or ${NOISE_MS} ms)`, latency),
  line("S28", "Returns: memory 30 s after each attack", "≤ +64 MB", memory),
];
