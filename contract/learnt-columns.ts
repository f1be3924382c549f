import { PlanError } from "./plan-error.js";

/** A file beside the plan. */
export interface LearntFile {
  readonly what: "vocabulary" | "table";
  readonly path: string;
}

/**
 * Columns that the state of a fitted step has something of, on their own or in a group with others, and the file that this is in, if it is in one.
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

/** What a fitted step knows of one column. @throws PlanError where it knows nothing of it */
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
  new PlanError(`step \`${id}\` (${op}) has not learnt column \`${column}\`. Run \`merlon fit\` again.`);
