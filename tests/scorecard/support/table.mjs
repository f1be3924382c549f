/**
 * Results as a table of Markdown, with the reasons of failures below it.
 */
const VERDICT = new Map([
  [true, "holds"],
  [false, "FAILS"],
  [undefined, "not yet judged"],
]);

/** @param results `{ id, title, figure, bar, pass, note }` */
export function table(results) {
  const rows = [
    ["line", "measure", "figure", "bar", "verdict"],
    ...results.map(({ id, title, figure, bar, pass }) => [id, title, figure, bar, VERDICT.get(pass)]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  const text = rows.map(row => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`);
  text.splice(1, 0, `| ${widths.map(width => "-".repeat(width)).join(" | ")} |`);
  const notes = results.filter(({ note }) => note).map(({ id, note }) => `${id}: ${note}`);
  return [...text, "", ...notes].join("\n");
}
