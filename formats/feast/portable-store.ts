/**
 * The `online_store` of a `feature_store.yaml` as a built repository may hold it: what is read of it, with references in the place of secrets.
 */
import { isReference } from "./environment.js";
import { SECRETS } from "./feast-online-store.js";

/** Other fields are not read; what is in them stays behind. */
const FIELDS = ["type", "path", "redis_type", "sentinel_master", "connection_string", "key_ttl_seconds", "cert"];
/** Options of a connection string that are not read, and look like secrets. */
const SECRET_NAME = /pass|pwd|secret|token|credential|auth|api_?key/i;

/** A store that can be copied, or what keeps it from that. */
export type PortableStore = { readonly config: unknown } | { readonly literal: LiteralSecret };

/** @param written `online_store`, environment variables not expanded */
export function portableStore(written: unknown): PortableStore {
  const literal = literalSecret(written);
  return literal ? { literal } : { config: fieldsOf(written) };
}

function fieldsOf(written: unknown): unknown {
  if (typeof written !== "object" || written === null) return written;
  const fields = Object.entries(written).filter(([name]) => FIELDS.includes(name));
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      name === "connection_string" && typeof value === "string" ? withoutUnread(value) : value,
    ]),
  );
}

const withoutUnread = (text: string): string =>
  text
    .split(",")
    .filter(part => {
      const [name = "", ...value] = part.trim().split("=");
      return value.length === 0 || SECRETS.has(name) || !SECRET_NAME.test(name) || isValueReference(value.join("="));
    })
    .join(",");

export interface LiteralSecret {
  /** Its location, for messages. */
  readonly place: string;
  /** The replacement to write. */
  readonly instead: string;
}

/** A password that is written out, and so would be in each copy of the repository. */
function literalSecret(written: unknown): LiteralSecret | undefined {
  if (typeof written !== "object" || written === null) return undefined;
  const { connection_string: connection, path } = written as Readonly<Record<string, unknown>>;
  if (typeof connection === "string")
    for (const part of connection.split(",")) {
      const [name = "", ...value] = part.trim().split("=");
      if (SECRETS.has(name) && !isValueReference(value.join("=")))
        return {
          place: `the \`${name}\` of \`connection_string\``,
          instead: `\`${name}=\${REDIS_${name.toUpperCase()}}\``,
        };
    }
  if (typeof path !== "string") return undefined;
  const [, user] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.*)@/is.exec(path) ?? [];
  if (user === undefined || user.split(":").every(isReference)) return undefined;
  return {
    place: "the user and password of `path`",
    instead: "`https://${FEAST_USER}:${FEAST_PASSWORD}@HOST`, or the whole address as `${FEAST_URL}`",
  };
}

const isValueReference = (value: string): boolean => value === "" || isReference(value.replace(/^"(.*)"$/s, "$1"));
