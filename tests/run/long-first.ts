/** Files that take longest start first, so that no worker ends alone with one. The other files follow in vitest's order, which is by size. */
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { ROOT } from "./graph.mjs";

/** Each takes more than fifteen seconds on two cores; the longest is first. */
export const LONG: readonly string[] = [
  "tests/docs/site.test.ts",
  "tests/runtime/etl/sql/sql-equals-kernel.test.ts",
  "tests/docs/commands.test.ts",
  "tests/conformance/conformance.test.ts",
  "tests/compiler/editor/foreign.test.ts",
  "tests/runtime/etl/import/import-nvtabular-random.test.ts",
  "tests/runtime/etl/spark/spark.test.ts",
  "tests/runtime/etl/feedback/join-on-spark.test.ts",
  "tests/runtime/etl/nvtabular.test.ts",
  "tests/docs/playground.test.ts",
  "tests/runtime/server/peers/as-direct.test.ts",
  "tests/runtime/etl/import/import-nvtabular.test.ts",
  "tests/runtime/etl/delta/compact-killed.test.ts",
  "tests/lab/served.test.ts",
  "tests/mistakes/mistakes.test.ts",
  "tests/compiler/samples.test.ts",
  "tests/compiler/2-check/types-agree.test.ts",
  "tests/cli/check-command.test.ts",
  "tests/compiler/migrate/migrate.test.ts",
  "tests/walls/stores.test.ts",
  "tests/walls/grpc-cost.test.ts",
  "tests/runtime/server/workers/deaths.test.ts",
  "tests/compiler/editor/editor.test.ts",
  "tests/reference/reference.test.ts",
  "tests/cli/watch-terminal.test.ts",
  "tests/walls/manifest.test.ts",
  "tests/compiler/typegen/typegen.test.ts",
  "tests/docs/own-models.test.ts",
  "tests/walls/http-cost.test.ts",
  "tests/clients/clients.test.ts",
  "tests/runtime/stores/feast/feast-changes.test.ts",
  "tests/conformance/repository/lifecycle.test.ts",
  "tests/examples/shop/demo.test.ts",
  "tests/runtime/etl/resume.test.ts",
  "tests/conformance/repository/configs.test.ts",
  "tests/walls/faiss-sanitized.test.ts",
  "tests/walls/faiss-file.test.ts",
  "tests/cli/ui/page.test.ts",
  "tests/cli/etl.test.ts",
];

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = LONG.indexOf(relative(ROOT, moduleId));
  return place < 0 ? LONG.length : place;
};

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
