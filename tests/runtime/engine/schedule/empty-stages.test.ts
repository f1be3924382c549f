/** Stages that lack a source's candidates, a join's matches or all rows in every run of a minute. */
import { describe, expect, it } from "vitest";
import { watchEmptyStages } from "#runtime/engine/schedule/empty-stages.js";
import { createCounters } from "#runtime/engine/schedule/stage-counters.js";

const source = (name: string) => ({ port: name, name, found: 0, kept: 0, unscored: 0, leftOut: 0 });

function watched() {
  const stage = createCounters({ label: "merge", op: "mergeCandidates" } as never);
  const parts = [source("popular"), source("similar")];
  const joins = [{ name: "books", rows: 0, matched: 0 }];
  Object.assign(stage, { parts, joins });
  const said: string[] = [];
  const look = watchEmptyStages([stage], text => said.push(text));
  const run = (times: number, popular: number, matched: number, out = 5): void => {
    stage.runs += times;
    stage.rowsIn += 10 * times;
    stage.rowsOut += out * times;
    parts[0]!.found += popular * times;
    parts[1]!.found += 3 * times;
    joins[0]!.rows += 10 * times;
    joins[0]!.matched += matched * times;
  };
  return { stage, said, look, run };
}

describe("stages without an effect", () => {
  it("are said once, stay a state while they last, and end", () => {
    const { stage, said, look, run } = watched();
    run(20, 0, 0);
    look();
    run(30, 0, 4);
    look();
    expect(said).toEqual([
      "step `merge`: its source `popular` contributed no candidate, in all of the last 20 runs",
      "step `merge`: `books` matched no row, in all of the last 20 runs",
    ]);
    expect(stage.empty).toEqual(["its source `popular` contributed no candidate"]);
    run(10, 1, 4);
    look();
    expect(stage.empty).toEqual([]);
    run(10, 0, 4);
    look();
    expect(said).toHaveLength(3);
  });

  it("that drop all rows are named, and those that read none are not", () => {
    const { stage, said, look, run } = watched();
    run(10, 1, 1, 0);
    look();
    expect(said).toEqual(["step `merge`: made no row of those that it read, in all of the last 10 runs"]);
    stage.runs += 10;
    look();
    // Its sources and joins had no input either, and the sources are known to have run.
    expect(stage.empty).not.toContain("made no row of those that it read");
  });
});
