/**
 * The child process of `meter.ts`: one server on loopback, and the figures that only the process itself has.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { serve } from "#runtime/server/index.js";

const TICK_MS = 5;
const { repository, options } = JSON.parse(process.argv[2]);
const loopback = { port: 0, address: "127.0.0.1" };
const server = await serve({
  ...{ modelRepositories: [repository], http: loopback, grpc: loopback, metrics: loopback },
  ...{ recentRequests: false, writeLog() {} },
  ...options,
});

/**
 * A stretch is the time between two ticks, or less if the process had less CPU time, since a loaded machine may not run it.
 */
let stretches = [];
let last = { wall: performance.now(), cpu: process.cpuUsage() };
setInterval(() => {
  const now = { wall: performance.now(), cpu: process.cpuUsage() };
  const cpu = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1000;
  stretches.push(Math.min(now.wall - last.wall - TICK_MS, cpu));
  last = now;
}, TICK_MS).unref();
const delay = monitorEventLoopDelay({ resolution: TICK_MS });
delay.enable();
const isFull = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
let collections = 0;
const count = entries => {
  collections += entries.filter(isFull).length;
};
const collected = new PerformanceObserver(list => count(list.getEntries()));
collected.observe({ entryTypes: ["gc"] });

const answers = {
  begin() {
    globalThis.gc?.();
    stretches = [];
    last = { wall: performance.now(), cpu: process.cpuUsage() };
    delay.reset();
    collected.takeRecords();
    collections = 0;
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000 };
  },
  end() {
    const { user, system } = process.cpuUsage();
    count(collected.takeRecords());
    const sorted = stretches.toSorted((a, b) => b - a);
    return {
      cpuMs: (user + system) / 1000,
      stallMs: Math.max(0, sorted[0] ?? 0),
      stall999Ms: Math.max(0, sorted[Math.floor(sorted.length / 1000)] ?? 0),
      delayMs: delay.max / 1e6,
      collections,
    };
  },
  collect() {
    globalThis.gc?.();
    return {};
  },
  async stop() {
    await server.stop();
    process.disconnect();
    return {};
  },
};
// Also where the tests were killed.
process.once("disconnect", () => process.exit());
process.on("message", async ({ id, ask }) => {
  const answer = await answers[ask]();
  if (process.connected) process.send({ id, answer });
});
process.send({ ports: server.ports });
