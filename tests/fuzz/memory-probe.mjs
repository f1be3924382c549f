/** Preloaded into the fuzzed server: collects what is garbage and tells its memory, when asked over IPC. */
process.on("message", () => {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ rss, heap: heapUsed + external });
});
// The server lives as long as its ports are open, and no longer.
process.channel.unref();
