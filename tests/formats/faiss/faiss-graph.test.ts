// The graph of an HNSW index in a FAISS file, by one number that is wrong.
import { describe, expect, test } from "vitest";
import { flat, hnsw, pq } from "../../walls/support/faiss-file.js";
import { BODY, floats, layout, METRIC, put32, put64, said } from "./said.js";

describe("a graph", () => {
  const storage = flat(1, floats(3));
  const index = hnsw("IHNf", 3, storage);
  // Level probabilities, neighbors per level, levels, offsets, links, and where a search starts.
  const at = { perLevel: BODY + 8, levels: BODY + 24, offsets: BODY + 44, links: BODY + 84, start: BODY + 140 };
  test("has its candidates, and the place of their number", () => {
    expect(layout(index)).toMatchObject({
      header: { kind: "hnsw-flat", efSearch: 16, ids: "positions" },
      ...{ efSearchAt: at.start + 12, vectorRuns: [{ offset: index.length - 12, count: 3 }] },
    });
    expect(layout(hnsw("IHNp", 2, pq(2, 1, 2, 2)))).toMatchObject({
      header: { kind: "hnsw-pq" },
      ...{ tables: 2 ** 4 * 4, scratch: 2 ** 2 * 4, vectorRuns: [] },
    });
  });
  test.each<[string, readonly ((copy: Buffer) => unknown)[], string]>([
    ["lowest level", [put32(at.perLevel + 8, 1)], "links of the lowest level do not begin at 0"],
    ["level", [put32(at.perLevel + 12, -1)], "neighbor counts of levels decrease"],
    ["level of a vector", [put32(at.levels + 8, 0)], "levels do not fit the vectors"],
    ["level of a vector", [put32(at.levels + 16, 2)], "levels do not fit the vectors"],
    ["link", [put32(at.links + 8, -2)], "a link to a vector that does not exist"],
    ["link", [put32(at.links + 8, 3)], "a link to a vector that does not exist"],
    ["offset", [put64(at.offsets + 8 + 8, 5)], "links of vector 1 begin elsewhere"],
    ["last offset", [put64(at.offsets + 8 + 24, 11)], "links of vector 3 begin elsewhere"],
    [
      "number of links",
      [put32(at.perLevel + 12, 5), put64(at.offsets + 16, 5), put64(at.offsets + 24, 10)],
      "links end early",
    ],
    ["start", [put32(at.start, 3)], "it starts at vector 3 on level 0"],
    ["start", [put32(at.start, -1)], "it starts at vector -1 on level 0"],
    ["start", [put32(at.start, -2)], "it starts at vector -2 on level 0"],
    ["level to start on", [put32(at.start + 4, 1)], "it starts at vector 0 on level 1"],
    ["level to start on", [put32(at.start + 4, -1)], "it starts at vector 0 on level -1"],
    ["efSearch", [put32(at.start + 12, 0)], "efSearch is 0"],
    ["efSearch", [put32(at.start + 12, 1_000_001)], "efSearch is 1000001"],
    ["metric", [put32(METRIC, 0)], "its vectors do not fit its graph"],
    [
      "storage",
      [copy => copy.write("IxSQ", index.length - storage.length)],
      "an index of kind `IxSQ` is inside another, where IxFI, IxF2, IxFl can be",
    ],
  ])("with another %s is refused (%#)", (_, changes, message) => {
    expect(said(index, ...changes)).toBe(message);
  });
  test("that is cut names the part that is not whole", () => {
    const cut = (length: number) => () => layout(index.subarray(0, length));
    expect(cut(at.start + 10)).toThrow(/efConstruction at byte \d+ takes 4 bytes and only 2 follow/);
    expect(cut(at.start + 17)).toThrow(/the upper beam at byte \d+ takes 4 bytes and only 1 follow/);
  });
});
