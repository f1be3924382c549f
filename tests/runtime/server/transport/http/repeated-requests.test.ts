/** Requests that repeat the JSON of the last one of their connection are answered as requests of connections of their own. */
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { Parameter, Tensor } from "#runtime/base/tensor.js";
import type { InferRequest, InferResponse } from "#runtime/server/contract.js";
import { type InferBody, printInferResponse } from "#runtime/server/transport/http/infer-response.js";
import { keepRequest, repeatedRequest } from "#runtime/server/transport/http/repeated-request.js";
import { keepResponse, repeatedResponse } from "#runtime/server/transport/http/repeated-response.js";
import type { RequestHead } from "#runtime/server/transport/http1/request-head.js";
import { repository, startServer } from "../../support.js";

const io = (name: string): string => `{ name: "${name}" data_type: TYPE_UINT8 dims: [ -1 ] }`;
const CONFIG = `backend: "identity" max_batch_size: 4
input [ ${io("INPUT0")}, ${io("INPUT1")} ] output [ ${io("OUTPUT0")}, ${io("OUTPUT1")} ]`;

let server: Awaited<ReturnType<typeof startServer>>;
let folder: string;
beforeAll(async () => {
  folder = repository([], { "two/config.pbtxt": CONFIG, "two/1/.keep": "" });
  server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["two"] });
});
afterAll(() => server.stop());

/** One connection: a response for each request, as it was sent. */
class Client {
  readonly #socket: Socket = connect(server.ports.http!, "127.0.0.1");
  #bytes = "";
  #wake = (): void => {};

