/** A recording passes on each client's data, also while it still connects to the server: a socket's buffer is reused a moment later. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { record } from "#runtime/testing/recordings/record.js";

const echo = defineModel({
  inputs: { x: "INT32[256]" },
  outputs: { y: "INT32[256]" },
  answer: ({ inputs }) => ({ y: inputs.x.data }),
});

test("many clients at once from the first moment: each is answered what it sent", async () => {
  await using server = await createTestServer({ models: { echo } });
  for (let round = 0; round < 5; round++) {
    const recording = await record({
      grpc: `grpc://${server.grpc}`,
      out: join(mkdtempSync(join(tmpdir(), "merlon-intact-")), "one.cassette"),
    });
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => connect(`grpc://127.0.0.1:${recording.ports.grpc}`)),
    );
    const answers = clients.map(async (client, i) => {
      const x = new Array<number>(256).fill(1000 * round + i);
      const { y } = await client.infer("echo", { x });
      expect([...(y!.data as Int32Array)]).toEqual(x);
    });
    await Promise.all(answers);
    for (const client of clients) await client.close();
    await recording.stop();
  }
});
