/** The shared memory API: from a path and a JSON body to the call that it stands for. */
import { describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { answerRoute } from "#runtime/server/transport/http/dispatch.js";
import { SHARED_MEMORY_ROUTES } from "#runtime/server/transport/http/shared-memory-routes.js";

async function ask(path: string, text = "", allowClientShm = true) {
  const bytes = Buffer.from(text);
  const budget = new MemoryBudget();
  const memory = { register: vi.fn(async () => {}), unregister: vi.fn(async () => {}) };
  const request = {
    head: { method: "POST", headers: {}, body: bytes.length },
    gone: new AbortController().signal,
    readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
      if (bytes.length > 0) reader.data(bytes, 0, bytes.length);
      reader.end();
    },
    discardBody() {},
  };
  const calls = { options: { allowClientShm }, memory };
  const context = { calls, budget, maxInputSize: 2 ** 20, restriction: () => {} };
  const answering = (async () => answerRoute(SHARED_MEMORY_ROUTES, request as never, context as never, path))();
  const answer = await answering.catch(error => `${error.code} ${error.message}`);
  const called = [...memory.register.mock.calls, ...memory.unregister.mock.calls];
  return { answer, called, charged: budget.charged };
}

const done = { status: 200, type: "application/json", body: "" };
const REGISTER = "/v2/systemsharedmemory/region/r/register";

describe("shared memory", () => {
  test.each(["system", "cuda"])("of clients can be off, for %s regions", async kind => {
    for (const act of ["register", "unregister", "region/r/register", "region/r/unregister"])
      expect(await ask(`/v2/${kind}sharedmemory/${act}`, '{"key":"/k","byte_size":8}', false)).toEqual({
        answer:
          "UNSUPPORTED Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
        ...{ called: [], charged: 0 },
      });
  });
  test("is unregistered by its name, or all of it", async () => {
    const [one, all] = [
      await ask("/v2/systemsharedmemory/region/r/unregister"),
      await ask("/v2/systemsharedmemory/unregister"),
    ];
    expect([one.answer, one.called, all.answer, all.called]).toEqual([done, [["r"]], done, [[""]]]);
    expect((await ask("/v2/cudasharedmemory/unregister")).answer).toEqual(done);
  });
  test("of CUDA is refused, without a name first", async () => {
    expect((await ask("/v2/cudasharedmemory/register", "{}")).answer).toBe(
      "INVALID_ARGUMENT 'region name' is necessary to register cuda shared memory region",
    );
    expect((await ask("/v2/cudasharedmemory/region/r/register", "{}")).answer).toBe(
      "INVALID_ARGUMENT failed to register CUDA shared memory region: 'r', GPUs not supported",
    );
  });
});

describe("a region", () => {
  const register = (size: string, offset = "0") => ask(REGISTER, `{"key":"/k","offset":${offset},"byte_size":${size}}`);
  test.each([
    ["8", "0", 8, 0],
    ["0", "16", 0, 16],
    // As the nearest doubles.
    ["18446744073709551615", "9223372036854775808", 2 ** 64, 2 ** 63],
  ])("of %s bytes at %s is registered", async (size, at, byte_size, offset) => {
    expect(await register(size, at)).toEqual({
      ...{ answer: done, called: [[{ name: "r", key: "/k", offset, byte_size }]], charged: 0 },
    });
  });
  test.each(["-1", "-9007199254740993", "-9223372036854775808", "1.5", "1.0", "true", "null", '"8"'])(
    "of %s bytes is refused",
    async size => {
      const answer = "INTERNAL attempt to access JSON non-unsigned-integer as unsigned-integer";
      expect(await register(size)).toEqual({ answer, called: [], charged: 0 });
      expect(await register("8", size)).toEqual({ answer, called: [], charged: 0 });
    },
  );
});
