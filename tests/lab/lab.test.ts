/** The lab's own tests, run by pytest: each counts as one here. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runLab } from "./lab-python.js";

interface Case {
  readonly name: string;
  readonly failure: string | undefined;
}

async function runPytest(): Promise<{ readonly cases: readonly Case[]; readonly said: string }> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-lab-tests-"));
  const report = join(folder, "report.xml");
  try {
    const { said } = await runLab(["-m", "pytest", "-q", "-p", "no:cacheprovider", `--junitxml=${report}`]);
    return { cases: readReport(readFileSync(report, "utf8")), said };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** pytest's report: `<testcase classname= name=>` with a `<failure>` or `<error>` inside where there is one. */
function readReport(xml: string): Case[] {
  return [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, file, name, body]) => ({
      name: `${file!.replace("tests.test_", "").replaceAll("_", " ")}: ${name!.replace(/^test_/, "").replaceAll("_", " ")}`,
      failure: body && /<(failure|error)\b/.test(body) ? body : undefined,
    }),
  );
}

const { cases, said } = await runPytest();

describe("pytest", () => {
  it("ran", () => expect(cases.length, said).toBeGreaterThan(20));
  for (const { name, failure } of cases) it(name, () => expect(failure).toBeUndefined());
});
