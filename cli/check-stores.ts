/** `merlon build --check-stores`: compares the vector databases of a program with their files, before a repository is written. */
import { basename, dirname, join, relative } from "node:path";
import { expandFused } from "../contract/expand-fused.js";
import type { Plan } from "../contract/plan.js";
import { databaseOf } from "../contract/step-facts.js";
import { readVectorStore } from "../formats/vectors/vector-store.js";
import { openVectorDatabase } from "../runtime/stores/databases/open-database.js";

/**
 * @param program file whose folder the paths of stores begin from
 * @returns a note for each store
 * @throws Error with a sentence for each store that is away, missing, or of another form, and the command that fills it
 */
export async function checkStores(plan: Plan, program: string): Promise<readonly string[]> {
  const paths = expandFused(plan).steps.flatMap(step => databaseOf(step) ?? []);
  const notes: string[] = [];
  const faults: string[] = [];
  for (const path of new Set(paths)) {
    const file = join(dirname(program), path);
    const load = `merlon vectors load ${relative(process.cwd(), file) || file} --from items.parquet`;
    try {
      const store = readVectorStore(file);
      const database = await openVectorDatabase(store, basename(file));
      try {
        const { server, count } = await database.info();
        const empty = count === 0 ? `. Fill it: ${load}` : "";
        notes.push(`${path} matches its database: ${count.toLocaleString("en-US")} vectors, ${server}${empty}`);
      } finally {
        await database.close();
      }
    } catch (error) {
      faults.push(`${(error as Error).message}\n  ${load}`);
    }
  }
  if (faults.length > 0) throw new Error(`stores differ from the program:\n${faults.join("\n")}`);
  return notes;
}
