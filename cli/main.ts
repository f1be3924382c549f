#!/usr/bin/env node
/**
 * The `merlon` command. A server starts without the compiler and the other commands.
 */
import { load } from "./bundled.js";
import { heapWarning } from "./heap.js";
import { takeNoColor } from "./no-color.js";

async function run(): Promise<void> {
  process.argv = takeNoColor(process.argv, process.env);
  const warning = heapWarning(process.argv[2]);
  if (warning !== undefined) process.stderr.write(`${warning}\n`);
  if (process.argv[2] === "serve") {
    const { serve } = (await load("serve", "./serve.js")) as typeof import("./serve.js");
    await serve(process.argv.slice(3));
  } else {
    const { main } = (await load("program", "./program.js")) as typeof import("./program.js");
    await main();
  }
}

// Not awaited: the bundle converts it to CommonJS, which has no top-level await.
run().catch(error => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
