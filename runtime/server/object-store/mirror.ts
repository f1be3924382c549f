/**
 * A repository in a bucket → a folder that a server reads. Each refresh builds the whole repository in a staging folder, and replaces the last one
 * atomically if it is complete. Files that are unchanged are linked, so models are loaded again only if theirs changed.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, linkSync, mkdirSync, openSync, statfsSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { parsePathInside } from "../../../contract/files/path-inside.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import {
  differenceOf,
  type FileSum,
  MANIFEST_FILE,
  type Manifest,
  readManifest,
} from "../../../formats/folders/manifest.js";
import { StagingFolder } from "../../../formats/folders/replace-folder.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { semaphore } from "../../base/semaphore.js";
import type { Bucket } from "./bucket.js";
import { incompleteness, isConfig, modelsOf, sumOf } from "./complete.js";
import { filesOf, type ListedFile, shown } from "./listed.js";

/** The object that names the folder of the repository. Replacing it is atomic, and with it the whole repository. */
const CURRENT = "CURRENT";
const LONGEST_CURRENT = 1024;
/** Objects that are read at a time; each has a buffer of some 64 KiB. */
const AT_ONCE = 4;

interface Kept extends ListedFile {
  readonly sha256: string;
}

export class Mirror {
  readonly #folder = new TemporaryFolder("bucket");
  /** The repository; it is empty before the first refresh. */
  readonly path = join(this.#folder.path, "repository");
  #kept: ReadonlyMap<string, Kept> = new Map();

  constructor(
    private readonly bucket: Bucket,
    private readonly prefix: string,
    private readonly log: (text: string) => void = () => {},
  ) {
    mkdirSync(this.path);
  }

  /** @throws RuntimeFault if the repository cannot be read or is not complete; the folder is then unchanged */
  async refresh(): Promise<void> {
    const { name } = this.bucket;
    const { prefix, isWhole } = await this.#place();
    const files = filesOf(await this.bucket.list(prefix), prefix, name).filter(({ path }) => path !== CURRENT);
    if (files.length === 0)
      throw unavailable(`${name}/${prefix} has no objects; upload a repository there, or correct the prefix`);
    if (this.#isUnchanged(files)) return;
    const staging = new StagingFolder(this.path);
    try {
      const kept = await this.#fill(staging.path, files, isWhole);
      staging.replace();
      this.#kept = kept;
    } finally {
      staging.dispose();
    }
  }

  async dispose(): Promise<void> {
    this.bucket.close();
    await this.#folder.dispose();
  }

  /** The repository's prefix. `isWhole`: it has been uploaded before CURRENT named it. */
  async #place(): Promise<{ readonly prefix: string; readonly isWhole: boolean }> {
    const own = this.prefix === "" ? "" : `${this.prefix}/`;
    const current = await this.bucket.readSmall(`${own}${CURRENT}`, LONGEST_CURRENT);
    if (!current) return { prefix: own, isWhole: false };
    const text = Buffer.from(current).toString("utf8").trim();
    const path = parsePathInside(text);
    if (path === undefined || path !== text.replace(/\/$/, "") || /\p{Cc}/u.test(text))
      throw invalid(
        `${this.bucket.name}/${own}${CURRENT} contains ${shown(text)}; write the name of a folder beside it`,
      );
    return { prefix: `${own}${path}/`, isWhole: true };
  }

  #isUnchanged(files: readonly ListedFile[]): boolean {
    return files.length === this.#kept.size && files.every(file => this.#keptOf(file) !== undefined);
  }

  #keptOf({ path, bytes, etag }: ListedFile): Kept | undefined {
    const kept = this.#kept.get(path);
    return kept && kept.bytes === bytes && kept.etag === etag && etag !== "" ? kept : undefined;
  }

  async #fill(folder: string, files: readonly ListedFile[], isWhole: boolean): Promise<ReadonlyMap<string, Kept>> {
    const kept = new Map<string, Kept>();
    const manifests = new Map<string, Manifest>();
    for (const [model, ofModel] of modelsOf(files)) {
      const file = ofModel.get(MANIFEST_FILE);
      if (file) {
        kept.set(file.path, await this.#bring(folder, file));
        manifests.set(model, this.#manifest(join(folder, model), file.key));
        const fault = incompleteness(model, ofModel, manifests.get(model)!);
        if (fault) throw this.#incomplete(fault);
      } else if (!isWhole) throw this.#incomplete(`${model} has no ${MANIFEST_FILE}, so its upload may still run`);
    }
    const missing = files.filter(file => !kept.has(file.path));
    const fresh = missing.filter(file => this.#keptOf(file) === undefined);
    const bytes = fresh.reduce((sum, one) => sum + one.bytes, 0);
    requireRoom(folder, bytes, `${this.bucket.name}/${this.prefix}`);
    const slots = semaphore(AT_ONCE);
    let isFailed = false;
    const all = await Promise.allSettled(
      missing.map(file =>
        slots(async () => {
          if (isFailed) return;
          const wanted = sumOf(manifests, file.path);
          const one = await this.#bring(folder, file, wanted);
          const fault = wanted && !isConfig(file.path) && differenceOf(one.sha256, wanted.sha256);
          if (fault) throw this.#incomplete(`${file.path} ${fault}`);
          kept.set(file.path, one);
        }).catch(error => {
          isFailed = true;
          throw error;
        }),
      ),
    );
    const failed = all.find(one => one.status === "rejected");
    if (failed) throw failed.reason;
    this.log(`read ${fresh.length} of ${files.length} objects, ${bytes} bytes`);
    return kept;
  }

  #incomplete(fault: string): RuntimeFault {
    return unavailable(
      `${this.bucket.name}/${this.prefix} is not a complete repository: ${fault}. Upload ${MANIFEST_FILE} of each model last, or upload to a new folder and write its name to ${CURRENT}`,
    );
  }

  /** @throws RuntimeFault naming the object */
  #manifest(folder: string, key: string): Manifest {
    try {
      return readManifest(folder)!;
    } catch (error) {
      const path = join(folder, MANIFEST_FILE);
      throw invalid((error as Error).message.replaceAll(path, `${this.bucket.name}/${key}`));
    }
  }

  /** A file in the staging folder: a link to the last one if it is unchanged. @param wanted the manifest's; a store may have one ETag for two contents */
  async #bring(folder: string, file: ListedFile, wanted?: FileSum): Promise<Kept> {
    const to = join(folder, file.path);
    mkdirSync(dirname(to), { recursive: true });
    const last = this.#keptOf(file);
    if (last && last.sha256 === (wanted?.sha256 ?? last.sha256) && existsSync(join(this.path, file.path))) {
      linkSync(join(this.path, file.path), to);
      return last;
    }
    const hash = createHash("sha256");
    // A folder of this process alone; an existing file would be one that is written twice.
    const handle = openSync(to, "wx", 0o600);
    try {
      for await (const piece of this.bucket.read(file)) {
        hash.update(piece);
        for (let at = 0; at < piece.length; ) at += writeSync(handle, piece, at);
      }
    } finally {
      closeSync(handle);
    }
    return { ...file, sha256: hash.digest("hex") };
  }
}

function requireRoom(folder: string, bytes: number, where: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const room = bavail * bsize;
  if (bytes <= room) return;
  throw new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `${where} has ${bytes} bytes to read, and ${dirname(folder)} has room for ${room}; set TMPDIR to a larger volume`,
  );
}
