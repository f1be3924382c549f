// The shop and the samples, lowered to ONNX in both forms and served beside the executor: the same answers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canBatch } from "#compiler/5-emit/configs.js";
import { requestOf } from "../../../runtime/server/sample-request.js";
import { tensor } from "../../../runtime/server/served-plan.js";
import { compiledProgram, expectAlike, type Program, type Served, STOCK, serveForms } from "./both-servers.js";
import { refusalOf, SAMPLE_NAMES, SHOP, sampleProgram, withoutTheRefused } from "./sample-programs.js";

const CLASH = /answers `\w+`, .* another column of that name[\s\S]*Rename the answer/;

const users = (...ids: number[]) => [tensor("user_id", "int64", [ids.length, 1], ids.map(BigInt))];

describe("the shop, greedy", () => {
  let served: Served;
  beforeAll(async () => {
    const program = await compiledProgram(SHOP);
    served = await serveForms([withoutTheRefused(program)]);
  }, 60_000);
  afterAll(() => served.stop());

  test.each([
    ["one user", [512300022]],
    ["a batch, a stranger among them", [512300022, 512300042, 1, 512300091]],
    ["a large batch", Array.from({ length: 64 }, (_, i) => 512300022 + i)],
  ])("answers the same: %s", async (_, ids) => {
    const [executor, steps, fused] = await Promise.all(
      (["executor", "steps", "fused"] as const).map(form => served.ask(form, "recommend", users(...ids))),
    );
    expectAlike(fused!, executor!, "fused");
    expectAlike(steps!, executor!, "steps");
    for (const form of STOCK)
      expectAlike(await served.askStock(form, "recommend", users(...ids)), executor!, `${form}, stock`);
  });
});

describe("the samples", () => {
  /** Operators that are not lowered, and the reasons. */
  const REFUSED: Readonly<Record<string, RegExp>> = {
    "ensemble-branches": /`unseen\.filterCandidates` .* Bloom filters in `seen` are base64 texts.*\n.*list<int64>/,
    "ensemble-changes-rows": CLASH,
    "ensemble-arms": /found\.split.* names its arm in a parameter/,
    "ensemble-exploration": /tried\.thompsonSampling.* integral/,
    "ensemble-fallback": /takes another branch when one fails/,
    "ensemble-feast-many":
      /newest value of view `item_features` .* older than its ttl of 86400 s[\s\S]*merlon feast materialize/,
    "ensemble-remove-inputs": CLASH,
    "ensemble-session": /viewed\.recent.* sorts lists of any length/,
    "ensemble-sources": /similar\.lookupCandidates.* the lists of all keys of `seen`/,
    "ensemble-subgraph": CLASH,
    "ensemble-where": /found\.queryFaiss.* may change while it is served/,
  };
  test("each answers as the executor does, or is refused with a reason and a way out", async () => {
    const programs: Program[] = [];
    const refusals: [string, string][] = [];
    for (const name of SAMPLE_NAMES) {
      const program = await sampleProgram(name);
      const refusal = refusalOf(program);
      refusals.push([name, refusal]);
      const simple = withoutTheRefused(program);
      if (refusalOf(simple) === "" && !programs.some(p => p.plan.name === simple.plan.name)) programs.push(simple);
    }
    expect(refusals).toEqual(
      SAMPLE_NAMES.map(name => [name, REFUSED[name] ? expect.stringMatching(REFUSED[name]) : ""]),
    );
    expect(programs.length).toBeGreaterThan(SAMPLE_NAMES.length / 2);
    const served = await serveForms(programs);
    try {
      for (const { plan } of programs)
        for (const rows of [1, 3]) {
          const tensors = requestOf(plan, canBatch(plan), rows);
          const executor = await served.ask("executor", plan.name, tensors);
          expectAlike(await served.ask("fused", plan.name, tensors), executor, [plan.name, "fused", rows]);
          expectAlike(await served.ask("steps", plan.name, tensors), executor, [plan.name, "steps", rows]);
          for (const form of STOCK)
            expectAlike(await served.askStock(form, plan.name, tensors), executor, [plan.name, form, rows, "stock"]);
        }
    } finally {
      await served.stop();
    }
  }, 300_000);
});
