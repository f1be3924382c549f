/**
 * A Feast repository folder (`feature_store.yaml` and the registry it names) → project, registry, and where the online store is.
 */
import { isAbsolute, join, relative } from "node:path";
import { parse, type YAMLParseError } from "yaml";
import { z } from "zod";
import { parsePathInside, resolveInside } from "../../contract/files/path-inside.js";
import { FILE_LIMITS, readRegularSync, requireRegular, SpecialFileError } from "../../contract/files/read-regular.js";
import { maskAddress, maskSecrets } from "../../contract/secret.js";
import { type Expanded, expandEnvironment } from "./environment.js";
import type { KeyVersion } from "./feast-key.js";
import { type OnlineStore, onlineStoreConfig, readOnlineStore } from "./feast-online-store.js";
import { type FeastRegistry, FeastRegistryError, readRegistry, storedByVersion } from "./feast-registry.js";
import { type PortableStore, portableStore } from "./portable-store.js";

export interface FeastRepository {
  readonly project: string;
  readonly registryFile: string;
  readonly onlineStore: OnlineStore;
  /** The `online_store` as it may be copied elsewhere: environment variables not expanded, and no other secret. */
  readonly portableStore: PortableStore;
  readonly keyVersion: KeyVersion;
  /** Whether a view whose schema changed has its values under another name in the online store. */
  readonly versions: boolean;
  /** Entities and views of this project alone. */
  readonly registry: FeastRegistry;
}

const config = z.looseObject({
  project: z.string().min(1),
  registry: z
    .union([
      z.string(),
      z.looseObject({
        registry_type: z.string().default("file"),
        path: z.string().optional(),
        enable_online_feature_view_versioning: z.boolean().default(false),
      }),
    ])
    .default("data/registry.db"),
  online_store: onlineStoreConfig.default("sqlite"),
  entity_key_serialization_version: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(3),
});

/**
 * @param folder the Feast repository, the folder of `feature_store.yaml`
 * @param inside refuses a registry and a SQLite store outside the folder: for repositories that `merlon build` wrote
 * @throws FeastRegistryError naming the file and what to do
 */
export function readFeastRepository(folder: string, inside = false): FeastRepository {
  const yamlFile = join(folder, "feature_store.yaml");
  if (inside) requireInside(folder, "feature_store.yaml");
  const written = new TextDecoder().decode(readFile(yamlFile, "Name the folder of a Feast repository."));
  const { text, hidden } = expandEnvironment(written);
  try {
    return read(folder, yamlFile, { written, text, hidden }, inside);
  } catch (error) {
    if (!(error instanceof FeastRegistryError)) throw error;
    throw new FeastRegistryError(maskSecrets(error.message, hidden));
  }
}

function read(
  folder: string,
  yamlFile: string,
  { written, text, hidden }: Expanded & { written: string },
  inside: boolean,
): FeastRepository {
  const parsed = config.safeParse(parseYaml(yamlFile, text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new FeastRegistryError(`${yamlFile}: \`${issue.path.join(".") || "the document"}\`: ${issue.message}.`);
  }
  const { project, registry, online_store, entity_key_serialization_version } = parsed.data;
  const inFolder = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const registryFile = inFolder(registryPath(registry, yamlFile));
  const versions = typeof registry === "object" && registry.enable_online_feature_view_versioning;
  // If a variable holds more than a value, the file is YAML only after its expansion.
  const onlineStoreText = tryYaml(yamlFile, written)?.online_store;
  const store = readOnlineStore(online_store, folder, { written: onlineStoreText, hidden });
  if (typeof store === "string")
    throw new FeastRegistryError(
      `${yamlFile}: the online store ${store}. Correct \`online_store\`, or materialize the views into a SQLite online store.`,
    );
  if (inside) requireInside(folder, relative(folder, registryFile));
  if (inside && store.type === "sqlite") requireInside(folder, relative(folder, store.file));
  const all = readRegistry(readFile(registryFile, "Run `feast apply` in the repository."), registryFile);
  const projects = [...new Set(all.views.map(view => view.project))];
  if (projects.length > 0 && !projects.includes(project))
    throw new FeastRegistryError(
      `${yamlFile}: the project is \`${project}\`, and ${registryFile} has views of ${projects.map(p => `\`${p}\``).join(", ")} alone. Correct \`project\`, or run \`feast apply\`.`,
    );
  return {
    project,
    registryFile,
    onlineStore: store,
    portableStore: portableStore(onlineStoreText),
    keyVersion: entity_key_serialization_version,
    versions,
    registry: {
      entities: all.entities.filter(entity => entity.project === project),
      views: all.views.filter(view => view.project === project).map(view => (versions ? storedByVersion(view) : view)),
      services: all.services.filter(service => service.project === project),
      onDemandViews: all.onDemandViews,
    },
  };
}

/** The path of the registry file. @throws FeastRegistryError for a registry of another kind */
function registryPath(registry: z.output<typeof config>["registry"], yamlFile: string): string {
  const { registry_type: type, path = "data/registry.db" } =
    typeof registry === "string" ? { registry_type: "file", path: registry } : registry;
  if (type === "file" && !/^[a-z0-9+]+:\/\//i.test(path)) return path;
  const at = typeof registry === "object" && registry.path === undefined ? "" : ` at \`${maskAddress(path)}\``;
  throw new FeastRegistryError(
    `${yamlFile}: the registry is \`${type}\`${at}, and only registry files can be read. ${type === "file" ? "Copy it to a file" : "Write it to a file with Feast (`RepoConfig` with `registry: data/registry.db`, then `feast apply`)"} and name that in \`registry\`.`,
  );
}

/** @throws FeastRegistryError that says where the fault is, and repeats nothing of the file: it may hold passwords */
function parseYaml(file: string, text: string): unknown {
  try {
    // The parser's warnings have excerpts, too.
    return parse(text, { logLevel: "error" });
  } catch (error) {
    const { code, linePos } = error as Partial<YAMLParseError>;
    const [at] = linePos ?? [];
    const place = at ? ` at line ${at.line}, column ${at.col}` : "";
    throw new FeastRegistryError(`${file} is not YAML${place}${code ? ` (${code})` : ""}. Correct it there.`);
  }
}

function tryYaml(file: string, text: string): { readonly online_store?: unknown } | undefined {
  try {
    return parseYaml(file, text) as { readonly online_store?: unknown };
  } catch {
    return undefined;
  }
}

/** @throws FeastRegistryError for a file that is outside, as it is written or by a link, or is not a regular one */
function requireInside(folder: string, file: string): void {
  const path = parsePathInside(file);
  if (path === undefined)
    throw new FeastRegistryError(
      `${join(folder, "feature_store.yaml")} names \`${file}\`, which is outside its folder. Build the ensemble again: \`merlon build\` copies the file.`,
    );
  try {
    requireRegular(resolveInside(folder, path));
  } catch (error) {
    throw new FeastRegistryError(`${folder}: ${(error as Error).message}. Build the ensemble again.`);
  }
}

function readFile(file: string, wayOut: string): Uint8Array {
  try {
    return readRegularSync(file, FILE_LIMITS.data);
  } catch (error) {
    if (error instanceof SpecialFileError) throw new FeastRegistryError(`${error.message}. ${wayOut}`);
    throw new FeastRegistryError(`${file} can not be read (${(error as NodeJS.ErrnoException).code}). ${wayOut}`);
  }
}
