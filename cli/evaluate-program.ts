/** A program, or a built model → the candidate that `merlon evaluate` replays. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "../contract/files/temporary-folder.js";
import { wantsColor } from "../contract/wants-color.js";
import { type Candidate, openCandidate } from "../runtime/evaluation/open-candidate.js";

/**
 * Builds a program into a temporary folder, opens the candidate, and closes it after `work`.
 * @param ensemble a program, or the folder of a model in a repository
 * @param served folders of the models that wrote the log
 * @returns undefined if the program does not compile, which has been reported
 */
export async function withCandidate<T>(
  ensemble: string,
  served: readonly string[],
  work: (candidate: Candidate) => Promise<T>,
): Promise<T | undefined> {
  if (statSync(ensemble, { throwIfNoEntry: false })?.isDirectory())
    return run(await openCandidate(ensemble, served), work);
  const { build, compile, printDiagnostics } = await import("../compiler/index.js");
  const compiled = await compile(ensemble);
  process.stderr.write(printDiagnostics(compiled.diagnostics, { color: wantsColor(process.stderr) }));
  if (!compiled.ok) {
    process.exitCode = 1;
    return undefined;
  }
  if (compiled.plan.kind === "workflow")
    throw new Error(`${ensemble} is a workflow, and shows nothing. Give an ensemble.`);
  const folder = new TemporaryFolder("evaluate");
  try {
    const { models } = build(compiled, join(folder.path, "repository"));
    return await run(await openCandidate(join(folder.path, "repository", models[0]!.name), served), work);
  } finally {
    await folder.dispose();
  }
}

async function run<T>(candidate: Candidate, work: (candidate: Candidate) => Promise<T>): Promise<T> {
  try {
    return await work(candidate);
  } finally {
    await candidate.close();
  }
}
