/** A stage that is to keep more candidates than the search before it finds, or whose floor leaves no room for scores. */

import { REQUEST_ROWS } from "../../../contract/schema.js";
import { chooses } from "../../../contract/step-facts.js";
import * as messages from "../../diagnostics/messages.js";
import { type Inference, type InferredStep, report } from "./inference.js";
import { broughtBy, stepsById } from "./origin.js";

/** Warns of both. @param step the one that was understood last */
export function checkTopk(inference: Inference, step: InferredStep): void {
  const topk = chooses(step) ? topkOf(step) : undefined;
  const search = topk === undefined ? undefined : broughtBy(step, stepsById(inference));
  const found = search?.madeRows?.parent === REQUEST_ROWS ? topkOf(search) : undefined;
  if (topk === undefined || !search || found === undefined) return;
  checkFloor(inference, step, { search, found });
  if (found >= topk) return;
  const message = messages.graphTopkShort({ operator: step.op, topk, search: search.op, found });
  const related = [{ note: `\`${search.op}\` finds ${found}`, site: search.site }];
  report(inference, message, step.site, "right", related, "warning");
}

interface Found {
  readonly search: InferredStep;
  readonly found: number;
}

/** The first position has all of the candidates, if no stage in between leaves any out. */
function checkFloor(inference: Inference, step: InferredStep, { search, found }: Found): void {
  const least = floorOf(step);
  if (least === undefined || found < 2 || least * found < 1) return;
  const way = Number((1 / (100 * found)).toPrecision(1));
  const message = messages.graphFloorUniform({ operator: step.op, least, search: search.op, found, way });
  const related = [{ note: `\`${search.op}\` finds ${found}`, site: search.site }];
  report(inference, message, step.site, "right", related, "warning");
}

const floorOf = ({ params }: InferredStep): number | undefined =>
  "minPropensity" in params && typeof params.minPropensity === "number" ? params.minPropensity : undefined;

const topkOf = ({ params }: InferredStep): number | undefined =>
  "topk" in params && typeof params.topk === "number" ? params.topk : undefined;
