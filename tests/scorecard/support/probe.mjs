/**
 * Preloaded into a measured server: answers questions about its heap and its event loop over IPC.
 */
import { basename } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

let delay;
const questions = {
  /** Collects garbage, so that two readings of memory compare. */
  collect() {
    globalThis.gc();
    globalThis.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heap: heapUsed + external };
  },
  /** Begins to sample the delay of the event loop each millisecond. */
  watchLoop() {
    delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    return {};
  },
  /** Milliseconds that the loop was late since `watchLoop`. */
  loop() {
    const stalls = { p99: delay.percentile(99) / 1e6, p999: delay.percentile(99.9) / 1e6, max: delay.max / 1e6 };
    delay.reset();
    return stalls;
  },
};

// Threads of the server load this module too, and have no channel. The channel of a worker belongs to the server.
if (process.channel && basename(process.argv[1]) === "main.js") {
  process.on("message", ({ question, id }) => process.send({ id, answer: questions[question]() }));
  // The server lives as long as its ports are open, and as the process that measures it.
  process.once("disconnect", () => process.exit(1));
  process.channel.unref();
}
