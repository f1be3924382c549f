import { connect } from "merlon/client";
import { expect, test } from "vitest";
import { MERLON } from "../../tests/needs/built.js";
import { startMerlon } from "./start-merlon.js";

const root = new URL("../..", import.meta.url).pathname;
const command = [process.execPath, MERLON];

test("a process of its own, ready when it reports so, ended when it leaves the scope", async () => {
  await using merlon = await startMerlon({ modelRepository: `${root}model-repo`, command });
  await using client = await connect(merlon.grpcUrl);
  expect(await client.isServerReady()).toBe(true);
  await using other = await connect(merlon.httpUrl);
  expect((await other.index()).map(({ name }) => name)).toContain("recommend");
});

test("says why it did not start", async () => {
  await expect(startMerlon({ modelRepository: `${root}nowhere`, command })).rejects.toThrow(
    /ended before it was ready[\s\S]*nowhere/,
  );
});
