/** Ids of one space that meet those of another, and distances that are taken for scores. Both compile, and mean nothing. */
import * as messages from "../../../compiler/diagnostics/messages.js";
import { type IdSpace, spacesOf } from "../../../contract/id-space.js";
import { DISTANCE } from "../../../contract/similarity.js";
import type { Bound } from "./bound.js";
import type { Blame, Call } from "./define-op.js";

/** True only if it is sure: codes differ from raw ids, and so do two join keys of one store. */
const differ = (a: IdSpace, b: IdSpace, entities: ReadonlySet<string>): boolean =>
  a.kind === b.kind ? a.kind === "raw" && a.of !== b.of && entities.has(a.of) && entities.has(b.of) : true;

/** Warns of ids that are not of the spaces that the other side holds. @param entities names that are known to be different entities */
export function meetsIds(
  call: Pick<Call<unknown>, "warn">,
  bound: Bound,
  other: { readonly name: string; readonly spaces: readonly IdSpace[] },
  blame: Blame,
  entities: ReadonlySet<string> = new Set(),
): void {
  for (const mine of spacesOf(bound.column))
    for (const theirs of other.spaces) {
      if (!differ(mine, theirs, entities)) continue;
      call.warn(
        messages.graphIdsOfOther({
          column: bound.column.name,
          mine: printSpace(mine),
          other: other.name,
          theirs: printSpace(theirs),
          way:
            mine.kind === theirs.kind
              ? `Make both of the same ids: of \`${mine.of}\`, or of \`${theirs.of}\`.`
              : "Keep the raw ids next to the codes, and look up, filter and merge by them. Codes are for models.",
        }),
        blame,
        [{ note: `\`${bound.column.name}\` comes from here`, of: bound }],
      );
      return;
    }
}

const printSpace = ({ kind, of }: IdSpace): string => (kind === "codes" ? `codes of \`${of}\`` : `ids of \`${of}\``);

/** Warns of distances in the place of scores, whose largest is the best. */
export function largerIsBetter(
  call: Pick<Call<unknown>, "warn">,
  { column }: Bound,
  operator: string,
  blame: Blame,
): void {
  if (column.properties[DISTANCE] === true)
    call.warn(messages.graphDistanceAsScore({ operator, column: column.name }), blame);
}
