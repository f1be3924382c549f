import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { addToBloom, emptyBloom } from "#formats/hashes/bloom.js";
import { idHashes } from "#operators/shared/kernel/id-hashes.js";
import { python } from "../../tests/needs/python.js";
import { candidates, column, grouped, type Item, lists, run, scalars } from "../../tests/operators/step.js";

function filterOf(ids: readonly Item[], rate: number, dtype: "int64" | "string" | "int32" = "int64"): Uint8Array {
  const { bytes, filter } = emptyBloom(ids.length, rate);
  const { a, b } = idHashes(scalars(dtype, ids).values);
  ids.forEach((_, i) => {
    addToBloom(filter, a[i]!, b[i]!);
  });
  return bytes;
}
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const words = (bytes: Uint8Array) => [...new BigInt64Array(bytes.slice().buffer)];

const step = (dtype: "int64" | "string" = "int64") => ({
  params: {},
  inputs: { input: ["ids"], seen: ["seen"] },
  outputs: [column("filtered_ids", dtype, { rows: "s1" })],
});

test("seen candidates go, per user; a null and an empty filter hold nothing", async () => {
  const ids = candidates("int64", [[1, 2, 3], [1, 2, 3], [3], [], [2 ** 40, -7]]);
  const users = ids.rows.parent!;
  const filters = [filterOf([2, 3], 1e-6), new Uint8Array(0), null, filterOf([1], 1e-6), filterOf([-7, 2 ** 40], 1e-6)];
  const expected = [[1n], [1n, 2n, 3n], [3n], [], []];
  const texts = scalars(
    "string",
    filters.map(f => (f === null ? null : base64(f))),
    users,
  );
  const [byText] = await run("filterCandidates", step(), { input: [ids], seen: [texts] });
  expect(grouped(byText!)).toEqual(expected);
  const lists64 = lists(
    "int64",
    filters.map(f => (f === null ? [] : words(f))),
    users,
  );
  const [byWords] = await run("filterCandidates", step(), { input: [ids], seen: [lists64] });
  expect(grouped(byWords!)).toEqual(expected);
});

test("bytes that are no filter are refused with column and row", async () => {
  const ids = candidates("int64", [[1], [2]]);
  const bad = (text: string) =>
    run("filterCandidates", step(), { input: [ids], seen: [scalars("string", ["", text], ids.rows.parent!)] });
  await expect(bad("aGVsbG8=")).rejects.toThrow("column `seen` holds 5 bytes that are not a Bloom filter at row 1");
  const none = filterOf([1], 0.1);
  none[4] = 0;
  await expect(bad(base64(none))).rejects.toThrow("a Bloom filter of 0 places an id at row 1");
});

test("a dozen lines of Python with mmh3 make the same bytes", () => {
  const script = `
import base64, json, math, struct, sys, mmh3
def bloom(ids, rate):
    n = max(1, len(ids)); wanted = -n * math.log(rate) / math.log(2) ** 2
    bits = bytearray(math.ceil(wanted / 64) * 8); places = max(1, min(64, math.floor(wanted / n * math.log(2) + 0.5)))
    for one in ids:
        key = one.encode() if isinstance(one, str) else struct.pack("<q", one)
        a, b = mmh3.hash(key, 0, signed=False), mmh3.hash(key, 1, signed=False) | 1
        for i in range(places):
            at = (a + i * b) % 2**32 % (8 * len(bits)); bits[at >> 3] |= 1 << (at & 7)
    return b"MBF1" + bytes([places, 0, 0, 0]) + bits
print(json.dumps([base64.b64encode(bloom(ids, rate)).decode() for ids, rate in json.load(sys.stdin)]))`;
  const cases = [
    [[1, 2, -3, 2 ** 52], 0.01],
    [["a", "ç", ""], 0.001],
    [[], 0.01],
    [Array.from({ length: 500 }, (_, i) => i * i), 0.05],
  ] as const;
  const made = JSON.parse(execFileSync(python(), ["-c", script], { input: JSON.stringify(cases), encoding: "utf8" }));
  expect(made).toEqual(
    cases.map(([ids, rate]) => base64(filterOf(ids, rate, typeof ids[0] === "string" ? "string" : "int64"))),
  );
});
