/** Fitted workflows in the folders around a program, for messages. */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plan } from "../../contract/plan.js";
import { readWorkflow, WORKFLOW_FILE } from "../../formats/folders/workflow.js";

const DEPTH = 3;
/** Folders that are looked into: a program may lie at the top of a disk. */
const MOST = 300;

/**
 * @param folder the program's
 * @returns the fitted workflow below it that makes all these columns, and the fewest others; its path as the program would write it
 */
export function workflowMaking(folder: string, columns: readonly string[]): string | undefined {
  let level = [folder];
  let looked = 0;
  let best: { readonly folder: string; readonly columns: number } | undefined;
  for (let depth = 0; depth <= DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const at of level) {
      if (looked++ === MOST) return best && relative(folder, best.folder);
      const made = columnsMade(at, columns);
      if (made !== undefined && made < (best?.columns ?? Number.POSITIVE_INFINITY))
        best = { folder: at, columns: made };
      next.push(...foldersIn(at));
    }
    level = next;
  }
  return best && relative(folder, best.folder);
}

/** How many columns a workflow makes; undefined where these are not among them. */
function columnsMade(folder: string, columns: readonly string[]): number | undefined {
  if (!existsSync(join(folder, WORKFLOW_FILE))) return undefined;
  let plan: Plan;
  try {
    plan = readWorkflow(folder);
  } catch {
    return undefined;
  }
  const made = new Set(plan.outputs.map(({ schema }) => schema.name));
  return columns.every(name => made.has(name)) ? made.size : undefined;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map(({ name }) => join(folder, name))
      .sort();
  } catch {
    return [];
  }
}
