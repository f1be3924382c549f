// `npm run demo`: from nothing to a served recommender, then sends it requests. `--serve` keeps the server up, `--lab` makes the tables the
// models are trained on, `--update` writes the artefacts that are checked in.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { codeDigest, LAB_STAGES, MERLON, prepareWork, ROOT, runStage, SHOP, STAGES, WORK } from "./demo/stages.mjs";
import { bold, cyan, dim, heading, say, step } from "./demo/terminal.mjs";
import { setup } from "./setup.mjs";

const HELP = `npm run demo              build the example, serve it, ask it for three customers and a batch
npm run demo -- --serve   the same, and keep the server up
npm run demo -- --lab     make the tables and schemas that lab/ trains the models from
npm run demo -- --update  write features/, etl/ and index/ of the example and model-repo/ anew (checked in)
`;

async function main() {
  const { values } = parseArgs({
    options: {
      serve: { type: "boolean" },
      lab: { type: "boolean" },
      update: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return process.stdout.write(HELP);
  await setup();
  const started = performance.now();
  prepareWork();
  heading("From events to a model repository");
  const code = codeDigest();
  for (const stage of values.lab ? LAB_STAGES : STAGES) await step(stage.title, () => runStage(stage, code));
  if (values.lab)
    return say(
      `\nTrain with\n  ${cyan("python -m merlon_lab.shop --work examples/shop/.work --out examples/shop/models")}   ${dim("(see lab/README.md)")}`,
    );
  if (values.update) return update();
  await ask(started, values.serve === true);
}

async function ask(started, keep) {
  const { openShop } = await import("./demo/shop-window.mjs");
  const { serve } = await import("../dist/runtime/server/index.js");
  const local = { address: "127.0.0.1", port: 0 };
  let server;
  await step("Serve it", async () => {
    server = await serve({
      modelRepositories: [join(WORK, "model-repo")],
      http: local,
      grpc: local,
      metrics: local,
      log: { info: false },
      writeLog: text => process.stderr.write(text),
    });
    return { note: `HTTP ${server.ports.http}, gRPC ${server.ports.grpc}, metrics ${server.ports.metrics}` };
  });
  try {
    const shop = await openShop(`http://127.0.0.1:${server.ports.http}`);
    await shop.showCustomers();
    await shop.showBatch();
    await shop.showTimings();
    say(`\n${bold(`Done in ${((performance.now() - started) / 1000).toFixed(1)} s.`)}`);
    if (!keep)
      return say(dim("`npm run demo -- --serve` keeps the server up for curl, tritonclient or perf_analyzer."));
    shop.showCommands(server.ports);
    say(`\n${dim("Ctrl-C stops the server.")}`);
    await new Promise(resolve => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  } finally {
    await server.stop();
  }
}

function update() {
  for (const name of ["features", "etl", "index"]) {
    rmSync(join(SHOP, name), { recursive: true, force: true });
    cpSync(join(WORK, name), join(SHOP, name), { recursive: true });
  }
  const { status } = spawnSync(
    process.execPath,
    [MERLON, "build", join(SHOP, "recommend.ensemble.ts"), "--out", join(ROOT, "model-repo")],
    { cwd: ROOT, stdio: "inherit" },
  );
  if (status !== 0) throw new Error("`merlon build` did not write model-repo/.");
}

// `npm run demo | head` closes the pipe early; that is not an error.
process.stdout.on("error", error => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await main();
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${error.message}\n`);
  process.exitCode = 1;
}
