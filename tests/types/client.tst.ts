// The client's types: from an ensemble and from models; a wrong name, datatype or rank has a sentence.
import { ensemble, lambdaOp, source } from "merlon";
import { type Client, connect, type Tensor } from "merlon/client";
import { describe, expect, test } from "tstyche";

const request = source({ user_id: "int64", price: "float32", vector: "float32[4]" });
const answer = request
  .pick(["user_id", "vector"])
  .plus(request.pick("price").pipe(lambdaOp(x => x * 2, { name: "twice", dtype: "float32" })));
const scores = ensemble("scores", answer);
const lists = ensemble("lists", source({ seen: "list<int64>", age: "int32" }));

declare const client: Client<{
  readonly m: {
    readonly inputs: {
      readonly id: { readonly datatype: "INT64"; readonly shape: readonly [-1, 1] };
      readonly text: { readonly datatype: "BYTES"; readonly shape: readonly [-1]; readonly optional: true };
    };
    readonly outputs: { readonly score: { readonly datatype: "FP32"; readonly shape: readonly [-1, 10] } };
  };
}>;

describe("models", () => {
  test("inputs in every form that fits", () => {
    expect(client.infer("m", { id: 7 })).type.not.toRaiseError();
    expect(client.infer("m", { id: [7, 8n] })).type.not.toRaiseError();
    expect(client.infer("m", { id: [[7], [8]] })).type.not.toRaiseError();
    expect(client.infer("m", { id: BigInt64Array.of(7n), text: ["a", new Uint8Array(2)] })).type.not.toRaiseError();
    expect(client.infer("m", { id: { shape: [2, 1], data: [7, 8] } })).type.not.toRaiseError();
    expect(
      client.infer("m", { id: { datatype: "INT64", shape: [1, 1], raw: new Uint8Array(8) } }),
    ).type.not.toRaiseError();
  });
  test("outputs are tensors of their datatype", async () => {
    const { score } = await client.infer("m", { id: 7 });
    expect(score).type.toBe<Tensor<"FP32", readonly [-1, 10]>>();
    expect(score.data).type.toBe<Float32Array>();
    expect(score.shape).type.toBe<readonly [number, number]>();
  });
  test("a wrong model, input, datatype or rank", () => {
    expect(client.infer("n", { id: 7 })).type.toRaiseError(
      "Argument of type '\"n\"' is not assignable to parameter of type '\"m\"'",
    );
    expect(client.infer("m", { ids: 7 })).type.toRaiseError("this model has no input ids: it has");
    expect(client.infer("m", { id: Float32Array.of(7) })).type.toRaiseError(
      "input id is INT64 of rank 2: give a BigInt64Array, or bigints or numbers",
    );
    expect(client.infer("m", { id: { shape: [1], data: [7] } })).type.toRaiseError(
      "input id is INT64 of rank 2: give { shape, data } of that rank",
    );
    expect(client.infer("m", { id: [[[7]]] })).type.toRaiseError("input id is INT64 of rank 2");
    expect(client.infer("m", { id: "7" })).type.toRaiseError("input id is INT64 of rank 2");
    expect(client.infer("m", {})).type.toRaiseError("Property 'id' is missing");
  });
  test("only the requested outputs", async () => {
    expect(client.infer("m", { id: 7 }, { outputs: ["core"] })).type.toRaiseError();
  });
  test("rows", async () => {
    expect(client.rows("m", [{ id: 7, text: "a" }])).type.not.toRaiseError();
    expect(client.rows("m", [{ ids: 7 }])).type.toRaiseError();
  });
});

describe("an ensemble's type", () => {
  test("carries the types of requests and responses", async () => {
    const typed = await connect<typeof scores>("grpc://localhost:8001");
    const found = await typed.infer("scores", { user_id: [7n], price: [1.5], vector: [[1, 2, 3, 4]] });
    expect(found.twice.data).type.toBe<Float32Array>();
    expect(found.user_id.data).type.toBe<BigInt64Array>();
    expect(found.vector.shape).type.toBe<readonly [number, number]>();
    expect(typed.infer("scores", { user_id: [7n], price: "x", vector: [[1, 2, 3, 4]] })).type.toRaiseError(
      "input price is FP32 of rank 2",
    );
    expect(typed.infer("scores", { user_id: [7n], vector: [[1, 2, 3, 4]] })).type.toRaiseError(
      "Property 'price' is missing",
    );
  });
  test("lists are pairs", async () => {
    const typed = await connect<typeof lists>("grpc://localhost:8001");
    const found = await typed.infer("lists", { seen__values: [1n], seen__offsets: [0, 1], age: [3] });
    expect(found.seen__values.data).type.toBe<BigInt64Array>();
    expect(found.seen__offsets.data).type.toBe<Int32Array>();
    expect(found.age?.data).type.toBe<Int32Array | undefined>();
  });
});

describe("without types", () => {
  test("any input is accepted, and an output may be missing", async () => {
    const open = await connect("http://localhost:8000");
    const found = await open.infer("any", { x: [1, 2], y: ["a"] });
    expect(found.z).type.toBe<Tensor | undefined>();
  });
  test("lists in lists, one for each dimension", async () => {
    const open = await connect("http://localhost:8000");
    expect(open.infer("any", { x: [["a"], ["b"]], y: [[[1, 2]], [[3n, 4]]], z: [[true]] })).type.not.toRaiseError();
    const rows: number[][] = [[1], [2]];
    const texts: readonly (readonly string[])[] = [["a"]];
    expect(open.infer("any", { rows, texts })).type.not.toRaiseError();
    expect(open.infer("any", { x: [[{}]] })).type.toRaiseError();
    expect(open.infer("any", { x: new Date() })).type.toRaiseError();
  });
});

test("the exposure log keeps columns of nodes, and names them in `personal`", () => {
  const request = source({ user_id: "int64", age: "int32", seen: "list<int64>" });
  const kept = [request.pick("user_id"), request.pick(["age"])];
  expect(
    ensemble("logged", request, { log: { columns: kept, personal: { user_id: "hash", age: "drop" } } }).name,
  ).type.toBe<"logged">();
});
