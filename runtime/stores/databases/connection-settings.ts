/** A store's file → the settings of a connection, with environment variables and certificates read. */
import { readFileSync } from "node:fs";
import { maskAddress, maskSecrets, Secret } from "../../../contract/secret.js";
import { expandEnvironment } from "../../../formats/feast/environment.js";
import type { VectorStore } from "../../../formats/vectors/vector-store.js";
import { unavailable } from "../../base/errors.js";

export interface TlsSettings {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface ConnectionSettings {
  readonly url: Secret;
  readonly apiKey: Secret | undefined;
  /** The store in messages, such as "the vector store `items.vectors.yaml` (pgvector, ${PG_URL})". */
  readonly where: string;
  readonly tls: TlsSettings | undefined;
  /** A text of the server or of its client, without secrets. */
  mask(text: string): string;
}

/** @param file name of the store, for messages @throws RuntimeFault UNAVAILABLE naming a variable that is not set, or a certificate */
export function connectionSettings(store: VectorStore, file: string): ConnectionSettings {
  const where = `the vector store \`${file}\` (${store.type}, ${maskAddress(store.url)})`;
  const hidden: Secret[] = [];
  const expand = (text: string, field: string): string => {
    const { text: value, hidden: found } = expandEnvironment(text);
    hidden.push(...found);
    const [, unset] = /\$\{(\w+)\}/.exec(text === value ? text : "") ?? [];
    if (unset !== undefined && process.env[unset] === undefined)
      throw unavailable(`${where}: the environment variable ${unset} of \`${field}\` is not set.`);
    return value;
  };
  const url = expand(store.url, "url");
  const apiKey =
    "apiKey" in store && store.apiKey !== undefined ? new Secret(expand(store.apiKey, "apiKey")) : undefined;
  const secrets = [...hidden, ...passwordsOf(url)];
  const given = typeof store.tls === "object" ? store.tls : {};
  const read = (name: "ca" | "cert" | "key"): Record<string, Buffer> => {
    if (given[name] === undefined) return {};
    const path = expand(given[name], `tls.${name}`);
    try {
      return { [name]: readFileSync(path) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw unavailable(`${where}: \`tls.${name}\` cannot be read (${code}). Correct its path.`);
    }
  };
  return {
    url: new Secret(url, maskAddress(store.url)),
    apiKey,
    where,
    tls: store.tls ? { ...read("ca"), ...read("cert"), ...read("key") } : undefined,
    mask: text => maskSecrets(text, secrets),
  };
}

/** The password of an address, which a server may repeat. */
function passwordsOf(url: string): Secret[] {
  const [, user] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/is.exec(url) ?? [];
  const password = user?.slice(user.indexOf(":") + 1);
  if (!password || !user!.includes(":")) return [];
  try {
    return [new Secret(password), new Secret(decodeURIComponent(password))];
  } catch {
    return [new Secret(password)];
  }
}
