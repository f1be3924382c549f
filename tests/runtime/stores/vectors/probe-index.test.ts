// An index is searched in another process first: by which request, within which time and memory, and the fault for each way to end.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import { type ProbeRequest, probeIndex } from "#runtime/stores/vectors/probe-index.js";
import { probeSearch } from "#runtime/stores/vectors/probe-search.js";
import { flat, refined } from "../../../walls/support/faiss-file.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-probe-index-"));
afterAll(() => rmSync(folder, { recursive: true }));
let written = 0;
const write = (name: string, text: string | Uint8Array): string => {
  const path = join(folder, `${written++}-${name}`);
  writeFileSync(path, text);
  return path;
};
const KINDS = join(import.meta.dirname, "../../../fixtures/faiss-kinds/1.15.1");
const index = join(KINDS, "ivf-flat.faiss");
const vectors = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

describe("the process", () => {
  test("receives path, parameters, engine, and 4 GiB with 24 times the file", async () => {
    const out = join(folder, "request.json");
    const child = write("child.cjs", `require("node:fs").writeFileSync(${JSON.stringify(out)}, process.argv[2])`);
    await probeIndex(index, { nprobe: 2 }, "faiss", { child });
    const request = JSON.parse(readFileSync(out, "utf8")) as ProbeRequest;
    const memory = 4 * 2 ** 30 + 24 * readFileSync(index).length;
    expect(request).toEqual({ path: index, parameters: { nprobe: 2 }, by: "faiss", memory });
  });
  const fault = async (code: string, fixedMs?: number): Promise<string> => {
    const child = write("child.cjs", code);
    try {
      await probeIndex(index, {}, "fastest", { child, ...(fixedMs !== undefined && { fixedMs }) });
      return "passed";
    } catch (error) {
      expect(error).toMatchObject({ code: "INTERNAL" });
      return (error as Error).message.replace(
        `${index} cannot be loaded: a process that opened and searched it first `,
        "",
      );
    }
  };
  const DAMAGED = "The file is damaged, or FAISS fails on it. Write it again with `merlon index build`.";
  test("is a search of the index, where no other is named", async () => {
    await probeIndex(index, {}, "faiss");
    const path = write("cut.faiss", flat(2, vectors(6)).subarray(0, -1));
    await expect(probeIndex(path, {}, "faiss")).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(
        /cut\.faiss cannot be loaded: a process that opened and searched it first failed: .*cut\.faiss is not a whole FAISS index/,
      ) as string,
    });
  });
  test("that ends well says nothing, whatever it prints", async () => {
    expect(await fault("process.stdout.write('words')")).toBe("passed");
  });
  test("that says what is wrong is repeated", async () => {
    expect(await fault("process.stdout.write(' too few \\n'); process.exitCode = 1")).toBe("failed: too few.");
  });
  test("that ends by a signal, by another code, or too late is said to", async () => {
    expect(await fault("process.kill(process.pid, 'SIGSEGV'); setInterval(() => {}, 1000)")).toBe(
      `ended with SIGSEGV. ${DAMAGED}`,
    );
    expect(await fault("process.exit(7)")).toBe(`ended with exit code 7. ${DAMAGED}`);
    const size = readFileSync(index).length;
    expect(size).toBeLessThan(20_000);
    expect(await fault("setInterval(() => {}, 1000)", 300)).toBe(`ended with SIGKILL after 301 ms. ${DAMAGED}`);
  });
});

describe("an index that is opened", () => {
  const options = process.env.NODE_OPTIONS;
  afterEach(() => {
    if (options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = options;
  });
  test("is probed first, unless its file is trusted", async () => {
    const fault = write("fault.cjs", 'if (process.argv[1]?.includes("probe-child")) process.exit(9);');
    process.env.NODE_OPTIONS = `--require ${fault}`;
    const asked: string[] = [];
    const trusts = (answer: boolean) => (file: string) => {
      asked.push(file);
      return answer;
    };
    await expect(openIndex(index, {}, "faiss", trusts(false))).rejects.toThrow("ended with exit code 9");
    await (await openIndex(index, {}, "faiss", trusts(true))).close();
    await (await openIndex(index, {}, "faiss")).close();
    expect(asked).toEqual([index, index]);
  });
  test("in the thread is searched there: it has that engine's limits", async () => {
    const path = write("refined.faiss", refined(flat(1, vectors(5000)), flat(1, vectors(5000)), 256));
    const [thread, native] = [await openIndex(path, {}, "thread"), await openIndex(path, {}, "faiss")];
    const search = async (of: typeof thread) => of.search(Float32Array.of(0), 1, 4097);
    await expect(search(thread)).rejects.toThrow("k_factor 256");
    expect((await search(native)).ids).toHaveLength(4097);
    await Promise.all([thread.close(), native.close()]);
  });
});

describe("a probe", () => {
  const search = (path: string) => probeSearch({ path, parameters: {}, by: "faiss" });
  test("searches for one query and for many, for no more hits than there are", async () => {
    expect(await search(write("i.faiss", flat(2, vectors(40))))).toEqual([10, 250]);
    expect(await search(write("i.faiss", flat(2, vectors(6))))).toEqual([3, 75]);
    expect(await search(write("i.faiss", flat(2, vectors(0))))).toEqual([]);
  });
  test("of a file that is damaged, or parameters that it does not have, throws", async () => {
    const path = write("cut.faiss", flat(2, vectors(6)).subarray(0, -1));
    await expect(search(path)).rejects.toThrow(`${path} is not a whole FAISS index`);
    await expect(probeSearch({ path: index, parameters: { nprobe: 1000 }, by: "faiss" })).rejects.toThrow(
      "`nprobe` is 1000",
    );
  });
});
