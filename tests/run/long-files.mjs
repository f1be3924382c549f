/** Files that take long: they start first, and `npm test` leaves them to `npm test -- --all`. */

/** Each takes fifteen seconds or more, on two cores beside other tests; the longest is first. */
export const LONG = Object.freeze([
  "tests/runtime/etl/feedback/join-on-spark.test.ts",
  "tests/docs/commands.test.ts",
  "tests/conformance/conformance.test.ts",
  "tests/docs/site.test.ts",
  "tests/docs/playground.test.ts",
  "tests/runtime/etl/spark/spark.test.ts",
  "tests/runtime/etl/import/import-nvtabular.test.ts",
  "tests/compiler/samples.test.ts",
  "tests/runtime/server/exposures/kafka/faults.test.ts",
  "tests/runtime/server/peers/as-direct.test.ts",
  "tests/compiler/editor/foreign.test.ts",
  "tests/compiler/2-check/types-agree.test.ts",
  "tests/runtime/stores/databases/qdrant.test.ts",
  "tests/cli/check-command.test.ts",
  "tests/reference/reference.test.ts",
  "tests/runtime/etl/import/import-nvtabular-random.test.ts",
  "tests/lab/served.test.ts",
  "tests/compiler/migrate/migrate.test.ts",
  "tests/runtime/server/workers/deaths.test.ts",
  "tests/conformance/repository/configs.test.ts",
  "tests/clients/clients.test.ts",
  "tests/mistakes/mistakes.test.ts",
  "tests/runtime/etl/delta/compact-killed.test.ts",
  "tests/compiler/editor/editor.test.ts",
  "tests/compiler/5-emit/onnx/served.test.ts",
  "tests/runtime/etl/sql/sql-equals-kernel.test.ts",
  "tests/runtime/etl/nvtabular.test.ts",
  "tests/conformance/repository/lifecycle.test.ts",
  "tests/cli/watch-terminal.test.ts",
  "tests/compiler/editor/positions.test.ts",
  "tests/runtime/stores/databases/milvus.test.ts",
  "tests/runtime/server/peers/processes.test.ts",
  "tests/runtime/server/exposures/killed.test.ts",
  "tests/cli/build-check-stores.test.ts",
  "tests/cli/etl.test.ts",
  "tests/walls/http-cost.test.ts",
  "tests/compiler/5-emit/build.test.ts",
  "tests/runtime/stores/databases/redis-cluster.test.ts",
  "tests/compiler/typegen/typegen.test.ts",
  "tests/runtime/etl/feedback/attribution.test.ts",
  "tests/package/small-packages.test.ts",
  "tests/walls/grpc-charges.test.ts",
  "tests/walls/refused-memory.test.ts",
  "tests/runtime/server/exposures/kafka/tls.test.ts",
  "tests/conformance/repository/process.test.ts",
  "tests/runtime/stores/feast/feast-changes.test.ts",
  "tests/cli/ui/page.test.ts",
  "tests/runtime/server/bad-served.test.ts",
  "tests/runtime/server/object-store/served.test.ts",
  "tests/compiler/explain/page.test.ts",
  "tests/compiler/5-emit/layouts.test.ts",
  "tests/runtime/etl/delta/follow/stream.test.ts",
  "tests/runtime/stores/databases/redis.test.ts",
  "tests/runtime/stores/databases/pgvector.test.ts",
  "tests/runtime/server/object-store/mirror.test.ts",
]);

/** Needs whose downloads or programs take longer than the tests that have them. */
const LARGE = new Set(["java", "kafka", "lab", "milvus", "moto", "pythons", "qdrant", "site", "typescripts"]);

/** These run always: no shorter file has what they test. */
const CORE = new Set([
  "tests/conformance/conformance.test.ts",
  "tests/compiler/samples.test.ts",
  "tests/reference/reference.test.ts",
  "tests/mistakes/mistakes.test.ts",
]);

const left = new Set(LONG.filter(file => !CORE.has(file)));

/** @param file relative to the tree @param needs its needs, by `needsReader` @returns whether plain `npm test` leaves it out */
export const isLong = (file, needs) => left.has(file) || needs.some(name => LARGE.has(name));
