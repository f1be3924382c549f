// Fuzzes the server with mutated requests over HTTP and gRPC, and mutated HTTP/2 connections: `npm run fuzz:server`. Ends with 1 if a
// request was not answered, the server died, or a good request was answered wrong. The same is true if memory grew over the second half of a
// protocol's requests.
import { parseArgs } from "node:util";
import { growth } from "./growth.mjs";
import { fuzz } from "./run.mjs";
import { startFuzzed } from "./server.mjs";

const HELP = `usage: npm run fuzz:server -- [options]
  --count N       requests for each protocol (100000)
  --seed N        of the mutations (1)
  --patience MS   an answer may take (1000)
  --only NAME     http, grpc, or frames: whole HTTP/2 connections
example: npm run fuzz:server -- --count 5000 --seed 7`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    patience: { type: "string", default: "1000" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function main() {
  const server = await startFuzzed();
  try {
    const report = await Promise.race([
      fuzz(server, {
        count: Number(values.count),
        seed: Number(values.seed),
        patience: Number(values.patience),
        only: values.only,
        check: server.check,
        onProgress: () => process.stdout.write("."),
      }),
      server.died,
    ]);
    process.stdout.write("\n");
    for (const [protocol, { seeds, sent, statuses, slowest, silent, memory }] of Object.entries(report)) {
      process.stdout.write(
        `${protocol}: ${sent} requests from ${seeds} seeds, ${silent.length} not answered, slowest ${slowest.toFixed(0)} ms; ${JSON.stringify(statuses)}\n`,
      );
      const grown = growth(memory);
      for (const [name, { perRequest, middle, end, leaks }] of Object.entries(grown))
        process.stdout.write(
          `  ${name} ${middle.toFixed(1)} MB half way, ${end.toFixed(1)} at the end: ${perRequest.toFixed(0)} bytes a request${leaks ? ", LEAKS" : ""}\n`,
        );
      for (const one of silent.slice(0, 10)) process.stdout.write(`  ${JSON.stringify(one)}\n`);
      if (silent.length > 0 || grown.heap.leaks || grown.rss.leaks) process.exitCode = 1;
    }
  } finally {
    await server.stop();
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else await main();
