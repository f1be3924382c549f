/** A program's own files may not read what differs between runs and machines; packages that it imports may. */
import { expect, test } from "vitest";
import { evaluate } from "#compiler/3-graph/evaluate.js";
import "../../needs/built.ts";

const PROGRAM = "file:///machine/main.workflow.ts";
const SHARED = "file:///machine/shared.ts";
/** @param statement in a file that the program imports */
const evaluated = (statement: string) =>
  evaluate({
    entry: PROGRAM,
    modules: new Map([
      [SHARED, statement],
      [
        PROGRAM,
        `import "./shared.js"; import { source, workflow } from "merlon"; export default workflow("x", source({ a: "int64" }));`,
      ],
    ]),
  });

test.each([
  ["Math.random()", "const { random } = Math; [1].map(random);"],
  ["Math.random()", "Array.from({ length: 2 }, Math.random);"],
  ["Date.now()", "Date.now();"],
  ["new Date()", "new Date();"],
  ["new Date()", "class Day extends Date {} new Day();"],
  ["Date()", "Date();"],
  ["process", "globalThis.process.env;"],
  ["performance", "performance.now();"],
  ["crypto", "crypto.randomUUID();"],
])("%s: %s", async (machine, statement) => {
  expect(await evaluated(statement)).toMatchObject({
    ...{ kind: "threw", machine },
    stack: expect.stringContaining(`${SHARED}:1:`),
  });
});

test.each([
  "if (!(new Date(0) instanceof Date) || new Date(0).constructor !== Date || Date.UTC(1970, 0) !== 0) throw new Error();",
  `import { values } from "data:text/javascript,${encodeURIComponent(
    "export const values = () => [Math.random(), Date.now(), new Date(), performance.now(), process.pid, crypto.randomUUID()];",
  )}"; values();`,
])("what is the same everywhere, and packages: %#", async statement => {
  expect(await evaluated(statement)).toMatchObject({ kind: "graph" });
});
