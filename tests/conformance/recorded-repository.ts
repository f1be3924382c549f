/**
 * The repository of a group of records in a folder of its own, and the flags of the server that it was recorded from.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Group, PROTOCOL_DATA } from "./records.js";

export interface RecordedRepository {
  readonly path: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

export function recordedRepository({ records }: Group): RecordedRepository {
  const { repository: name, server_flags = [], env = {} } = records[0]!;
  const scratch = mkdtempSync(join(tmpdir(), "merlon-recorded-"));
  const path = join(scratch, name);
  cpSync(new URL(name, PROTOCOL_DATA), path, { recursive: true });
  // Models of a missing backend have twins with the same behavior, copied over them.
  const twins = new URL(`twins/${name}`, PROTOCOL_DATA);
  const hasTwins = existsSync(twins);
  if (hasTwins) cpSync(twins, path, { recursive: true, force: true });
  const flags = [
    `--model-repository=${path}`,
    ...["grpc", "http", "metrics"].flatMap(kind => [`--${kind}-port=0`, `--${kind}-address=127.0.0.1`]),
    // A model that doesn't load fails its own records, not its whole group.
    ...(server_flags.some(flag => flag.startsWith("--exit-on-error")) ? [] : ["--exit-on-error=false"]),
    ...(hasTwins ? ["--mock-stand-ins"] : []),
    // The recorded server was built without tracing.
    "--allow-trace=false",
    ...server_flags,
  ];
  return { path, flags, env, remove: () => rmSync(scratch, { recursive: true, force: true }) };
}
