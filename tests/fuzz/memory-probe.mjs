/** Preloaded into the fuzzed server: collects garbage and reports its memory, on IPC messages. */
process.on("message", () => {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ rss, heap: heapUsed + external });
});
// The server lives as long as its ports are open, and no longer.
process.channel.unref();
