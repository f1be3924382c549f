/** Descriptions of steps. */

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** Parameters by name, where they say it best themselves. */
export const listed = (params: object): string =>
  Object.entries(params)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");

export const views = (view: string | readonly string[]): string =>
  typeof view === "string" ? `view ${view}` : `views ${view.join(", ")}`;

export const keys = (column: string | Readonly<Record<string, string>>): string =>
  typeof column === "string" ? column : Object.values(column).join(", ");
