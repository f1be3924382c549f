// FAISS of another build, and one with a fault, through the binding's interface; and the memory that a scan shares.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { printFlat } from "#formats/faiss/print-flat.js";
import { type Binding, binding } from "#runtime/stores/vectors/native-binding.js";
import { openNativeVectors } from "#runtime/stores/vectors/native-index.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";

vi.mock(import("#runtime/stores/vectors/native-binding.js"), { spy: true });
const real = binding()!;
afterEach(() => void vi.mocked(binding).mockReset());
/** FAISS with some calls in the place of its own. */
const faissWith = (calls: Partial<Binding>) => vi.mocked(binding).mockReturnValue({ ...real, ...calls });

test("a position that is not among the vectors ends the search", async () => {
  const found = { ids: BigInt64Array.of(3n), distances: Float32Array.of(0), micros: 1 };
  faissWith({ searchAsync: async () => found, searchSync: () => found });
  const vectors = { vectors: Float32Array.of(1, 2, 3), ids: BigInt64Array.of(7n, 8n, 9n), dimension: 1 };
  const index = (await openNativeVectors({ ...vectors, metric: "l2" }, "some"))!;
  await expect((async () => index.search(Float32Array.of(1), 1, 1))()).rejects.toThrow(
    "FAISS found the position 3 among 3",
  );
  await index.close();
});

test("a file that is removed while FAISS opens it is refused by its path", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-removed-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "items.faiss");
  writeFileSync(path, printFlat(Float32Array.of(1, 2, 3), 1, "l2"));
  const closed = vi.fn(real.close);
  faissWith({
    open: async (...of) => {
      const opened = await real.open(...of);
      rmSync(path);
      return opened;
    },
    close: closed,
  });
  await expect(openIndex(path)).rejects.toThrow(`${path} changed while it was read`);
  expect(closed).toHaveBeenCalledOnce();
});
