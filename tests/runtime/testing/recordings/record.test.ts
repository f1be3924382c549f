/**
 * Recording with the official client and replaying: the same responses, byte for byte, from Merlon and a real Triton (if `MERLON_TRITON`
 * has nvidia-pytriton). Also invalid cassettes.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { record } from "#runtime/testing/recordings/record.js";
import { startTriton } from "../../../bench/server/processes.mjs";
import { runPython } from "../../../clients/python.js";
import { contractRepository } from "../../client/contract-models.js";
import { startServer } from "../../server/support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-record-"));
const repositoryIn = (name: string): string => {
  mkdirSync(join(folder, name), { recursive: true });
  return contractRepository(join(folder, name));
};
const SCRIPT = "../runtime/testing/recordings/ask_everything.py";

function recorded(name: string, start: () => Promise<{ grpc: number; http: number; stop(): Promise<unknown> }>): void {
  describe(name, () => {
    const cassette = join(folder, `${name}.cassette`);
    let live: unknown;
    beforeAll(async () => {
      const server = await start();
      const warnings: string[] = [];
      const recording = await record({
        grpc: `grpc://127.0.0.1:${server.grpc}`,
        http: `http://127.0.0.1:${server.http}`,
        out: cassette,
        warn: text => warnings.push(text),
      });
      live = await runPython(SCRIPT, [String(recording.ports.grpc), String(recording.ports.http)]);
      await recording.stop();
      await server.stop();
      expect(warnings).toEqual([]);
    }, 120_000);

    test("the file is readable, complete, and without secrets", () => {
      const text = readFileSync(cassette, "utf8");
      expect(text).not.toContain("very-secret");
      // Between the lines are the bytes of the larger tensors.
      const lines = text.split("\n").flatMap(line => (line.startsWith('{"') ? [JSON.parse(line)] : []));
      expect(lines[0]).toMatchObject({ format: "merlon/cassette", version: 2 });
      const exchanges = lines.filter(({ kind }) => kind === "infer");
      expect(exchanges).toHaveLength(8 + 8 + 6 + 2);
      expect(exchanges[0].headers).toMatchObject({ authorization: "<masked>", "x-team": "ranking" });
      expect(exchanges.find(({ model }) => model === "echo_int64").inputs[0]).toEqual({
        name: "INPUT0",
        datatype: "INT64",
        shape: [3],
        data: ["4611686018427387904", -1, 0],
      });
      // Two hundred numbers, a NaN and half floats are in blocks.
      expect(exchanges.find(({ model }) => model === "echo_fp32").inputs[0].bytes).toBeGreaterThan(0);
      expect(exchanges.find(({ model }) => model === "count").answers).toHaveLength(3);
      expect(exchanges.find(({ model }) => model === "fail").error).toMatchObject({ message: "the oven is cold" });
    });

    test("a server that replays it gives the official client the same answers, byte for byte", async () => {
      await using server = await createTestServer({ cassette });
      const [grpcPort, httpPort] = [server.grpc, server.http].map(text => text.split(":").at(-1)!);
      expect(await runPython(SCRIPT, [grpcPort!, httpPort!])).toEqual(live);
    }, 60_000);

    test("it is what `merlon diff` holds a repository to", async () => {
      const { openDiffTarget } = await import("#runtime/testing/recordings/diff-target.js");
      const { diff } = await import("#runtime/testing/recordings/diff.js");
      const { readCassette } = await import("./read-cassette.js");
      const targets = [await openDiffTarget(cassette), await openDiffTarget(repositoryIn(`${name}-again`))] as const;
      const results = await diff((await readCassette(cassette)).exchanges, targets, { kind: "bits" });
      for (const target of targets) await target.close();
      expect(results.flatMap(({ differences }) => differences)).toEqual([]);
    }, 60_000);
  });
}

recorded("Merlon", async () => {
  const server = await startServer(repositoryIn("merlon"));
  return { grpc: server.ports.grpc!, http: server.ports.http!, stop: server.stop };
});
const triton = process.env.MERLON_TRITON;
if (triton) {
  mkdirSync(join(folder, "scratch"));
  recorded("Triton 2.51", () => startTriton(triton, repositoryIn("triton"), join(folder, "scratch")) as never);
} else test("Triton 2.51", ({ skip }) => skip("MERLON_TRITON names no environment with nvidia-pytriton"));

const model = defineModel({
  inputs: { x: "FP32[2]" },
  outputs: { y: "FP32[2]" },
  answer: ({ inputs, parameters }) => ({ y: inputs.x.data.map(v => v * Number(parameters.times ?? 2)) }),
});

describe("matching", () => {
  const cassette = join(folder, "matching.cassette");
  beforeAll(async () => {
    await using server = await createTestServer({ models: { model } });
    const recording = await record({ grpc: `grpc://${server.grpc}`, out: cassette });
    const client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
    await client.infer("model", { x: [1, 2] });
    server.model("model").replace(() => ({ y: [-1, -1] }));
    await client.infer("model", { x: [1, 2] });
    await client.infer("model", { x: [10, 20] }, { parameters: { times: 3 } });
    await client.close();
    await recording.stop();
  });
  const y = async (server: Awaited<ReturnType<typeof createTestServer>>, x: readonly number[], parameters = {}) => [
    ...((await server.infer("model", { x }, { parameters })).y!.data as Float32Array),
  ];

  test("strict: equal requests in the order of recording; others get the nearest one, and its differences", async () => {
    await using server = await createTestServer({ cassette });
    expect(await y(server, [1, 2])).toEqual([2, 4]);
    expect(await y(server, [1, 2])).toEqual([-1, -1]);
    expect(await y(server, [1, 2])).toEqual([-1, -1]);
    await expect(y(server, [1, 2.5])).rejects.toThrow(
      /no recorded request to model 'model' is equal to this one; the nearest is .*matching\.cassette:4: input 'x' differs at element 1: 2\.5 and was 2/,
    );
    await expect(y(server, [10, 20])).rejects.toThrow("parameter 'times' is undefined and was 3");
  });

  test("nearest: the answer of the request that is nearest", async () => {
    await using server = await createTestServer({ cassette, match: "nearest" });
    expect(await y(server, [11, 20], { times: 3 })).toEqual([-1, -1]);
    expect(await y(server, [1.1, 2])).toEqual([2, 4]);
  });

  test("a repository with other tensors is not answered for", async () => {
    const other = defineModel({ inputs: { x: "FP32[3]" }, outputs: { y: "FP32[2]" } });
    await expect(createTestServer({ models: { model: other } }, { serve: { replay: { cassette } } })).rejects.toThrow(
      "was recorded from another 'model': its input 'x' is TYPE_FP32 [2], and the repository's is TYPE_FP32 [3]. Record it again",
    );
  });
});

describe("invalid cassettes", () => {
  const written = (text: string): string => {
    const file = join(folder, "bad.cassette");
    writeFileSync(file, text);
    return file;
  };
  const HEAD = JSON.stringify({ format: "merlon/cassette", version: 1, server: { name: "triton", version: "" } });
  test.each([
    ["an empty file", "", "bad.cassette is empty: `merlon record` writes"],
    ["another file", '{"name":"x"}', 'is not a cassette: its first line must say "format": "merlon/cassette"'],
    [
      "a later version",
      '{"format":"merlon/cassette","version":9}',
      "is a cassette of version 9; this Merlon reads versions 1 and 2",
    ],
    ["half a line, and more after it", `${HEAD}\n{"kind":"infer","mod\n{}\n`, "bad.cassette:2 is not JSON"],
    ["a line that is no record", `${HEAD}\n[]\nnull\n`, "bad.cassette:3 is not a JSON object"],
    ["a line with something missing", `${HEAD}\n{"kind":"infer","protocol":"grpc"}`, "bad.cassette:2: model: "],
  ])("%s", async (_, text, reason) => {
    await expect(createTestServer({ cassette: written(text) })).rejects.toThrow(reason);
  });
});

test("so is a stream that is cut between two answers", async () => {
  const counts = defineModel({
    inputs: { n: "INT32[1]" },
    outputs: { i: "INT32[1]" },
    decoupled: true,
    *answer({ inputs }) {
      for (let i = 0; i < inputs.n.data[0]!; i++) yield { i: [i] };
    },
  });
  const cassette = join(folder, "cut-stream.cassette");
  const seen = async (port: string | number): Promise<readonly unknown[]> => {
    const client = await connect(`grpc://127.0.0.1:${port}`);
    const answers: unknown[] = [];
    try {
      for await (const { outputs } of client.stream("counts", { n: [5] }))
        if (outputs.i) answers.push(Number((outputs.i.data as Int32Array)[0]));
    } catch (error) {
      answers.push((error as { code: string }).code);
    } finally {
      await client.close();
    }
    return answers;
  };
  await using server = await createTestServer({ models: { counts } }, { faults: ["counts:drop,after=2"] });
  const recording = await record({ grpc: `grpc://${server.grpc}`, out: cassette });
  expect(await seen(recording.ports.grpc!)).toEqual([0, 1, "UNAVAILABLE"]);
  await recording.stop();
  await using again = await createTestServer({ cassette });
  expect(await seen(again.grpc.split(":")[1]!)).toEqual([0, 1, "UNAVAILABLE"]);
});

test("a cassette that can't be written is reported before a port is opened", async () => {
  await using server = await createTestServer({ models: { model } });
  const out = join(folder, "nowhere", "x.cassette");
  await expect(record({ grpc: `grpc://${server.grpc}`, out })).rejects.toThrow("x.cassette can't be written: ENOENT");
});
