// The table of docs/guides/editors.md, measured with live servers. `UPDATE=1` rewrites it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FEATURES, FORMS, type Form, measure, TYPESCRIPTS, type Which } from "./matrix.js";

const PAGE = join(import.meta.dirname, "../../../docs/guides/editors.md");
const [START, END] = ["<!-- matrix: measured by tests/compiler/editor/matrix.test.ts -->", "<!-- end of matrix -->"];

const titleOf = (feature: string): string => (["check", "tsc"].includes(feature) ? `\`merlon ${feature}\`` : feature);

test("what each TypeScript shows of each form", { timeout: 600_000 }, async () => {
  const versions = Object.keys(TYPESCRIPTS) as Which[];
  const found = await Promise.all(versions.map(measure));
  const rows = (Object.keys(FORMS) as Form[]).flatMap(form =>
    versions.map((which, index) => {
      const cells = FEATURES.map(feature => (found[index]![form][feature] ? "yes" : "no"));
      return `| ${form} | ${which} | ${cells.join(" | ")} |`;
    }),
  );
  const table = [
    `| program | editor and project | ${FEATURES.map(titleOf).join(" | ")} |`,
    `|---|---|${FEATURES.map(() => "---|").join("")}`,
    ...rows,
  ].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const [before = "", rest = ""] = page.split(`${START}\n`);
  const made = `${before}${START}\n${table}\n${END}${rest.slice(rest.indexOf(END) + END.length)}`;
  if (process.env.UPDATE) writeFileSync(PAGE, made);
  expect(made).toBe(readFileSync(PAGE, "utf8"));
});
