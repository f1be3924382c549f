// The fault of a merge whose sources are all left out: a sentence for each of them, by name.
import { expect, test } from "vitest";
import type { AnyStep } from "#contract/plan.js";
import { nothingLeft } from "#runtime/engine/schedule/open-choices.js";
import { at } from "../../server/served-plan.js";

const step = (op: string, params: object, ports: readonly string[]) =>
  ({
    ...{ id: "m", op, label: "merged", params, outputs: [] },
    inputs: Object.fromEntries(ports.map(port => [port, [at(port, "item")]])),
  }) as unknown as AnyStep;

test.each([
  [
    "merge",
    step("mergeCandidates", { sources: [{ name: "near" }, { name: "popular" }] }, ["input", "source2"]),
    ["near", "popular"],
  ],
  ["step whose parts have no names", step("clip", {}, ["input", "source2"]), ["input", "source2"]],
])("names each source of a %s, with its reason as a part of the sentence", (_, merge, [first, second]) => {
  const reasons = new Map([
    ["input", "not done within 1.5 ms"],
    ["source2", "index v1.2 is missing. Build it!"],
  ]);
  expect(nothingLeft(merge, reasons)).toMatchObject({
    code: "UNAVAILABLE",
    message: `step \`merged\` (${merge.op}): all sources are left out. \`${first}\`: not done within 1.5 ms; \`${second}\`: index v1.2 is missing. Build it.`,
  });
});
