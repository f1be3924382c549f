/**
 * The subcommands of `merlon`, in the order in which `--help` lists them.
 */
import { Command } from "commander";
import { bloomCommand } from "./bloom.js";
import { buildCommand } from "./build.js";
import { candidatesCommand } from "./candidates.js";
import { checkCommand } from "./check.js";
import { clientCommand } from "./client.js";
import { completionCommand } from "./completion.js";
import { diffCommand } from "./diff.js";
import { doctorCommand } from "./doctor.js";
import { embeddingCommand } from "./embedding.js";
import { evaluateCommand } from "./evaluate.js";
import { experimentCommand } from "./experiment.js";
import { explainCommand } from "./explain.js";
import { feastCommand } from "./feast.js";
import { feedbackCommand } from "./feedback.js";
import { fitCommand } from "./fit.js";
import { importCommand } from "./import.js";
import { indexCommand } from "./index-build.js";
import { migrateCommand } from "./migrate.js";
import { predictCommand } from "./predict.js";
import { recordCommand } from "./record.js";
import { serve, serveHelp } from "./serve.js";
import { stampCommand } from "./stamp.js";
import { statsCommand } from "./stats.js";
import { transformCommand } from "./transform.js";
import { tscCommand } from "./tsc.js";
import { typegenCommand } from "./typegen.js";
import { vectorsCommand } from "./vectors.js";
import { verifyCommand } from "./verify.js";

export const commands = (): readonly Command[] => [
  checkCommand(),
  buildCommand(),
  explainCommand(),
  typegenCommand(),
  tscCommand(),
  migrateCommand(),
  fitCommand(),
  transformCommand(),
  verifyCommand(),
  importCommand(),
  statsCommand(),
  predictCommand(),
  stampCommand(),
  indexCommand(),
  embeddingCommand(),
  bloomCommand(),
  candidatesCommand(),
  vectorsCommand(),
  feastCommand(),
  feedbackCommand(),
  experimentCommand(),
  serveCommand(),
  recordCommand(),
  diffCommand(),
  evaluateCommand(),
  clientCommand(),
  doctorCommand(),
  completionCommand(),
];

/** An entry for the list of commands; `main` takes its words before commander does. */
const serveCommand = (): Command => {
  const command = new Command("serve")
    .description("Serve model repositories with Triton's protocol")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action((_, self: Command) => serve(self.args));
  command.helpInformation = serveHelp;
  return command;
};
