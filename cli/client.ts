/** `merlon client COMMAND`: a client of any server that speaks KServe v2, for the terminal. */
import { Command } from "commander";
import { benchCommand } from "./client/bench.js";
import { describeCommand } from "./client/describe.js";
import { inferCommand } from "./client/infer.js";
import { indexCommand, loadCommand, statusCommand, unloadCommand } from "./client/models.js";
import { statsCommand } from "./client/stats.js";
import { streamCommand } from "./client/stream.js";

export const clientCommand = (): Command => {
  const command = new Command("client")
    .description("query a server (Triton, Merlon, MLServer, KServe): status, models, requests, statistics, load")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon client status
  $ merlon client describe recommend
  $ merlon client infer recommend user_id=7 --param seed=1
  $ merlon client infer recommend --template > request.json
  $ merlon client infer recommend --data @request.json --url http://localhost:8000
  $ merlon client bench recommend user_id=7 --concurrency 1,2,4,8 --html bench.html`,
    );
  for (const one of [
    statusCommand(),
    indexCommand(),
    describeCommand(),
    inferCommand(),
    streamCommand(),
    loadCommand(),
    unloadCommand(),
    statsCommand(),
    benchCommand(),
  ])
    command.addCommand(one);
  return command;
};
