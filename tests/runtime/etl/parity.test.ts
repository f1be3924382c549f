/** `docs/reference/nvtabular-parity.md` says what the cases say. `UPDATE=1` writes it anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BETTER, ELSEWHERE } from "./parity-reasons.js";

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
    const better = BETTER[operator] || "nothing known";
    return `| \`${operator}\` | ${mine.length - switched} | ${switched || ""} | ${recorded || ""} | ${better} |`;
  });
  return `# Parity with NVTabular 23.08

After this page you know where Merlon's operators answer as NVTabular does, and where they differ on purpose.

${cases.length} cases ran through NVTabular on CPU (hashes without the row number: through pandas); \`tests/oracles/nvtabular\` has the generator and its pins. In each, Merlon's answer is equal
value for value and its schema feature for feature, three times over: by kernel, by SQL (\`merlon transform\`), and through the server over gRPC, one row a request where the
operator looks at one row. *With the switch*: equal where \`nvtabularHash\`, \`nvtabularNulls\` or \`foldMode: "nvtabular"\` selects the original's behaviour. *Recorded*: cases in which Merlon
answers otherwise on purpose, with both answers in a test. This page is written by \`tests/runtime/etl/parity.test.ts\`.

100 workflows drawn at random, of all operators, over data with nulls and lists in one to three files, were fitted with NVTabular, exported and imported. ${100 - excused} of them answer as NVTabular in
every value; the other ${excused} differ, or are refused, where this page says so (\`tests/runtime/etl/import/import-nvtabular-random.test.ts\` says which and why).

| operator | equal | with the switch | recorded | better, and why |
|---|---|---|---|---|
${rows.join("\n")}

Without a counterpart:

${Object.entries(ELSEWHERE)
  .map(([what, how]) => `- ${what}: ${how}`)
  .join("\n")}
`;
}

test("the page is what the cases say", () => {
  const page = print();
  if (process.env.UPDATE) writeFileSync(DOCUMENT, page);
  expect(readFileSync(DOCUMENT, "utf8")).toBe(page);
});

test("every operator with cases has a line of its own", () => {
  const operators = new Set(fixture("cases.json").map(one => one.name.split("/")[0]!));
  operators.delete("chain");
  expect(Object.keys(BETTER).sort()).toEqual([...operators].sort());
});