  constructor() {
    this.#socket.on("data", chunk => {
      this.#bytes += chunk.toString("latin1");
      this.#wake();
    });
    this.#socket.on("close", () => this.#wake());
  }

  async ask(request: Buffer): Promise<string> {
    this.#socket.write(request);
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n") + 4;
      const size = Number(/^content-length: (\d+)/im.exec(this.#bytes.slice(0, end))?.[1]);
      if (end > 3 && this.#bytes.length >= end + size) {
        const response = this.#bytes.slice(0, end + size);
        this.#bytes = this.#bytes.slice(end + size);
        return response;
      }
      if (this.#socket.destroyed) throw new Error(`the connection ended after ${this.#bytes}`);
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  end(): void {
    this.#socket.destroy();
  }
}

function requestOf(json: string, blob: Buffer, headers = ""): Buffer {
  const head = `POST /v2/models/two/infer HTTP/1.1\r\nHost: localhost\r\nInference-Header-Content-Length: ${json.length}\r\nContent-Length: ${json.length + blob.length}\r\n${headers}\r\n`;
  return Buffer.concat([Buffer.from(head + json, "latin1"), blob]);
}

const input = fc.record({
  name: fc.constantFrom("INPUT0", "INPUT1"),
  datatype: fc.constantFrom("UINT8", "UINT8", "INT8"),
  shape: fc.constantFrom([1, 4], [2, 2], [4, 1], [1, 0], [1, 5]),
  size: fc.constantFrom(4, 4, 4, 5, 0),
});
/** Few forms, many of equal length: most requests repeat one or differ little from it. */
const json = fc
  .record({
    id: fc.constantFrom("", "a", "b"),
    inputs: fc.constantFrom(0).chain(() => fc.array(input, { minLength: 2, maxLength: 2 })),
    outputs: fc.constantFrom(
      [],
      [{ name: "OUTPUT0", parameters: { binary_data: true } }],
      [{ name: "OUTPUT1", parameters: { binary_data: true } }],
      [{ name: "OUTPUT0", parameters: { classification: 1 } }],
    ),
    binary: fc.boolean(),
    isPlain: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ id, inputs, outputs, binary, isPlain }) => {
    // Two of three are as the model has them.
    const tensors =
      isPlain > 0
        ? ["INPUT0", "INPUT1"].map(name => ({ ...inputs[0]!, name, datatype: "UINT8", shape: [1, 4], size: 4 }))
        : inputs;
    return JSON.stringify({
      ...(id && { id }),
      inputs: tensors.map(({ size, ...tensor }) => ({ ...tensor, parameters: { binary_data_size: size } })),
      ...(outputs.length > 0 && { outputs }),
      ...(binary && { parameters: { binary_data_output: true } }),
    });
  });
const requests = fc.array(json, { minLength: 1, maxLength: 3 }).chain(forms =>
  fc.array(fc.tuple(fc.constantFrom(...forms), fc.uint8Array({ minLength: 7, maxLength: 10 })), {
    minLength: 2,
    maxLength: 8,
  }),
);

describe("a connection", () => {
  test("answers requests that repeat, differ or fail as connections of their own do", async () => {
    let repeats = 0;
    await fc.assert(
      fc.asyncProperty(requests, async sent => {
        const one = new Client();
        let last = "";
        for (const [form, bytes] of sent) {
          // Nearly all have as many bytes as their JSON says.
          const blob = Buffer.from(bytes.length < 9 ? [...bytes, 0].slice(0, 8) : bytes);
          const request = requestOf(form, blob);
          const response = await one.ask(request);
          const other = new Client();
          expect(response).toBe(await other.ask(request));
          other.end();
          if (form === last && response.startsWith("HTTP/1.1 200")) repeats++;
          last = form;
        }
        one.end();
      }),
      { numRuns: 60 },
    );
    expect(repeats).toBeGreaterThan(20);
  });

  const FORM = JSON.stringify({
    inputs: ["INPUT0", "INPUT1"].map(name => ({
      name,
      datatype: "UINT8",
      shape: [1, 4],
      parameters: { binary_data_size: 4 },
    })),
    outputs: [{ name: "OUTPUT1", parameters: { binary_data: true } }],
  });

  test("gets the bytes of each request, not of another", async () => {
    const client = new Client();
    for (const text of ["abcdefgh", "ABCDEFGH", "01234567", "01234567"])
      expect((await client.ask(requestOf(FORM, Buffer.from(text)))).slice(-4)).toBe(text.slice(4));
    client.end();
  });

  test("gets the answer of the model as it is after it was loaded again", async () => {
    const client = new Client();
    const request = requestOf(FORM, Buffer.from("abcdefgh"));
    for (let i = 0; i < 3; i++) expect(await client.ask(request)).toMatch(/^HTTP\/1.1 200/);
    const config = (count: number): string => {
      const tensors = (word: string) =>
        Array.from({ length: count }, (_, i) => ({ name: `${word}${i}`, data_type: "TYPE_UINT8", dims: [-1] }));
      return JSON.stringify({
        backend: "identity",
        max_batch_size: 4,
        input: tensors("INPUT"),
        output: tensors("OUTPUT"),
      });
    };
    const load = async (text: string) =>
      (await server.post("/v2/repository/models/two/load", { parameters: { config: text } })).status;
    expect(await load(config(1))).toBe(200);
    const refused = await client.ask(request);
    expect(refused).toMatch(/^HTTP\/1.1 400/);
    expect(refused).toContain("for model 'two'");
    expect(await load(config(2))).toBe(200);
    expect(await client.ask(request)).toMatch(/^HTTP\/1.1 200[\s\S]*efgh$/);
    client.end();
  });
});

const head = (): RequestHead => ({}) as RequestHead;

describe("a request", () => {
  const config = { name: "m" } as never;
  const { signal } = { signal: new Cancellable() };
  const JSON_TEXT = "{a request}";
  const body = Buffer.from(`${JSON_TEXT}abcdef`);
  const at = JSON_TEXT.length;
  const tensor = (name: string, from: number, to: number) => ({
    name,
    datatype: "UINT8",
    shape: [1, to - from],
    data: body.subarray(at + from, at + to),
  });
  const request: InferRequest = {
    id: "7",
    parameters: new Map([["p", 1n]]),
    inputs: [tensor("x", 0, 2), tensor("y", 2, 6)],
    outputs: ["z"],
    wishes: new Map(),
  };
  const isBinary = (): boolean => true;
  const kept = (changes: Partial<InferRequest> = {}, json = at) => {
    const own = head();
    keepRequest(own, body, json, config, { request: { ...request, ...changes }, isBinary });
    return own;
  };
  test("that was kept is found by the same JSON, with the bytes of the new body", () => {
    const next = Buffer.from(`${JSON_TEXT}ABCDEF`);
    const found = repeatedRequest(kept(), next, at, config, signal)!;
    expect(found.request).toEqual({
      ...request,
      signal,
      inputs: [
        { ...request.inputs[0], data: Buffer.from("AB") },
        { ...request.inputs[1], data: Buffer.from("CDEF") },
      ],
    });
    expect(found.request.inputs[1]!.data.buffer).toBe(next.buffer);
    expect(found.isBinary).toBe(isBinary);
  });
  test("without parameters of outputs is kept, too", () => {
    const { wishes: _, ...plain } = request;
    const own = head();
    keepRequest(own, body, at, config, { request: plain, isBinary });
    expect(repeatedRequest(own, body, at, config, signal)?.request.id).toBe("7");
  });
  test.each<[string, Parameters<typeof repeatedRequest>]>([
    ["another JSON", [kept(), Buffer.from("{A request}abcdef"), at, config, signal]],
    ["a shorter body", [kept(), body.subarray(0, -1), at, config, signal]],
    ["a longer body", [kept(), Buffer.from(`${JSON_TEXT}abcdefg`), at, config, signal]],
    ["less JSON", [kept(), body, at - 1, config, signal]],
    ["another configuration", [kept(), body, at, { name: "m" } as never, signal]],
    ["another head", [head(), body, at, config, signal]],
  ])("is not found by %s", (_, words) => {
    expect(repeatedRequest(...words)).toBeUndefined();
  });
  const outside = { ...tensor("y", 2, 6), data: Buffer.from("cdef") };
  const copied = {
    ...tensor("y", 2, 6),
    data: new Uint8Array(body.buffer.slice(0), body.byteOffset + at + 2, 4),
  };
  const long = (size: number) => {
    const own = head();
    const whole = Buffer.alloc(size + 1, "a");
    keepRequest(own, whole, size, config, {
      request: { ...request, inputs: [{ ...tensor("x", 0, 1), data: whole.subarray(size) }] },
      isBinary,
    });
    return repeatedRequest(own, whole, size, config, signal);
  };
  test.each<[string, Partial<InferRequest>]>([
    ["bytes from elsewhere", { inputs: [tensor("x", 0, 2), outside] }],
    ["bytes at the same place of another buffer", { inputs: [tensor("x", 0, 2), copied] }],
    ["inputs out of order", { inputs: [tensor("y", 2, 6), tensor("x", 0, 2)] }],
    ["an empty input", { inputs: [tensor("x", 0, 0), tensor("y", 0, 6)] }],
    ["outputs in shared memory", { wishes: new Map([["z", { classes: 1 }]]) }],
  ])("is not kept with %s", (_, changes) => {
    expect(repeatedRequest(kept(changes), body, at, config, signal)).toBeUndefined();
  });
  test("is not kept without JSON, or with more than a kilobyte of it", () => {
    expect(repeatedRequest(kept({}, 0), body, 0, config, signal)).toBeUndefined();
    const whole = { ...tensor("x", 0, 2), shape: [1, body.length], data: body };
    expect(repeatedRequest(kept({ inputs: [whole] }, 0), body, 0, config, signal)).toBeUndefined();
    expect([1024, 1025].map(size => long(size) !== undefined)).toEqual([true, false]);
  });
});

describe("a response", () => {
  const response = fc.record({
    model: fc.constantFrom("m", "n"),
    version: fc.constantFrom(1, 2),
    id: fc.constantFrom("", "a"),
    parameters: fc.constantFrom<readonly (readonly [string, number | bigint | string | boolean])[]>(
      [],
      [["p", 0]],
      [["p", -0]],
      [["p", 0n]],
      [["q", 0]],
      [
        ["p", 0],
        ["q", "x"],
      ],
      [["p", Number.NaN]],
    ),
    outputs: fc.array(
      fc.record({
        name: fc.constantFrom("x", "y"),
        datatype: fc.constantFrom("UINT8", "INT8"),
        shape: fc.constantFrom([2], [1, 2], [2, 1]),
        data: fc.uint8Array({ minLength: 2, maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  });
  const bytes = ({ pieces }: InferBody): string => Buffer.concat(pieces).toString("latin1");
  test("is printed anew, or has the same bytes as if it were", () => {
    let hits = 0;
    fc.assert(
      fc.property(response, response, fc.boolean(), fc.boolean(), (first, second, same, all) => {
        const next = same
          ? { ...first, outputs: first.outputs.map(one => ({ ...one, data: Uint8Array.of(5, 6) })) }
          : second;
        const isBinary = (name: string): boolean => all || name === "x";
        const own = head();
        keepResponse(own, first as InferResponse, printInferResponse(first as InferResponse, isBinary) as InferBody);
        const found = repeatedResponse(own, next as InferResponse, isBinary);
        const printed = printInferResponse(next as InferResponse, isBinary) as InferBody;
        if (!found) return;
        hits++;
        expect([bytes(found), found.jsonLength]).toEqual([bytes(printed), printed.jsonLength]);
      }),
      { numRuns: 2000 },
    );
    expect(hits).toBeGreaterThan(300);
  });
  const one: InferResponse = {
    model: "m",
    version: 1,
    id: "",
    parameters: [],
    outputs: [{ name: "x", datatype: "UINT8", shape: [2], data: Uint8Array.of(1, 2) }],
  };
  const isFound = (first: InferResponse, next: InferResponse, isBinary = true): boolean => {
    const own = head();
    keepResponse(own, first, printInferResponse(first, () => true) as InferBody);
    return repeatedResponse(own, next, () => isBinary) !== undefined;
  };
  test("is found if only its bytes differ", () => {
    expect(isFound(one, { ...one, outputs: [{ ...one.outputs[0]!, data: Uint8Array.of(8, 9) }] })).toBe(true);
  });
  test("is not found if it is cut, in shared memory, empty or JSON now", () => {
    const [tensor] = one.outputs;
    const placed = { ...tensor!, placed: true } as never;
    expect(isFound(one, { ...one, cut: 3 })).toBe(false);
    expect(isFound({ ...one, cut: 3 }, one)).toBe(false);
    expect(isFound(one, { ...one, outputs: [placed] })).toBe(false);
    expect(isFound(one, one, false)).toBe(false);
    const empty = { ...one, outputs: [{ ...tensor!, shape: [0], data: new Uint8Array(0) }] };
    expect(isFound(empty, empty)).toBe(false);
  });
  const withTensor = (changes: Partial<Tensor>): InferResponse => ({
    ...one,
    outputs: [{ ...one.outputs[0]!, ...changes }],
  });
  const texts = (...bytes: number[]): InferResponse =>
    withTensor({ datatype: "BYTES", shape: [1], data: Uint8Array.from(bytes) });
  const wide = withTensor({ shape: [1, 2] });
  const withParameters = (...parameters: (readonly [string, Parameter])[]): InferResponse => ({ ...one, parameters });
  test.each<[string, InferResponse, InferResponse]>([
    ["model", one, { ...one, model: "n" }],
    ["version", one, { ...one, version: 2 }],
    ["id", one, { ...one, id: "a" }],
    ["name of an output", one, withTensor({ name: "y" })],
    ["datatype", one, withTensor({ datatype: "INT8" })],
    ["number of bytes", texts(1, 0, 0, 0, 65), texts(2, 0, 0, 0, 65, 66)],
    ["first dimension", wide, withTensor({ shape: [2, 2] })],
    ["last dimension", wide, withTensor({ shape: [1, 1] })],
    ["number of dimensions, fewer than before", withTensor({ shape: [2, 1] }), one],
    ["number of dimensions, more than before", one, withTensor({ shape: [2, 1] })],
    ["number of outputs", one, { ...one, outputs: [...one.outputs, ...one.outputs] }],
    ["name of a parameter", withParameters(["p", 1n]), withParameters(["q", 1n])],
    ["value of a parameter", withParameters(["p", 1n]), withParameters(["p", 2n])],
    ["type of a parameter", withParameters(["p", 1n]), withParameters(["p", true])],
    ["number of parameters, fewer than before", withParameters(["p", 1n]), one],
    ["number of parameters, more than before", one, withParameters(["p", 1n])],
  ])("is not found by another %s", (_, first, next) => {
    expect([isFound(first, first), isFound(next, next), isFound(first, next)]).toEqual([true, true, false]);
  });
  test("is not kept with an output in its JSON, or with an empty one beside others", () => {
    const [tensor] = one.outputs;
    const both = { ...one, outputs: [tensor!, { ...tensor!, name: "y" }] };
    const own = head();
    keepResponse(own, both, printInferResponse(both, name => name === "x") as InferBody);
    expect(repeatedResponse(own, both, () => true)).toBeUndefined();
    const partly = { ...one, outputs: [tensor!, { ...tensor!, name: "y", shape: [0], data: new Uint8Array(0) }] };
    expect([isFound(both, both), isFound(partly, partly)]).toEqual([true, false]);
  });
  test("of more than a kilobyte of JSON is not kept", () => {
    const named = (length: number): InferResponse => ({ ...one, id: "i".repeat(length) });
    const size = (printInferResponse(named(1), () => true) as InferBody).jsonLength! - 1;
    expect([1024, 1025].map(json => isFound(named(json - size), named(json - size)))).toEqual([true, false]);
  });
});
