/** How steps are narrowed to the columns that are read. */
import type { StepColumns } from "./operator.js";

/**
 * For a step that makes its columns one by one: an input is dropped if none of its outputs is read. With flags of `fillMissing` there are
 * two.
 */
export function narrowEach<P>(
  { inputs, outputs }: StepColumns<P>,
  isRead: (column: string) => boolean,
): Partial<StepColumns<P>> {
  const { input = [] } = inputs;
  const each = outputs.length / input.length;
  // A function of several columns makes one, and needs them all.
  if (each < 1) return {};
  const keep = input.map((_, i) => outputs.slice(i * each, (i + 1) * each).some(c => isRead(c.name)));
  return {
    outputs: outputs.filter((_, i) => keep[Math.floor(i / each)]),
    inputs: { ...inputs, input: input.filter((_, i) => keep[i]) },
  };
}

/** The columns that are read, and those of a record by column that belong to them. */
export function readOf<V>(
  { outputs }: StepColumns<unknown>,
  isRead: (column: string) => boolean,
  record: Readonly<Record<string, V>>,
): { readonly outputs: typeof outputs; readonly named: Record<string, V> } {
  const read = outputs.filter(c => isRead(c.name));
  const names = new Set(read.map(c => c.name));
  return { outputs: read, named: Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name))) };
}
