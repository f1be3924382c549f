/** Integer ids → float32 vectors from an embedding table; one binary search and one copy per id. */

import { pathInside } from "../../contract/files/path-inside.js";
import { KEYS, TABLE, VECTORS } from "../../formats/tables/embedding-table.js";
import { words } from "../../runtime/base/columns/words.js";
import { invalid, RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { openEmbeddingTable } from "../../runtime/stores/embeddings/embedding-table.js";
import { artefactFile, artefactFolder } from "../shared/kernel/artefact-file.js";

export const queryEmbedding: Kernel<"queryEmbedding"> = {
  prepare: (step, { folder }) => {
    const { onMissing, memoryMb, dimension } = step.params;
    const at = artefactFolder(folder, step.artefacts.table);
    for (const name of [TABLE, KEYS, VECTORS]) artefactFile(at, pathInside(name));
    const table = openEmbeddingTable(at, memoryMb * 2 ** 20);
    if (table.dimension !== dimension) {
      table.close();
      throw invalid(
        `the table \`${step.params.path}\` has vectors of ${table.dimension}, and the plan says ${dimension}. Build the ensemble again.`,
      );
    }
    const name = step.inputs.input[0].name;
    return {
      run: ({ input }) => {
        const ids = input[0];
        const values = new Float32Array(ids.rows.count * dimension);
        const pairs = ids.values instanceof BigInt64Array ? words(ids.values) : undefined;
        for (let i = 0; i < ids.rows.count; i++) {
          const small = pairs ? 0 : (ids.values[i] as number);
          const at =
            ids.validity?.[i] === 0
              ? -1
              : pairs
                ? table.find(pairs[2 * i]!, pairs[2 * i + 1]!)
                : table.find(small | 0, small < 0 ? -1 : 0);
          if (at >= 0) table.copy(at, values, i * dimension);
          else if (onMissing === "error")
            throw new RuntimeFault(
              "NOT_FOUND",
              `column \`${name}\`: \`${step.params.path}\` has no vector for ${ids.validity?.[i] === 0 ? "null" : ids.values[i]} (row ${i}). Use \`onMissing: "zero"\`, or build the table with it.`,
            );
        }
        return [{ dtype: "float32", rows: ids.rows, values, width: dimension }];
      },
      close: () => table.close(),
    };
  },
};
