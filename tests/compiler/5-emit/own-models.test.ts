/** Which folders a build writes, and which models of a repository it replaces: its own. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { finishModel } from "#compiler/5-emit/finish-model.js";
import { putModels } from "#compiler/5-emit/put-models.js";
import type { BuiltFrom } from "#formats/folders/manifest.js";

const root = realpathSync(mkdtempSync(join(tmpdir(), "merlon-own-")));
afterAll(() => rmSync(root, { recursive: true }));
let repository: string;
beforeEach(() => {
  repository = join(mkdtempSync(join(root, "r-")), "models");
});

const program = (name: string, file = `${name}.ensemble.ts`): BuiltFrom => ({
  ...{ kind: "ensemble", name, entry: name, file },
});
const put = (
  from: BuiltFrom,
  names: readonly string[],
  { out = repository, text = "1", reads = [] as string[] } = {},
) =>
  putModels({
    ...{ out, program: from, names, reads },
    write(folder) {
      for (const name of names) {
        write(join(folder, name), { "1/text": text });
        finishModel(join(folder, name), { name, backend: "identity" }, from);
      }
    },
  });
function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
const textOf = (model: string): string => readFileSync(join(repository, model, "1", "text"), "utf8");

describe("a model of a needed name is refused, and stays, if it", () => {
  afterEach(() => {
    expect(readdirSync(dirname(repository))).toEqual(["models"]);
  });
  test.each([
    ["was made by hand", { "shop_ranker/1/model.py": "theirs" }, /shop_ranker` was not written by `merlon build`/],
    ["has a manifest that cannot be read", { "shop_ranker/manifest.json": "{" }, /was not written by `merlon build`/],
    ["is a file", { shop_ranker: "theirs" }, /was not written by `merlon build`/],
  ])("%s", (_, files, message) => {
    write(repository, { "theirs/config.pbtxt": "", ...files });
    expect(() => put(program("shop"), ["shop", "shop_ranker"])).toThrow(message);
    expect(readFileSync(join(repository, Object.keys(files)[0]!), "utf8")).toBe(Object.values(files)[0]);
    expect(existsSync(join(repository, "shop"))).toBe(false);
  });
  test("belongs to another ensemble", () => {
    put(program("shop"), ["shop", "shop_ranker"]);
    expect(() => put(program("shop_ranker"), ["shop_ranker"], { text: "2" })).toThrow(
      `\`${join(repository, "shop_ranker")}\` belongs to the ensemble \`shop\` (shop.ensemble.ts), and \`shop_ranker\` has a model of this name. Build into another repository, rename the ensemble, or move \`shop_ranker\` away first.`,
    );
    expect(textOf("shop_ranker")).toBe("1");
  });
  test("has a version or a file of another hand", () => {
    put(program("shop"), ["shop"]);
    for (const file of ["3/model.onnx", "labels.txt"]) {
      write(join(repository, "shop"), { [file]: "theirs" });
      expect(() => put(program("shop"), ["shop"], { text: "2" })).toThrow(
        `\`${join(repository, "shop", file)}\` was not written by \`merlon build\`, which would replace \`shop\``,
      );
      rmSync(join(repository, "shop", file));
    }
    put(program("shop"), ["shop"], { text: "2" });
    expect(textOf("shop")).toBe("2");
  });
});

describe("a folder to write", () => {
  const cwd = process.cwd();
  afterEach(() => process.chdir(cwd));

  test.each([
    ["/", {}, /^`\/` is the root of the file system\. Give another `--out`\.$/],
    ["..", { "project/x": "" }, /^`\.\.` holds the working directory\./],
    [
      ".",
      { "project/package.json": "{}" },
      /^`\.` holds 3 entries that `merlon build` did not write\. Give another `--out`, or empty it\.$/,
    ],
    [".", { "project/public/manifest.json": "{}", "project/a": "", "project/2/a": "" }, /^`\.` holds 5 entries that /],
    [
      "programs",
      { "project/programs/shop.ensemble.ts": "" },
      /^`programs` holds `.*shop\.ensemble\.ts`, which the command reads/,
    ],
    ["nowhere", { "project/x": "" }, /nowhere can't be written: there is no such file/],
    ["circle", { "project/x": "" }, /circle can't be written: its links lead in a circle/],
    ["/proc", {}, /^`\/proc` is a mount point\. Give a folder below it as `--out`\.$/],
  ])("%s is refused", (out, files, message) => {
    const project = join(dirname(repository), "project");
    mkdirSync(project);
    write(dirname(repository), files);
    symlinkSync("missing", join(project, "nowhere"));
    symlinkSync("circle", join(project, "circle"));
    process.chdir(project);
    const before = [lstatSync(project).ino, readdirSync(project)];
    const reads = out === "programs" ? [join(project, out, "shop.ensemble.ts")] : [];
    expect(() => put(program("shop"), ["shop"], { out, reads })).toThrow(message);
    expect([lstatSync(project).ino, readdirSync(project)]).toEqual(before);
  });

  test("that is a link stays one, and its target gets the models", () => {
    put(program("shop"), ["shop"]);
    const link = join(dirname(repository), "current");
    symlinkSync("models", link);
    put(program("shop"), ["shop"], { out: link, text: "2" });
    expect([readlinkSync(link), textOf("shop")]).toEqual(["models", "2"]);
  });
});
