/** A transform in little memory: rows that are left over from a filter look up vocabularies which together do not fit. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { inFolder } from "./run-workflow.js";
import { withDuckDB } from "./table-values.js";
import { fittedPlan, workflowPlan } from "./workflow-plan.js";

const NAMES = Array.from({ length: 10 }, (_, i) => `C${i}`);

test("joins with large vocabularies, behind a filter, stay below 150 MB and keep rows in their order", async () => {
  await inFolder(async folder => {
    const at = (name: string) => join(folder, name);
    const columns = NAMES.map(
      (name, i) => `printf('%08x', hash(i * ${2 * i + 3}) % ${i < 5 ? 60_000 : 3000}) AS ${name}`,
    );
    await withDuckDB(query =>
      query(
        `COPY (SELECT i, CASE WHEN i % 9 > 0 THEN i END AS x, ${columns.join(", ")} FROM range(250000) r(i)) TO '${at("data.parquet")}' (FORMAT parquet)`,
      ),
    );
    const plan = workflowPlan(Object.fromEntries([["x", "int64"], ...NAMES.map(name => [name, "string"])]), [
      { op: "dropna" },
      { op: "categorify", columns: NAMES },
    ]);
    await writeFittedWorkflow(at("fitted"), async staging =>
      fittedPlan(plan, (await fitWorkflow(plan, at("data.parquet"), { folder: staging })).states),
    );
    const transform = (out: string, memoryLimit: string) =>
      transformWorkflow(at("fitted"), at("data.parquet"), at(out), { keep: ["i"], memoryLimit, threads: 2 });
    await transform("much.parquet", "4GB");
    await transform("little.parquet", "150MB");
    const { rows } = await withDuckDB(query =>
      query(
        `SELECT count(*)::INTEGER, count(*) FILTER (WHERE this_row IS DISTINCT FROM that_row)::INTEGER, count(*) FILTER (WHERE this_row.i <= this_row.before)::INTEGER
         FROM (SELECT *, lag(i) OVER (ORDER BY file_row_number) AS before FROM read_parquet('${at("much.parquet")}', file_row_number = true)) this_row
         FULL JOIN (SELECT *, lag(i) OVER (ORDER BY file_row_number) AS before FROM read_parquet('${at("little.parquet")}', file_row_number = true)) that_row USING (file_row_number)`,
      ),
    );
    expect(rows).toEqual([[250_000 - Math.ceil(250_000 / 9), 0, 0]]);
  });
});
