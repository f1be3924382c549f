/** Bytes that are not UTF-8, sent over the wire into a workflow's columns of strings: refused by name, never read as another value. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { writeWorkflowModel } from "#compiler/5-emit/merlon/workflow-model.js";
import { connect } from "#runtime/client/index.js";
import { serve } from "#runtime/server/index.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { workflowPlan } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

const LATIN1 = Uint8Array.of(0x63, 0x61, 0x66, 0xe9);

test.each(["http", "grpc"] as const)("%s", async scheme => {
  await inFolder(async folder => {
    const plan = workflowPlan({ s: "string", tags: "list<string>" }, [{ op: "categorify" }]);
    await fitCells(folder, plan, { s: ["café", "caf\ufffd", "caf\ufffd"], tags: [["a"], ["b", "\ufffd"], []] });
    const repository = join(folder, "repository");
    mkdirSync(repository);
    writeWorkflowModel(join(folder, "fitted"), repository, { name: "ids" });
    const here = { address: "127.0.0.1", port: 0 };
    const server = await serve({
      modelRepositories: [repository],
      http: here,
      grpc: here,
      metrics: false,
      writeLog: () => {},
    });
    const client = await connect(`${scheme}://127.0.0.1:${server.ports[scheme]}`);
    try {
      const ask = async (s: (string | Uint8Array)[], tags: (string | Uint8Array)[]) => {
        const offsets = Int32Array.of(0, tags.length, ...s.slice(1).map(() => tags.length));
        const found = await client.infer("ids", { s, tags__values: tags, tags__offsets: offsets });
        return [found.s__values ?? found.s!, found.tags__values!].map(tensor =>
          Array.from(tensor.data as never, Number),
        );
      };
      // The replacement character is a value like any other.
      expect(await ask(["café", "caf\ufffd", "x"], ["\ufffd"])).toEqual([[4, 3, 2], [5]]);
      await expect(ask(["café", LATIN1], ["a"])).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/input 's(__values)?': element 1 is not UTF-8 text/),
      });
      await expect(ask(["café"], ["a", "\ufffd", LATIN1])).rejects.toThrow(
        /input 'tags__values': element 2 is not UTF-8 text/,
      );
    } finally {
      await client.close();
      await server.stop();
    }
  });
});
