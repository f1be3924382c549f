/** `docs/reference/nvtabular-parity.md` has the counts of the cases. `UPDATE=1` writes it. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DIFFERENCES, ELSEWHERE } from "./parity-reasons.js";

interface Named {
  readonly name: string;
  readonly links: readonly { readonly op: string; readonly params?: Readonly<Record<string, unknown>> }[];
}

const fixture = (name: string): readonly Named[] =>
  JSON.parse(readFileSync(new URL(`../../fixtures/nvtabular/${name}`, import.meta.url), "utf8")) as Named[];
const DOCUMENT = new URL("../../../docs/reference/nvtabular-parity.md", import.meta.url);

const usesSwitch = ({ links }: Named): boolean =>
  links.some(
    ({ params = {} }) =>
      params.nvtabularHash === true || params.nvtabularNulls === true || params.foldMode !== undefined,
  );

function print(): string {
  const excused = Object.keys(fixture("../nvtabular-import/random-excused.json")).length;
  const cases = fixture("cases.json");
  const different = fixture("different.json");
  const operators = [...new Set(cases.map(one => one.name.split("/")[0]!))].filter(op => op !== "chain").sort();
  const rows = operators.map(operator => {
    const mine = cases.filter(one => one.name.startsWith(`${operator}/`));
    const switched = mine.filter(usesSwitch).length;
    const recorded = different.filter(one => one.links.at(-1)!.op === operator).length;
    return `| \`${operator}\` | ${mine.length - switched} | ${switched || ""} | ${recorded || ""} |`;
  });
  return `# Parity with NVTabular 23.08

After this page you know which results of Merlon's operators equal those of NVTabular, and where they differ on purpose.

${cases.length} cases ran through NVTabular on CPU. \`tests/oracles/nvtabular\` has the generator and its pins. Hashes without the
row number ran through pandas. In each case Merlon's values and schema are equal, computed in three ways: by kernel, by
SQL (\`merlon transform\`), and by the server over gRPC. The server gets one row per request if the operator reads one
row.

| column | meaning |
|---|---|
| equal | cases with equal results |
| with the switch | cases that are equal with \`nvtabularHash\`, \`nvtabularNulls\` or \`foldMode: "nvtabular"\` |
| recorded | cases that differ on purpose; a test has both results |

| operator | equal | with the switch | recorded |
|---|---|---|---|
${rows.join("\n")}

100 random workflows of all operators were fitted with NVTabular, exported and imported. Their data has nulls and lists,
in one to three files. ${100 - excused} of them have the results of NVTabular in every value. The other ${excused} differ or are refused, by a
difference of this page. \`tests/runtime/etl/import/import-nvtabular-random.test.ts\` has the reason of each.

## Differences

| operator | case | Merlon | NVTabular |
|---|---|---|---|
${Object.entries(DIFFERENCES)
  .flatMap(([operator, differences]) => differences.map(row => `| \`${operator}\` | ${row.join(" | ")} |`))
  .join("\n")}

## Operators without a counterpart

${Object.entries(ELSEWHERE)
  .map(([what, how]) => `- ${what}: ${how}`)
  .join("\n")}

\`tests/runtime/etl/parity.test.ts\` writes this page.
`;
}

test("the page has the counts of the cases", () => {
  const page = print();
  if (process.env.UPDATE) writeFileSync(DOCUMENT, page);
  expect(readFileSync(DOCUMENT, "utf8")).toBe(page);
});

test("every operator with cases has a line of its own", () => {
  const operators = new Set(fixture("cases.json").map(one => one.name.split("/")[0]!));
  operators.delete("chain");
  expect(Object.keys(DIFFERENCES).sort()).toEqual([...operators].sort());
});
