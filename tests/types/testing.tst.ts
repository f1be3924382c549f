import { createTestServer, defineModel, type TestServer } from "merlon/testing";
import { describe, expect, test } from "tstyche";

const ranker = defineModel({
  inputs: { item_id: "INT64[-1]", name: "BYTES[1]" },
  outputs: { score: "FP32[-1]" },
  maxBatchSize: 8,
});

// As `merlon typegen` writes it.
type Repository = {
  readonly dlrm: {
    readonly inputs: { readonly price: { readonly datatype: "FP32"; readonly shape: readonly [number] } };
    readonly outputs: { readonly score: { readonly datatype: "FP32"; readonly shape: readonly [number] } };
  };
};

describe("models written in a test", () => {
  test("a function has the types of the tensors", () => {
    defineModel({
      inputs: { item_id: "INT64[-1]" },
      outputs: { score: "FP32[-1]" },
      answer: ({ inputs }) => {
        expect(inputs.item_id.data).type.toBe<BigInt64Array>();
        return { score: [1] };
      },
    });
  });
  test("another output, or another datatype, is an error", () => {
    const inputs = { x: "FP32[1]" } as const;
    expect(defineModel).type.not.toBeCallableWith({
      inputs,
      outputs: { y: "FP32[1]" } as const,
      answer: () => ({ z: 1 }),
    });
    expect(defineModel).type.not.toBeCallableWith({ inputs: { x: "FLOAT[1]" }, outputs: {} });
  });
  test("a server has its models by name", () => {
    const server = {} as TestServer<{ ranker: typeof ranker }>;
    expect(server.model).type.toBeCallableWith("ranker");
    expect(server.model).type.not.toBeCallableWith("rankr");
    expect(server.model("ranker").requests[0]!.inputs.name.data).type.toBe<readonly string[]>();
    expect(server.model("ranker").replace).type.not.toBeCallableWith(() => ({ scores: [1] }));
  });
});

describe("a repository", () => {
  test("has the types that typegen wrote of it", () => {
    expect(createTestServer<Repository>("model-repo")).type.toBe<Promise<TestServer<Repository>>>();
    const server = {} as TestServer<Repository>;
    server.model("dlrm").replace(({ inputs }) => {
      expect(inputs.price.data).type.toBe<Float32Array>();
      return { score: inputs.price.data };
    });
    expect(server.model).type.not.toBeCallableWith("ranker");
  });
  test("without them takes any name", () => {
    const server = {} as TestServer;
    expect(server.model).type.toBeCallableWith("anything");
  });
  test("a stage may be given its columns", () => {
    const stage = ({} as TestServer).stage<{ item_id: BigInt64Array }, { score: number[] }>("ranking");
    stage.replace(({ item_id }) => ({ score: Array.from(item_id, Number) }));
    expect(stage.replace).type.not.toBeCallableWith(() => ({ scores: [1] }));
  });
});
