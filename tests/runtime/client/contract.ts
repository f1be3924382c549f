/**
 * The client's promises about every server, as tests: the same for Merlon, Triton and MLServer, over both protocols. A server's missing
 * features are listed in its target.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type Client, connect, InvalidRequestError, NotFoundError, ServerError } from "#runtime/client/index.js";
import { MODELS } from "./contract-models.js";

export interface Target {
  readonly name: string;
  readonly url: () => string;
  /** Models that the server can't have, or tests it has no way to pass, with the reason. */
  readonly lacks?: Readonly<Record<string, string>>;
}

/** Edges of each datatype: sent values are returned. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  bool: [true, false, true],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
  uint64: [0n, 18446744073709551615n],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  int64: [-9223372036854775808n, 9223372036854775807n, 9007199254740993n],
  fp16: [0, -0.5, 65504, 2 ** -24, Number.POSITIVE_INFINITY],
  bf16: [0, -0.5, 2 ** 127, 1.0078125],
  fp32: [0, -1.5, Math.fround(0.1), 2 ** -149, Math.fround(3.4e38)],
  fp64: [0, 0.1, 5e-324, 1.7976931348623157e308],
  bytes: ["", "naïve ☃", 'a"b\\c\n', "x".repeat(300)],
};

export function contract({ name, url, lacks = {} }: Target): void {
  const given = (what: string) => (lacks[what] === undefined ? test : test.skip);
  describe(name, () => {
    let client: Client;
    beforeAll(async () => {
      client = await connect(url());
      return () => client.close();
    });

    test("reports that it is alive, ready, and its version", async () => {
      expect(await client.isServerLive()).toBe(true);
      expect(await client.isServerReady()).toBe(true);
      expect((await client.serverMetadata()).name).not.toBe("");
      expect(await client.isModelReady("two")).toBe(true);
      expect(await client.isModelReady("nothing")).toBe(false);
    });

    test("says what a model takes", async () => {
      const { inputs, outputs } = await client.modelMetadata("two");
      expect(inputs.map(({ name, datatype }) => [name, datatype])).toEqual([
        ["INPUT0", "INT32"],
        ["INPUT1", "BYTES"],
      ]);
      expect(outputs.map(({ name }) => name)).toEqual(["OUTPUT0", "OUTPUT1"]);
    });

    for (const [wire, values] of Object.entries(VALUES))
      given(`echo_${wire}`)(`${wire} comes back as it was sent`, async () => {
        const { OUTPUT0 } = await client.infer(`echo_${wire}`, { INPUT0: values as number[] });
        expect(OUTPUT0!.datatype).toBe(wire.toUpperCase());
        expect(OUTPUT0!.shape).toEqual([values.length]);
        const data: readonly unknown[] = Array.from(OUTPUT0!.data as Iterable<unknown>);
        const seen = wire === "bool" ? data.map(bit => bit === 1) : data;
        expect(seen).toEqual(values);
        const again = await client.infer(`echo_${wire}`, { INPUT0: OUTPUT0! });
        expect(again.OUTPUT0!.raw).toEqual(OUTPUT0!.raw);
      });

    for (const wire of ["int32", "bytes", "fp64"])
      given("empty")(`an empty ${wire} tensor`, async () => {
        const { OUTPUT0 } = await client.infer(`echo_${wire}`, { INPUT0: { shape: [0], data: [] } });
        expect([OUTPUT0!.shape, OUTPUT0!.data.length]).toEqual([[0], 0]);
      });

    test("several tensors, an id, and a matrix from nested lists", async () => {
      const answer = await client.answer("two", { INPUT0: [1, 2, 3], INPUT1: ["a", "b"] }, { requestId: "r-7" });
      expect(Array.from(answer.outputs.OUTPUT0!.data as Int32Array)).toEqual([1, 2, 3]);
      expect(answer.outputs.OUTPUT1!.data).toEqual(["a", "b"]);
      expect([answer.id, answer.model]).toEqual(["r-7", "two"]);
      const { OUTPUT0 } = await client.infer("matrix", {
        INPUT0: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      });
      expect(OUTPUT0!.shape).toEqual([2, 3]);
      expect(OUTPUT0!.nested()).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ]);
    });

    given("some outputs")("only the outputs that were asked for", async () => {
      const found = await client.infer("two", { INPUT0: [1], INPUT1: ["a"] }, { outputs: ["OUTPUT1"] });
      expect(Object.keys(found)).toEqual(["OUTPUT1"]);
    });

    given("batched")("a batch: shapes from metadata, rows of objects", async () => {
      const { OUTPUT0 } = await client.infer("batched", { INPUT0: Float32Array.of(1, 2, 3, 4, 5, 6) });
      expect(OUTPUT0!.shape).toEqual([2, 3]);
      expect(OUTPUT0!.rows().map(row => Array.from(row as Float32Array))).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      const rows = await client.rows("batched", [{ INPUT0: [1, 2, 3] }, { INPUT0: [4, 5, 6] }]);
      expect(rows).toEqual([{ OUTPUT0: Float32Array.of(1, 2, 3) }, { OUTPUT0: Float32Array.of(4, 5, 6) }]);
    });

    test("errors say what they are, whom they were for, and keep the server's words", async () => {
      const gone = await client.infer("nothing", { INPUT0: [1] }).catch(error => error);
      expect(gone).toBeInstanceOf(NotFoundError);
      expect(gone).toMatchObject({ code: "NOT_FOUND", model: "nothing" });
      const broken = await client.infer("fail", { INPUT0: [1] }, { requestId: "r-8" }).catch(error => error);
      expect(broken.message).toContain("the oven is cold");
      expect([broken.model, broken.requestId]).toEqual(["fail", "r-8"]);
      if (!lacks.fail) expect(broken).toBeInstanceOf(ServerError);
      const wrong = await client.infer("two", { INPUT0: [1.5], INPUT1: ["a"] }).catch(error => error);
      expect(wrong).toBeInstanceOf(InvalidRequestError);
    });

    test("many calls at once", async () => {
      const values = Array.from({ length: lacks.many ? 50 : 1000 }, (_, i) => i);
      const answers = await Promise.all(values.map(i => client.infer("echo_int32", { INPUT0: [i, -i] })));
      expect(answers.map(({ OUTPUT0 }) => OUTPUT0!.data[0])).toEqual(values);
    });

    test("a deadline and a signal end a call, and the client stays usable", async () => {
      const late = await client.infer("slow", { INPUT0: [3000] }, { deadline: 100 }).catch(error => error);
      expect([late.name, late.code]).toEqual(["DeadlineError", "DEADLINE_EXCEEDED"]);
      const reason = new Error("enough");
      const abort = new AbortController();
      setTimeout(() => abort.abort(reason), 50);
      const ended = await client.infer("slow", { INPUT0: [3000] }, { signal: abort.signal }).catch(error => error);
      expect([ended.name, ended.code, ended.cause]).toEqual(["AbortError", "CANCELLED", reason]);
      expect(await client.isServerLive()).toBe(true);
      const { OUTPUT0 } = await client.infer("echo_int32", { INPUT0: [5] });
      expect(OUTPUT0!.data[0]).toBe(5);
    });

    given("count")("a decoupled model's answers come one by one, the last is marked", async () => {
      const seen: number[] = [];
      let last = false;
      for await (const { outputs, isFinal } of client.stream("count", { INPUT0: [4] }, { requestId: "s-1" })) {
        if (outputs.OUTPUT0) seen.push(outputs.OUTPUT0.data[0] as number);
        last = isFinal;
      }
      expect(seen).toEqual([0, 1, 2, 3]);
      expect(last).toBe(client.protocol === "grpc");
      for await (const { outputs } of client.stream("count", { INPUT0: [1000] })) {
        expect(outputs.OUTPUT0!.data[0]).toBe(0);
        break;
      }
      const fault = client.stream("nothing", { INPUT0: { datatype: "INT32", shape: [1], raw: new Uint8Array(4) } });
      await expect(fault.next()).rejects.toThrow("nothing");
    });

    given("total")("a sequence adds up, and two do not mix", async () => {
      const [a, b] = [client.sequence("total"), client.sequence("total")];
      const ask = async (sequence: typeof a, n: number) => (await sequence.infer({ INPUT0: [n] })).OUTPUT0!.data[0];
      expect(await ask(a, 1)).toBe(1);
      expect(await ask(b, 10)).toBe(10);
      expect(await ask(a, 2)).toBe(3);
      expect((await a.end({ INPUT0: [4] })).OUTPUT0!.data[0]).toBe(7);
      await expect(a.infer({ INPUT0: [1] })).rejects.toThrow("has ended");
      expect((await b.end({ INPUT0: [1] })).OUTPUT0!.data[0]).toBe(11);
    });

    given("said")("parameters keep their kinds", async () => {
      const parameters = { flag: true, seed: 7, text: "x" };
      const { OUTPUT0 } = await client.infer("said", { INPUT0: [1] }, { parameters });
      expect(JSON.parse(OUTPUT0!.data[0] as string)).toEqual(parameters);
    });

    given("management")("every call about models", async () => {
      expect((await client.index()).map(({ name }) => name).sort()).toEqual(expect.arrayContaining(["two", "total"]));
      expect((await client.modelConfig("batched")).max_batch_size).toBe(8);
      await client.infer("echo_int32", { INPUT0: new Int32Array([1]) });
      const [stats] = await client.statistics("echo_int32");
      expect(Number(stats!.inference_count)).toBeGreaterThan(0);
      await client.unload("echo_int8");
      expect(await client.isModelReady("echo_int8")).toBe(false);
      await client.load("echo_int8");
      expect(await client.isModelReady("echo_int8")).toBe(true);
      const changed = {
        config: {
          backend: "python",
          max_batch_size: 2,
          input: [{ name: "INPUT0", data_type: "TYPE_INT8", dims: [1] }],
          output: [{ name: "OUTPUT0", data_type: "TYPE_INT8", dims: [1] }],
        },
      };
      await client.load("echo_int8", changed);
      expect((await client.modelConfig("echo_int8")).max_batch_size).toBe(2);
      const { OUTPUT0 } = await client.infer("echo_int8", { INPUT0: [7, 8] });
      expect(OUTPUT0!.shape).toEqual([2, 1]);
      // A load alone keeps the configuration that was given.
      await client.unload("echo_int8");
      await client.load("echo_int8");
      const level = Number((await client.logSettings({ log_verbose_level: 1 })).log_verbose_level);
      expect(level).toBe(1);
      await client.logSettings({ log_verbose_level: 0 });
      expect(await client.systemSharedMemory.status()).toEqual([]);
      await expect(client.load("nowhere")).rejects.toThrow("nowhere");
      await expect(client.systemSharedMemory.register("r", { key: "/no-such-region", byteSize: 8 })).rejects.toThrow();
      expect(await client.cudaSharedMemory.status()).toEqual([]);
      expect(Object.keys(await client.traceSettings())).toContain("trace_level");
    });

    given("large")("100 MB each way", async () => {
      const large = new Float32Array(25 * 2 ** 20);
      large[0] = 1;
      large[large.length - 1] = 2;
      const { OUTPUT0 } = await client.infer("echo_fp32", { INPUT0: large }, { deadline: 60_000 });
      const data = OUTPUT0!.data as Float32Array;
      expect([data.length, data[0], data[data.length - 1]]).toEqual([large.length, 1, 2]);
    });
  });
}

export const ALL = Object.keys(MODELS);
