/**
 * Files that plans, fitted workflows and feature stores name: none is opened outside the folder of the document that names it.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startServer } from "../runtime/server/support.js";

const MODELS = fileURLToPath(new URL("../../model-repo", import.meta.url));
const WORKFLOW = "recommend/1/workflows/etl-user";
const STORES = "recommend/1/features";

interface Place {
  readonly repository: string;
  /** Beside the repository. */
  readonly outside: string;
  readonly file: (path: string) => string;
}

/** As a repository without checksums, which would find an edited file first. */
function withoutManifest(repository: string): void {
  const config = join(repository, "recommend", "config.pbtxt");
  writeFileSync(
    config,
    readFileSync(config, "utf8").replace(/parameters \{\s*key: "merlon_manifest"\s*value \{[^}]*\}\s*\}/, ""),
  );
  rmSync(join(repository, "recommend", "manifest.json"), { force: true });
  for (const name of readdirSync(join(repository, "recommend/1/workflows")))
    rmSync(join(repository, "recommend/1/workflows", name, "manifest.json"), { force: true });
}

/** The state of the shop's model after a change of its files. */
async function stateAfter(
  change: (place: Place) => void,
  { manifest = false } = {},
): Promise<readonly [state: string, reason: string]> {
  const root = mkdtempSync(join(tmpdir(), "merlon-paths-"));
  const [repository, outside] = [join(root, "repository"), join(root, "outside")];
  cpSync(MODELS, repository, { recursive: true });
  cpSync(join(MODELS, "recommend", "1"), outside, { recursive: true });
  if (!manifest) withoutManifest(repository);
  change({ repository, outside, file: path => join(repository, path) });
  const server = await startServer(repository, { exitOnError: false });
  try {
    const { body } = await server.post("/v2/repository/index", {});
    const entry = (body as { name: string; state: string; reason?: string }[]).find(({ name }) => name === "recommend");
    return [entry?.state ?? "", entry?.reason ?? ""];
  } finally {
    await server.stop();
  }
}

const edit = (file: string, from: string | RegExp, to: string): void => {
  const text = readFileSync(file, "utf8");
  const edited = text.replaceAll(from instanceof RegExp ? new RegExp(from, "g") : from, to);
  expect(edited).not.toBe(text);
  writeFileSync(file, edited);
};
/** The first vocabulary of the workflow, below its folder. */
const vocabularyOf = (file: Place["file"]): string => {
  const found = /"vocabulary": "([^"]+)"/.exec(readFileSync(file(`${WORKFLOW}/workflow.json`), "utf8"));
  return found![1]!;
};
const linkTo = (target: string, path: string): void => {
  rmSync(path, { recursive: true });
  symlinkSync(target, path);
};

test("the shop's model serves, also if its folder is a link, and with links that stay inside", async () => {
  expect((await stateAfter(() => {}))[0]).toBe("READY");
  const linked = await stateAfter(({ repository, outside }) => {
    renameSync(join(repository, "recommend"), join(dirname(outside), "elsewhere"));
    symlinkSync(join(dirname(outside), "elsewhere"), join(repository, "recommend"));
  });
  expect(linked[0]).toBe("READY");
  const inside = await stateAfter(({ file }) => {
    const path = file(`${WORKFLOW}/${vocabularyOf(file)}`);
    renameSync(path, `${path}.real`);
    symlinkSync(`${path}.real`, path);
  });
  expect(inside).toEqual(["READY", ""]);
});

const UP = "../../../../../outside/workflows/etl-user";
test.each<readonly [name: string, change: (place: Place) => void]>([
  [
    "a vocabulary ../x",
    ({ file }) => {
      const vocabulary = vocabularyOf(file);
      edit(file(`${WORKFLOW}/workflow.json`), `"vocabulary": "${vocabulary}"`, `"vocabulary": "${UP}/${vocabulary}"`);
    },
  ],
  [
    "a vocabulary that is a link to another folder",
    ({ file, outside }) => {
      const vocabulary = vocabularyOf(file);
      linkTo(join(outside, "workflows/etl-user", vocabulary), file(`${WORKFLOW}/${vocabulary}`));
    },
  ],
  [
    "a workflow folder that is a link",
    ({ file, outside }) => linkTo(join(outside, "workflows/etl-user"), file(WORKFLOW)),
  ],
  [
    "an index that is a link",
    ({ file, outside }) => {
      const [index] = readdirSync(file("recommend/1/indexes"));
      linkTo(join(outside, "indexes", index!), file(`recommend/1/indexes/${index}`));
    },
  ],
  ["a plan that is a link", ({ file, outside }) => linkTo(join(outside, "plan.json"), file("recommend/1/plan.json"))],
  [
    "a registry outside, by its path in YAML",
    ({ file, outside }) =>
      edit(
        storeOf(file),
        /registry: .*/,
        `registry: ${join(outside, "features", storeName(file), "data/registry.db")}`,
      ),
  ],
  [
    "an online store outside, by its path in YAML",
    ({ file, outside }) =>
      edit(storeOf(file), /path: .*/, `path: ${join(outside, "features", storeName(file), "data/online_store.db")}`),
  ],
  [
    "an index that is a FIFO",
    ({ file }) => {
      const [index] = readdirSync(file("recommend/1/indexes"));
      rmSync(file(`recommend/1/indexes/${index}`));
      execFileSync("mkfifo", [file(`recommend/1/indexes/${index}`)]);
    },
  ],
])("%s is refused", async (_, change) => {
  const [state, reason] = await stateAfter(change);
  expect(state).toBe("UNAVAILABLE");
  expect(reason).toMatch(/leaves the folder of the plan|leads outside|is outside its folder|is a FIFO/);
});

test("a link in a repository with a manifest is not followed to be hashed", async () => {
  for (const path of ["workflows/etl-user/golden.json", "indexes/index-items.faiss"]) {
    const change = ({ file, outside }: Place) => linkTo(join(outside, path), file(`recommend/1/${path}`));
    const [state, reason] = await stateAfter(change, { manifest: true });
    expect(state).toBe("UNAVAILABLE");
    expect(reason).toMatch(/leads outside the model's folder by a symbolic link/);
  }
});

const storeName = (file: Place["file"]): string => readdirSync(file(STORES))[0]!;
const storeOf = (file: Place["file"]): string => file(join(STORES, storeName(file), "feature_store.yaml"));
