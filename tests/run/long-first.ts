/** Files that take longest start first, so that no worker ends alone with one. The other files follow in vitest's order, which is by size. */
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { ROOT } from "./graph.mjs";
import { LONG } from "./long-files.mjs";

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = LONG.indexOf(relative(ROOT, moduleId));
  return place < 0 ? LONG.length : place;
};

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
