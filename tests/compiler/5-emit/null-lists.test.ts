/**
 * A null list differs from an empty one in the responses of each layout, as in Feast's own (tests/oracles/feast). Lists of users and of
 * candidates are compared, and lists after steps that keep columns.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuildOptions, build, compile, printDiagnostics } from "#compiler/index.js";
import { serve } from "#runtime/server/index.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { tensor } from "../../runtime/server/served-plan.js";
import { askBinary } from "../ask-binary.js";

const STORE = join(import.meta.dirname, "../../fixtures/feast/every-0.67-k3");
const LISTS = ["i32s", "i64s", "f32s", "f64s", "texts", "flags"] as const;
const USERS = [1n, -2n, 9007199254740993n, 99n];
const PROGRAM = `import { ensemble, explode, filter, listSlice, queryFeast, rename, source, unrollFeatures } from "merlon";
const request = source({ user_id: "int64", friends: "list<int64>" });
const read = { view: "values", features: ${JSON.stringify(LISTS)}, onMissing: "null" } as const;
const user = request["user_id"] >> queryFeast(${JSON.stringify(STORE)}, read);
const first = user["i64s"] >> listSlice(1) >> rename({ postfix: "_first" });
const filled = request["user_id"] >> queryFeast(${JSON.stringify(STORE)}, { ...read, features: ["texts"], prefix: "filled", onMissing: { filled_texts: { default: ["none"] } } });
const friends = request["friends"] >> explode({ name: "friend" });
const own = friends >> queryFeast(${JSON.stringify(STORE)}, { ...read, features: ["f32s"], prefix: "friend" });
`;
const FORMS: Readonly<Record<string, BuildOptions>> = {
  executor: {},
  ensemble: { layout: "ensemble" },
  "a graph per step": { triton: { freeze: freezeFeatures } },
  "one graph": { triton: { freeze: freezeFeatures, fuse: true } },
};
const folder = mkdtempSync(join(tmpdir(), "merlon-null-lists-"));
const servers: Awaited<ReturnType<typeof serve>>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeAll(async () => {
  const file = join(folder, "lists.ensemble.ts");
  writeFileSync(
    file,
    `${PROGRAM}export default ensemble("lists", user + first + filled + own, { maxBatchSize: 0 });\n`,
  );
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  for (const [form, how] of Object.entries(FORMS)) {
    build(compiled, join(folder, form), how);
    const modelRepositories = [join(folder, form)];
    const http = { address: "127.0.0.1", port: 0 };
    servers.push(await serve({ modelRepositories, http, grpc: false, metrics: false, writeLog: () => {} }));
  }
}, 120_000);

const asked = [
  tensor("user_id", "int64", [4], USERS),
  tensor("friends__values", "int64", [5], [99n, 1n, -2n, 9007199254740993n, 1n]),
  tensor("friends__offsets", "int32", [5], [0, 2, 4, 5, 5]),
];
const bits = (lists: readonly unknown[]): string => lists.map(list => (list === null ? "00" : "01")).join("");

test("in each layout", async () => {
  const answers = await Promise.all(servers.map(({ ports }) => askBinary(ports.http!, "lists", asked)));
  const { values } = JSON.parse(readFileSync(join(STORE, "answers.json"), "utf8")) as {
    values: { features: Record<string, readonly (readonly unknown[] | null)[]> };
  };
  const of = values.features;
  const friends = [3, 0, 1, 2, 0].map(user => of["f32s"]![user]!);
  const marks = Object.fromEntries([
    ...LISTS.map(name => [`${name}__validity`, ["BOOL", [4], bits(of[name]!)]]),
    ["i64s_first__validity", ["BOOL", [4], bits(of["i64s"]!)]],
    ["friend_f32s__validity", ["BOOL", [5], bits(friends)]],
  ]);
  for (const [i, form] of Object.keys(FORMS).entries()) {
    expect(answers[i], form).toEqual(answers[0]);
    expect(answers[i], form).toMatchObject(marks);
    expect(answers[i], form).not.toHaveProperty("filled_texts__validity");
  }
});
