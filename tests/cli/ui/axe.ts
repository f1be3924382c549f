/** axe's findings on a page, as `rule: element`. The page's policy allows no foreign script, so axe runs as the browser's own. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function faultsOfAxe(page: Page): Promise<readonly string[]> {
  const known = await page.evaluate("typeof axe");
  if (known === "undefined") await page.evaluate(AXE);
  return (await page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(found =>
      found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ": " + target.join(" ") + " " + failureSummary)))`,
  )) as readonly string[];
}
