/** A stage that is to keep more candidates than the search before it finds. */

import { REQUEST_ROWS } from "../../../contract/schema.js";
import { chooses } from "../../../contract/step-facts.js";
import * as messages from "../../diagnostics/messages.js";
import { type Inference, type InferredStep, report } from "./inference.js";
import { broughtBy, stepsById } from "./origin.js";

/** Warns of it. @param step the one that was understood last */
export function checkTopk(inference: Inference, step: InferredStep): void {
  const topk = chooses(step) ? topkOf(step) : undefined;
  const search = topk === undefined ? undefined : broughtBy(step, stepsById(inference));
  const found = search?.madeRows?.parent === REQUEST_ROWS ? topkOf(search) : undefined;
  if (topk === undefined || !search || found === undefined || found >= topk) return;
  const message = messages.graphTopkShort({ operator: step.op, topk, search: search.op, found });
  const related = [{ note: `\`${search.op}\` finds ${found}`, site: search.site }];
  report(inference, message, step.site, "right", related, "warning");
}

const topkOf = ({ params }: InferredStep): number | undefined =>
  "topk" in params && typeof params.topk === "number" ? params.topk : undefined;
