// `merlon diff` between the executor's repository and the one for a stock Triton: what a person runs before it ships.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build } from "#compiler/index.js";
import { connect } from "#runtime/client/index.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { createTestServer } from "#runtime/testing/index.js";
import { diff } from "#runtime/testing/recordings/diff.js";
import { openDiffTarget } from "#runtime/testing/recordings/diff-target.js";
import { record } from "#runtime/testing/recordings/record.js";
import { readCassette } from "../../../runtime/testing/recordings/read-cassette.js";
import { compiledProgram } from "./both-servers.js";
import { SHOP, withoutTheRefused } from "./sample-programs.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-triton-diff-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a recording has the same answers from the executor, a graph per step and one graph", async () => {
  const program = withoutTheRefused(await compiledProgram(SHOP));
  const repository = (form: string) => join(folder, form);
  build(program, repository("executor"));
  build(program, repository("steps"), { triton: { freeze: freezeFeatures } });
  build(program, repository("fused"), { triton: { freeze: freezeFeatures, fuse: true } });
  const out = join(folder, "asked.cassette");
  {
    await using server = await createTestServer(repository("executor"));
    const recording = await record({ grpc: `grpc://${server.grpc}`, out });
    await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
    await client.infer("recommend", { user_id: [[512300022n], [512300042n], [1n]] });
    await recording.stop();
  }
  const { exchanges } = await readCassette(out);
  for (const form of ["steps", "fused"]) {
    const [a, b] = [await openDiffTarget(repository("executor")), await openDiffTarget(repository(form))];
    try {
      const measure = { kind: "tolerance", relative: 1e-5, absolute: 0 } as const;
      const results = await diff(exchanges, [a, b], measure);
      expect([form, results.map(({ differences }) => differences)]).toEqual([form, [[]]]);
      // Bits may differ, and are then reported: the comparison reads the scores.
      expect(results).toHaveLength(1);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  }
}, 120_000);
