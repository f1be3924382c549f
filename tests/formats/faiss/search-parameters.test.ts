// Parameters of a search: those of the file, and those written over them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFaissHeader, searchedBy, searchFault, writeSearchParameters } from "#formats/faiss/faiss.js";

describe("how an index is searched", () => {
  const kinds = join(import.meta.dirname, "../../fixtures/faiss-kinds/1.15.1");
  const of = (name: string) => readFaissHeader(readFileSync(join(kinds, `${name}.faiss`)));
  test("may be changed where it has lists or a graph, to as much as there is", () => {
    const { nlist } = of("ivf-flat");
    expect(searchFault(of("ivf-flat"), {})).toBeUndefined();
    expect(searchFault(of("ivf-flat"), { nprobe: nlist })).toBeUndefined();
    expect(searchFault(of("ivf-flat"), { nprobe: nlist! + 1 })).toBe(
      `has ${nlist} lists, and \`nprobe\` is ${nlist! + 1}`,
    );
    expect(searchFault(of("flat"), { nprobe: 1 })).toBe("has no lists (it is flat), and `nprobe` is given");
    expect(searchFault(of("idmap-ivf-pq"), { efSearch: 1 })).toBe(
      "has no graph (it is ivf-pq), and `efSearch` is given",
    );
    expect(searchFault(of("idmap-hnsw"), { efSearch: 1_000_000 })).toBeUndefined();
    expect(searchFault(of("idmap-hnsw"), { efSearch: 1_000_001 })).toBe(
      "is searched with `efSearch` 1000001, and a search allocates that number of candidates; give 1000000 at most",
    );
  });
  test.each(readdirSync(kinds).filter(name => name.endsWith(".faiss")))(
    "%s has the parameters that are written",
    name => {
      const bytes = readFileSync(join(kinds, name));
      const before = readFaissHeader(bytes);
      const { nprobe, efSearch } = searchedBy(before);
      writeSearchParameters(bytes, {});
      expect(readFaissHeader(bytes)).toEqual(before);
      writeSearchParameters(bytes, { nprobe: 3, efSearch: 77 });
      const after = searchedBy(readFaissHeader(bytes));
      expect([after.nprobe, after.efSearch]).toEqual([nprobe && 3, efSearch && 77]);
    },
  );
});
