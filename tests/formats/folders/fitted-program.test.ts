/** The program that a fitted folder notes, and whether a text of it was edited since. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import {
  editedProgram,
  type FittedProgram,
  fittedProgram,
  fittedProgramSchema,
  sumOfPlan,
} from "#formats/folders/fitted-program.js";

const root = mkdtempSync(join(tmpdir(), "merlon-program-"));
afterAll(() => rmSync(root, { recursive: true }));
const plan = (name: string): Plan =>
  ({
    ...{ format: "merlon/plan", version: 1, kind: "workflow", name },
    inputs: [],
    steps: [],
    outputs: [],
  }) as unknown as Plan;

let project: string;
let noted: FittedProgram;
const at = (path: string): string => join(project, path);
function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}
beforeEach(() => {
  project = mkdtempSync(join(root, "p-"));
  write("programs/user.workflow.ts", "a");
  write("shared/sizes.ts", "b");
  const texts = [at("shared/sizes.ts"), at("programs/user.workflow.ts")];
  noted = fittedProgram(at("fitted/user"), { file: at("programs/user.workflow.ts"), texts, plan: plan("user") });
});

test("a note has paths from the folder and from the program, and checksums", () => {
  expect(fittedProgramSchema.parse(noted)).toEqual(noted);
  expect(noted.file).toBe("../../programs/user.workflow.ts");
  // SHA-256 of `b` and of `a`, in the order of the files' own paths.
  expect(Object.entries(noted.texts)).toEqual([
    ["user.workflow.ts", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"],
    ["../shared/sizes.ts", "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"],
  ]);
  expect(noted.plan).toBe(sumOfPlan(plan("user")));
  expect(noted.plan).not.toBe(sumOfPlan(plan("item")));
  const { texts } = fittedProgram(at("out"), {
    ...{ file: at("programs/user.workflow.ts"), plan: plan("user") },
    texts: [at("programs/user.workflow.ts"), at("shared/sizes.ts")],
  });
  expect(texts).toEqual(noted.texts);
});

test("a program is edited if a text of it is edited or removed; not if all of it is removed", () => {
  const edited = (): string | undefined => editedProgram(at("fitted/user"), noted);
  expect(edited()).toBeUndefined();
  write("shared/sizes.ts", "b ");
  expect(edited()).toBe(at("programs/user.workflow.ts"));
  write("shared/sizes.ts", "b");
  expect(edited()).toBeUndefined();
  rmSync(at("shared/sizes.ts"));
  expect(edited()).toBe(at("programs/user.workflow.ts"));
  renameSync(at("programs"), at("elsewhere"));
  expect(edited()).toBeUndefined();
});

test.each([
  ["without a file", { file: "" }],
  ["with a short checksum", { plan: "0".repeat(63) }],
  ["with capitals in a checksum", { plan: "A".repeat(64) }],
  ["with a long checksum", { texts: { a: "0".repeat(65) } }],
])("a note %s is none", (_, wrong) => {
  expect(fittedProgramSchema.safeParse({ ...noted, ...wrong }).success).toBe(false);
});
