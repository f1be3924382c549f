import { expect, onTestFinished, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { connected, makeSingle } from "#runtime/stores/feast/redis-client.js";
import { redisAt } from "./every-redis.js";
import { startRedis } from "./redis-server.js";

const TIMEOUT_MS = 20_000;

test("the first database is not selected, and another one is", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const admin = server.client();
  await admin.call("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+info", "+get");
  await admin.set("k", "first");
  const valueIn = async (db: number, user: object) => {
    const store = { ...redisAt(server.port), db, ...user };
    const client = makeSingle(store, TIMEOUT_MS, { protocol: 2 });
    client.on("error", () => {});
    try {
      await connected(client, store);
      return await client.get("k");
    } finally {
      client.disconnect();
    }
  };
  // This user may not select.
  const reader = { username: "reader", password: new Secret("s3cret") };
  expect(await valueIn(0, reader)).toBe("first");
  await expect(valueIn(3, reader)).rejects.toThrow(/NOPERM.*select/);
  expect(await valueIn(3, {})).toBeNull();
});
