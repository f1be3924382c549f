/** A pool of connections to PostgreSQL, and its errors. */
import type { Pool, PoolConfig } from "pg";
import type { PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import type { ConnectionSettings } from "../connection-settings.js";
import type { Failure } from "../guarded-call.js";
import { makeIt, readAddress, START, TLS } from "../refusals.js";
import { quoted } from "./pg-filter.js";

/** @param timeoutMs of a statement; 0: none @throws RuntimeFault for an address that cannot be read; an error of Node's without the package */
export async function openPool(
  store: PgvectorStore,
  settings: ConnectionSettings,
  timeoutMs = store.timeoutMs,
): Promise<Pool> {
  const { default: pg } = await import("pg");
  const address = addressOf(settings);
  const pool = new pg.Pool({
    ...address,
    max: store.pool,
    connectionTimeoutMillis: store.timeoutMs,
    // The pool destroys a connection whose query failed; one that loses replies would otherwise never be free again.
    query_timeout: timeoutMs,
    allowExitOnIdle: true,
    maxLifetimeSeconds: CONNECTION_SECONDS,
    /** Before a new connection is used. */
    verify: (client, done) => {
      client.query(sessionOf(store, timeoutMs)).then(() => done(), done);
    },
  });
  // An emitted error without a listener would end the process; the next call reports it.
  pool.on("error", () => {});
  pool.on("connect", client => {
    client.on("error", () => {});
  });
  return pool;
}

/** Entries of the index that a search with a condition reads at most. */
const MOST_READ = { part: 0.1, least: 20_000 } as const;
/** A new connection reads the number of rows again. */
const CONNECTION_SECONDS = 600;

function sessionOf({ table, efSearch, maxScanTuples }: PgvectorStore, timeoutMs: number): string {
  const values = {
    application_name: "'merlon'",
    statement_timeout: timeoutMs,
    "hnsw.ef_search": efSearch,
    "hnsw.iterative_scan": "'relaxed_order'",
    ...(maxScanTuples !== undefined && { "hnsw.max_scan_tuples": maxScanTuples }),
  };
  const settings = Object.entries(values).map(([name, value]) => `SET ${name} = ${value}`);
  if (maxScanTuples !== undefined) return settings.join("; ");
  // The names of a table have no quotes.
  const rows = `(SELECT reltuples FROM pg_class WHERE oid = to_regclass('${quoted(table)}'))`;
  const read = `least(${2 ** 31 - 1}, greatest(${MOST_READ.least}, ${MOST_READ.part} * ${rows}))::bigint::text`;
  return [...settings, `SELECT set_config('hnsw.max_scan_tuples', ${read}, false)`].join("; ");
}

/** `sslmode` is the only option of an address that is read; certificates are always checked. */
function addressOf(settings: ConnectionSettings): PoolConfig {
  const { tls } = settings;
  const forms = "`postgresql://USER@HOST:5432/DATABASE`";
  const { address, odd } = readAddress(settings, /^postgres(ql)?:$/, "PostgreSQL", forms);
  const mode = address.searchParams.get("sslmode");
  const other = [...address.searchParams.keys()].find(name => name !== "sslmode");
  if (other !== undefined) throw odd("has an option other than `sslmode`");
  const isSecure = tls !== undefined || (mode !== null && mode !== "disable" && mode !== "prefer");
  return {
    host: decodeURIComponent(address.hostname) || "localhost",
    port: address.port === "" ? 5432 : Number(address.port),
    ...(address.username !== "" && { user: decodeURIComponent(address.username) }),
    ...(address.password !== "" && { password: decodeURIComponent(address.password) }),
    ...(address.pathname.length > 1 && { database: decodeURIComponent(address.pathname.slice(1)) }),
    ...(isSecure && { ssl: { rejectUnauthorized: true, ...tls } }),
  };
}

const AUTHORIZE = "Correct the user and password in `url`.";

/** An error of `pg`: a server's has a code of five characters. */
export function pgFailure(error: unknown): Failure {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const { code = "", message = "" } = (inner ?? {}) as { code?: string; message?: string };
  const reason = message || code || "it does not answer";
  if (code === "57014") return { kind: "late", reason, way: "" };
  if (/^(08|57P)/.test(code)) return { kind: "broken", reason, way: START };
  if (code.startsWith("28")) return { kind: "away", reason, way: AUTHORIZE };
  if (code === "3D000") return { kind: "away", reason, way: "Correct the database in `url`." };
  if (code === "53300") return { kind: "away", reason, way: "Lower `pool`, or raise `max_connections` of the server." };
  if (/^[0-9A-Z]{5}$/.test(code)) return { kind: "refused", reason, way: wayOf(code, message) };
  if (/SSL|certificate|self-signed/i.test(reason)) return { kind: "away", reason, way: TLS };
  if (/password must be a string|no password/i.test(reason)) return { kind: "away", reason, way: AUTHORIZE };
  if (/timeout exceeded when trying to connect|Query read timeout/.test(reason))
    return { kind: "late", reason, way: "" };
  if (/terminated|ECONNRESET|EPIPE|not queryable/.test(reason)) return { kind: "broken", reason, way: START };
  return { kind: "away", reason, way: START };
}

function wayOf(code: string, message: string): string {
  if (code === "42P01") return makeIt("table");
  if (code === "42703") return "Correct `attributes`, `idColumn` or `vectorColumn`.";
  if (/type "?(half)?vec|operator/.test(message)) return "Run `CREATE EXTENSION vector` in the database.";
  if (code === "42501") return "Grant it to the user of `url`.";
  return "";
}
