/** `redis://USER:PASSWORD@HOST:PORT/DB` → the settings of a connection. */
import { maskAddress, Secret } from "../../../../contract/secret.js";
import { expandEnvironment } from "../../../../formats/feast/environment.js";
import type { RedisStore } from "../../../../formats/feast/feast-online-store.js";
import { invalid, type RuntimeFault } from "../../../base/errors.js";

/** @param text `redis:` or `rediss:` (TLS); `${NAME}` is an environment variable @throws RuntimeFault without the password */
export function readStreamAddress(text: string): RedisStore {
  const shown = maskAddress(text);
  const fault = (what: string): RuntimeFault =>
    invalid(`\`${shown}\` ${what}. Write \`redis://HOST:6379\`, or \`rediss:\` for TLS.`);
  const { text: expanded, hidden } = expandEnvironment(text);
  const [, unset] = /\$\{(\w+)\}/.exec(expanded) ?? [];
  if (unset !== undefined) throw fault(`names the environment variable ${unset}, which is not set`);
  let url: URL;
  let parts: readonly string[];
  try {
    url = new URL(expanded);
    parts = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent);
  } catch {
    throw fault("is not an address");
  }
  const [username = "", password = "", db = ""] = parts;
  if (!/^rediss?:$/.test(url.protocol)) throw fault("is not an address of Redis");
  if (url.hostname === "") throw fault("has no host");
  if (url.search !== "" || url.hash !== "") throw fault("has a query, which is not read");
  if (!/^\d{0,6}$/.test(db)) throw fault("has a path that is not the number of a database");
  return {
    type: "redis",
    mode: "single",
    nodes: [{ host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379) }],
    tls: url.protocol === "rediss:",
    tlsVerify: true,
    tlsHostname: true,
    db: Number(db),
    ...(username !== "" && { username }),
    ...(password !== "" && { password: new Secret(password) }),
    sentinelName: "",
    keyTtlSeconds: null,
    shown,
    hidden,
  };
}
