// `feature_store.yaml` and the registry that it names: defaults, projects, versions, and the fault of each part.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { bytesMember, message, stringMember, varintMember } from "#formats/bytes/wire-writer.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";

afterEach(() => void vi.unstubAllEnvs());

const view = (name: string, project: string, version = 0) =>
  bytesMember(
    6,
    message(
      bytesMember(1, message(stringMember(1, name), stringMember(2, project))),
      bytesMember(2, varintMember(4, version)),
    ),
  );

function repository(yaml: string, registry: Uint8Array | undefined = message(view("v", "p")), at = "data/registry.db") {
  const folder = mkdtempSync(join(tmpdir(), "merlon-feast-repository-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "feature_store.yaml"), yaml);
  if (registry) writeFileSync(join(folder, at), registry);
  return folder;
}
const fault = (folder: string, inside = false): string => {
  try {
    readFeastRepository(folder, inside);
    return "read";
  } catch (error) {
    expect((error as Error).name).toBe("FeastRegistryError");
    return (error as Error).message.replaceAll(folder, "FOLDER");
  }
};
const YAML = "FOLDER/feature_store.yaml";

describe("a repository", () => {
  test("has defaults for all but its project", () => {
    const folder = repository("project: p\n");
    expect(readFeastRepository(folder)).toMatchObject({
      ...{ project: "p", registryFile: join(folder, "data/registry.db"), keyVersion: 3, versions: false },
      onlineStore: { type: "sqlite", file: join(folder, "data/online.db") },
      portableStore: { config: undefined },
    });
  });
  test("has its registry anywhere, by a path or an object", () => {
    const other = repository("project: p", undefined);
    writeFileSync(join(other, "r.db"), message(view("v", "p")));
    for (const yaml of [
      `registry: ${other}/r.db`,
      `registry: { path: ${other}/r.db }`,
      "registry: { registry_type: file }",
    ])
      expect(fault(repository(`project: p\n${yaml}`))).toBe("read");
    const named = repository("project: p\nregistry: data/r.db", message(view("v", "p")), "data/r.db");
    expect(readFeastRepository(named).registryFile).toBe(join(named, "data/r.db"));
  });
  test("has variables of the environment in it, which copies do not", () => {
    vi.stubEnv("MERLON_REDIS", "s3cretly");
    const yaml = "project: p\nonline_store: { type: redis, connection_string: 'h:1,password=${MERLON_REDIS}' }";
    const { onlineStore, portableStore } = readFeastRepository(repository(yaml));
    expect((onlineStore as { password: { reveal(): string } }).password.reveal()).toBe("s3cretly");
    expect(portableStore).toEqual({
      config: { type: "redis", connection_string: "h:1,password=${MERLON_REDIS}" },
    });
  });
});

describe("a fault names", () => {
  test("a file that is missing, with the way out", () => {
    expect(fault(join(tmpdir(), "none"))).toMatch(
      /feature_store\.yaml can not be read \(ENOENT\)\. Name the folder of a Feast repository\.$/,
    );
    expect(fault(repository("project: p\nregistry: data/none.db"))).toBe(
      "FOLDER/data/none.db can not be read (ENOENT). Run `feast apply` in the repository.",
    );
    expect(fault(repository("project: p\nregistry: data"))).toMatch(
      /^FOLDER\/data.*\. Run `feast apply` in the repository\.$/,
    );
  });
  test("a place of YAML, a field, or the document, and nothing of the file", () => {
    expect(fault(repository("project: p\n  x: [s3cret"))).toMatch(
      /^FOLDER\/feature_store\.yaml is not YAML at line \d+, column \d+ \([A-Z_]+\)\. Correct it there\.$/,
    );
    expect(fault(repository("project: p\n  x: [s3cret"))).not.toContain("s3cret");
    expect(fault(repository("project: ''"))).toMatch(/^FOLDER\/feature_store\.yaml: `project`: /);
    expect(fault(repository("- x"))).toMatch(/^FOLDER\/feature_store\.yaml: `the document`: /);
    expect(fault(repository("project: p\nregistry: { path: 7 }"))).toMatch(/: `registry(\.path)?`: /);
    expect(fault(repository("project: p\nentity_key_serialization_version: 4"))).toMatch(
      /: `entity_key_serialization_version`: /,
    );
  });
  test("a registry of another kind", () => {
    const only = "and only registry files can be read.";
    const write =
      "Write it to a file with Feast (`RepoConfig` with `registry: data/registry.db`, then `feast apply`) and name that in `registry`.";
    const of = (registry: string) => fault(repository(`project: p\nregistry: ${registry}`));
    expect(of("{ registry_type: sql, path: 'postgresql://u:p@h/d' }")).toBe(
      `${YAML}: the registry is \`sql\` at \`postgresql://…@h/d\`, ${only} ${write}`,
    );
    expect(of("{ registry_type: snowflake.registry }")).toBe(
      `${YAML}: the registry is \`snowflake.registry\`, ${only} ${write}`,
    );
    expect(of("s3://bucket/registry.db")).toBe(
      `${YAML}: the registry is \`file\` at \`s3://bucket/registry.db\`, ${only} Copy it to a file and name that in \`registry\`.`,
    );
  });
  test("an online store that makes no sense", () => {
    expect(fault(repository("project: p\nonline_store: dynamodb"))).toBe(
      `${YAML}: the online store is \`dynamodb\`, and only \`sqlite\`, \`redis\`, \`remote\` can be read. Correct \`online_store\`, or materialize the views into a SQLite online store.`,
    );
  });
  test("a project that the registry does not have, with those that it has", () => {
    const registry = message(view("v", "q"), view("w", "r"), view("x", "q"));
    expect(fault(repository("project: p", registry))).toBe(
      `${YAML}: the project is \`p\`, and FOLDER/data/registry.db has views of \`q\`, \`r\` alone. Correct \`project\`, or run \`feast apply\`.`,
    );
    expect(fault(repository("project: p", message()))).toBe("read");
  });
  test("no value of a variable", () => {
    vi.stubEnv("MERLON_TYPE", "s3cretstore");
    expect(fault(repository("project: p\nonline_store: ${MERLON_TYPE}"))).toContain("the online store is `$");
    expect(fault(repository("project: p\nonline_store: ${MERLON_TYPE}"))).not.toContain("s3cretstore");
  });
});

describe("a repository that a build wrote", () => {
  test("has its files inside, as regular files", () => {
    const folder = repository("project: p\nonline_store: { path: data/online.db }");
    writeFileSync(join(folder, "data/online.db"), "");
    expect(fault(folder, true)).toBe("read");
    rmSync(join(folder, "data/online.db"));
    symlinkSync("/etc/hostname", join(folder, "data/online.db"));
    expect(fault(folder, true)).toMatch(/^FOLDER: .*Build the ensemble again\.$/);
    expect(fault(folder)).toBe("read");
  });
  test("names none outside", () => {
    const outside = (file: string) =>
      `${YAML} names \`${file}\`, which is outside its folder. Build the ensemble again: \`merlon build\` copies the file.`;
    expect(fault(repository("project: p\nregistry: ../r.db"), true)).toBe(outside("../r.db"));
    expect(fault(repository("project: p\nonline_store: { path: ../o.db }"), true)).toBe(outside("../o.db"));
    expect(fault(repository("project: p\nonline_store: redis"), true)).toBe("read");
  });
});
