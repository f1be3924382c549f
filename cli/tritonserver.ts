#!/usr/bin/env node
/**
 * The `tritonserver` command.
 */
import { load } from "./bundled.js";

async function run(): Promise<void> {
  const command = await load("tritonserver", "./tritonserver/command.js");
  await (command as typeof import("./tritonserver/command.js")).tritonserver();
}

// Not awaited: the bundle converts it to CommonJS, which has no top-level await.
run().catch(error => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
