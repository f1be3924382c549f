// Kernels hold native memory, connections and threads: each that was prepared is closed, once, whatever happens to the others.
import fc from "fast-check";
import { expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import type { PrepareStep } from "#runtime/engine/schedule/kernel.js";
import { preparePlanWith } from "#runtime/engine/schedule/prepare-plan.js";
import { noModels } from "../../../operators/step.js";

const x = column("x", "float32");

/** A chain of steps, some cached. */
const chain = (cached: readonly boolean[], kind: Plan["kind"] = "ensemble", schema: ColumnSchema = x): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind,
      name: "p",
      inputs: [x],
      steps: cached.map((isCached, i) => ({
        id: `s${i}`,
        label: `s${i}`,
        op: "clip",
        params: { max: 1 },
        inputs: { input: [{ name: "x", step: i === 0 ? "request" : `s${i - 1}`, column: "x" }] },
        outputs: [x],
        ...(isCached && { cache: { ttlSeconds: 60, maxRows: 5 } }),
      })),
      outputs: [{ ref: { name: "x", step: `s${cached.length - 1}`, column: "x" }, schema }],
    }),
    "plan.json",
  );

interface Life {
  readonly prepared: string[];
  readonly closed: string[];
}
/** Kernels that pass their column on. @param fails a step that cannot be prepared @param sticks those that cannot be closed */
function kernels(fails: string | undefined, sticks: readonly string[]): Life & { readonly prepare: PrepareStep } {
  const [prepared, closed]: string[][] = [[], []];
  const prepare: PrepareStep = async ({ id }) => {
    if (id === fails) throw new Error(`${id} has no file`);
    prepared!.push(id);
    return {
      run: ({ input }) => [input![0]!],
      close: () => {
        closed!.push(id);
        if (sticks.includes(id)) throw new Error(`${id} sticks`);
      },
    };
  };
  return { prepared: prepared!, closed: closed!, prepare };
}

const plans = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 });
const names = fc.array(
  fc.nat({ max: 5 }).map(i => `s${i}`),
  { maxLength: 3 },
);

test("a step that cannot be prepared: those before it are closed, and the fault is its own", async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(), names, async (cached, nth, sticks) => {
      const at = nth % cached.length;
      const { prepare, prepared, closed } = kernels(`s${at}`, sticks);
      await expect(
        preparePlanWith(prepare, fittedPlan(chain(cached)), { folder: ".", models: noModels }),
      ).rejects.toThrow(`step \`s${at}\` (clip): s${at} has no file`);
      expect(prepared).toEqual(cached.slice(0, at).map((_, i) => `s${i}`));
      expect(closed.toSorted()).toEqual(prepared);
    }),
  );
});
