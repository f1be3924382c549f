import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Index } from "faiss-node";
import { afterAll, describe, expect, test } from "vitest";
import { patchIvfIds, readFaissHeader, readFaissHeaderFile, wrapIdMap } from "#formats/faiss/faiss.js";
import "../../needs/built.js";
import { python } from "../../needs/python.js";

const folder = fileURLToPath(new URL("../../fixtures/faiss", import.meta.url));
const files = readdirSync(folder).filter(name => name.endsWith(".faiss"));
const answers = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as {
  indexes: Record<string, { metric: string; ntotal: number }>;
};
const out = mkdtempSync(join(tmpdir(), "merlon-faiss-"));
afterAll(() => rmSync(out, { recursive: true }));

describe("headers of files that FAISS wrote", () => {
  test.each(files)("%s", name => {
    const header = readFaissHeaderFile(join(folder, name));
    const { metric, ntotal } = answers.indexes[name.replace(".faiss", "")]!;
    expect(header).toMatchObject({ dimension: 4, metric, ntotal });
    expect(header.ids).toBe(/^(ivf|id-map)/.test(name) ? "stored" : "positions");
    if (name.startsWith("ivf"))
      expect(header).toMatchObject({ kind: "ivf-flat", nlist: name.includes("sparse") ? 32 : 4, nprobe: 1 });
  });

  test.each(files)("%s: cut anywhere, it is refused by name", name => {
    const bytes = readFileSync(join(folder, name));
    for (let length = 0; length < bytes.length; length += 7)
      expect(() => readFaissHeader(bytes.subarray(0, length), name), `${length} bytes`).toThrow(
        new RegExp(`^${name} is not a whole FAISS index: `),
      );
    expect(() => readFaissHeader(Buffer.concat([bytes, Buffer.alloc(3)]), name)).toThrow(
      `${name} is not a whole FAISS index: 3 bytes follow the index.`,
    );
  });

  test("a kind that is not served, and garbage", () => {
    const bytes = readFileSync(join(folder, "flat-ip.faiss"));
    const refusal = (letters: string) => {
      bytes.write(letters);
      return () => readFaissHeader(bytes, "turned.faiss");
    };
    expect(refusal("INSf")).toThrow(
      /turned\.faiss is a FAISS index of kind `INSf`, NSG, which is not served\. Served are Flat, PQ and SQ/,
    );
    expect(refusal("Ixyz")).toThrow(/turned\.faiss is a FAISS index of kind `Ixyz`, which is not served\./);
    expect(refusal("IBxF")).toThrow(
      /turned\.faiss is a FAISS index of bits \(`IBxF`, an `IndexBinary`\), which is not served: queries are vectors/,
    );
    expect(() => readFaissHeader(Buffer.from("not an index at all"), "x.faiss")).toThrow(
      /^x\.faiss is not a whole FAISS index: it begins with "not "/,
    );
  });

  test("a changed file is refused by name, or FAISS searches it without harm", () => {
    const { Index: Faiss } = createRequire(import.meta.url)("faiss-node") as { Index: typeof Index };
    const seen = { refused: 0, searched: 0 };
    for (const name of files) {
      const bytes = readFileSync(join(folder, name));
      for (let at = 0; at < Math.min(bytes.length, 400); at++) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at]! + 0x7f) & 0xff;
        try {
          const { ntotal } = readFaissHeader(changed, name);
          expect(Faiss.fromBuffer(changed).search([1, 2, 3, 4], Math.min(3, ntotal)).labels.length).toBeLessThanOrEqual(
            3,
          );
          seen.searched++;
        } catch (error) {
          expect(error, `${name}, byte ${at}`).toMatchObject({ name: "FaissFileError" });
          seen.refused++;
        }
      }
    }
    expect(seen.refused).toBeGreaterThan(500);
    expect(seen.searched).toBeGreaterThan(500);
  });
});

describe("ids given to what faiss-node builds", () => {
  const faiss = createRequire(import.meta.url)("faiss-node") as { Index: typeof Index };
  const n = 64;
  const vectors = Array.from({ length: n * 4 }, (_, i) => Math.sin(i * 1.7) * Math.cos(i));
  const ids = BigInt64Array.from({ length: n }, (_, i) => 2n ** 53n + 1n + BigInt(i) * 3n);
  /** Ids of the nearest vector to each vector, as FAISS in Python reads them. */
  const nearest = (file: string): string[] => {
    const code =
      "import faiss, json, sys; i = faiss.read_index(sys.argv[1]); x = json.loads(sys.argv[2]); import numpy as np; print(json.dumps([str(v) for v in i.search(np.array(x, 'f4').reshape(-1, 4), 1)[1].ravel().tolist()]))";
    return JSON.parse(execFileSync(python(), ["-c", code, file, JSON.stringify(vectors)], { encoding: "utf8" }));
  };

  test("IVF,Flat: ids inside the lists", () => {
    const index = faiss.Index.fromFactory(4, "IVF1,Flat", 1);
    index.train(vectors);
    index.add(vectors);
    const file = join(out, "ivf.faiss");
    writeFileSync(file, patchIvfIds(index.toBuffer(), ids));
    expect(nearest(file)).toEqual(Array.from(ids, String));
    expect(() => wrapIdMap(index.toBuffer(), ids)).toThrow("the index (ivf-flat) has ids of its own");
  });

  test("Flat: an id map around it", () => {
    const index = faiss.Index.fromFactory(4, "Flat", 1);
    index.add(vectors);
    const file = join(out, "flat.faiss");
    writeFileSync(file, wrapIdMap(index.toBuffer(), ids));
    expect(nearest(file)).toEqual(Array.from(ids, String));
    expect(readFaissHeaderFile(file)).toMatchObject({ kind: "id-map", ntotal: n, inner: { kind: "flat" } });
    expect(() => wrapIdMap(index.toBuffer(), ids.subarray(1))).toThrow("63 ids for an index of 64 vectors.");
    expect(() => patchIvfIds(index.toBuffer(), ids)).toThrow("wrap it with `wrapIdMap`");
  });
});
