// --triton-release: the version that the server names, and the default for clients' shared memory, beside Triton's own.
import { afterAll, describe, expect, test } from "vitest";
import { UsageError } from "#cli/tritonserver/getopt.js";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { repository, startServer } from "../../runtime/server/support.js";

const stops: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(stops.map(stop => stop())));

describe.each([
  ["26.04", "2.68.0", true],
  ["26.05", "2.69.0", false],
] as const)("%s", (tritonRelease, version, shared) => {
  test("is named by both metadata calls, with its default for shared memory", async () => {
    const server = await startServer(repository([]), { tritonRelease });
    stops.push(server.stop);
    expect((await server.json("/v2")).body).toMatchObject({ version });
    const { status, body } = await server.post("/v2/systemsharedmemory/region/r/register", {
      key: "/merlon-no-such-region",
      offset: 0,
      byte_size: 4,
    });
    expect(status).toBeGreaterThanOrEqual(400);
    // 26.04 looks for the region; 26.05 does not.
    expect((body as { error: string }).error).toMatch(shared ? /Unable to open shared memory region/ : /is disabled/);
  });
});

test.each(["26.09", "22.12", "2.68.0", "", "constructor"])("no release: %j", text => {
  expect(() => serveOptions(["--model-repository=m", `--triton-release=${text}`])).toThrowError(UsageError);
  expect(() => serveOptions(["--model-repository=m", `--triton-release=${text}`])).toThrowError(
    /takes year and month of a release, from 23\.06 to 26\.08/,
  );
});
