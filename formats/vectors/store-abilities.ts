/** Tests of conditions that some databases lack. */

import type { TextTest } from "../../contract/vector-filter/filter.js";
import { FilterFault, type Template, textTestsOf } from "../../contract/vector-filter/template.js";
import type { VectorStore } from "./vector-store.js";

/** Tests of a part of a text, exactly as JavaScript has them. */
const TEXT_TESTS: Readonly<Record<VectorStore["type"], readonly TextTest[]>> = {
  pgvector: ["startsWith", "endsWith", "includes"],
  redis: [],
  milvus: ["startsWith"],
  qdrant: [],
};

/** @throws FilterFault naming the database, the test and the attribute */
export function refuseFilter(type: VectorStore["type"], template: Template): void {
  for (const { attribute, text } of textTestsOf(template))
    if (!TEXT_TESTS[type].includes(text))
      throw new FilterFault(
        `uses \`${text}\` of \`item.${attribute}\`, which ${type} cannot test`,
        "Load an attribute that has the answer, or filter the candidates afterwards with `filter`.",
      );
}
