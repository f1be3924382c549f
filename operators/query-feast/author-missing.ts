/** The rules of `onMissing` for the features that `queryFeast` reads: existing names, defaults of their dtypes. */

import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { type ColumnSchema, printType } from "../../contract/schema.js";
import type { Call } from "../shared/author/define-op.js";
import type { FeastAuthor } from "./author-options.js";
import type { FeastViews } from "./author-views.js";
import { defaultFault, missingRule, namedInMissing } from "./spec-missing.js";

/** Reports a name in `onMissing` that no view has, and a default that is none of its feature's. */
export function fitsMissing(
  call: Call<FeastAuthor>,
  { views }: FeastViews,
  outputs: readonly { readonly schema: ColumnSchema; readonly feature: string }[],
): boolean {
  const { onMissing, repository } = call.params;
  const known = [...new Set([...outputs.map(o => o.schema.name), ...views.flatMap(v => v.features.map(f => f.name))])];
  const stray = namedInMissing(onMissing).find(name => !known.includes(name));
  if (stray !== undefined) {
    call.fail(
      messages.feastFeatureMissing({
        path: repository,
        view: views.map(v => v.name).join("`, `"),
        feature: stray,
        known: listNames(known),
        suggestion: suggest(stray, known),
      }),
      { literal: stray },
    );
    return false;
  }
  for (const { schema, feature } of outputs) {
    const rule = missingRule(onMissing, schema.name, feature);
    const problem = typeof rule === "object" ? defaultFault(schema, rule.default) : undefined;
    if (problem === undefined) continue;
    call.fail(
      messages.graphParameter({ operator: "queryFeast", problem, way: `Give a ${printType(schema)}, or \`"null"\`.` }),
      "right",
    );
    return false;
  }
  return true;
}
