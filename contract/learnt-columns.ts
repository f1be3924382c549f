import { PlanError } from "./plan-error.js";

/** A file beside the plan. */
export interface LearntFile {
  readonly what: "vocabulary" | "table";
  readonly path: string;
}

/**
 * Columns in the state of a fitted step, alone or in a group, and the file of that state, if any.
 * @param state one that its operator's schema has parsed
 */
export function learntColumns(state: unknown): ReadonlyMap<string, LearntFile | undefined> {
  const { columns = {}, groups = [] } = state as {
    columns?: Readonly<Record<string, { readonly vocabulary?: string }>>;
    groups?: readonly { readonly columns: readonly string[]; readonly table: string }[];
  };
  const found = new Map<string, LearntFile | undefined>();
  for (const [name, { vocabulary: path }] of Object.entries(columns))
    found.set(name, path === undefined ? undefined : { what: "vocabulary", path });
  for (const { columns: names, table: path } of groups)
    for (const name of names) found.set(name, { what: "table", path });
  return found;
}

/** The state of a fitted step for one column. @throws PlanError if it has none */
export function learntOf<C>(
  {
    id,
    op,
    state: { columns },
  }: {
    readonly id: string;
    readonly op: string;
    readonly state: { readonly columns: Readonly<Record<string, C>> };
  },
  column: string,
): C {
  if (Object.hasOwn(columns, column)) return columns[column] as C;
  throw notLearnt(id, op, column);
}

export const notLearnt = (id: string, op: string, column: string): PlanError =>
  new PlanError(`step \`${id}\` (${op}) has not learned column \`${column}\`. Run \`merlon fit\` again.`);
