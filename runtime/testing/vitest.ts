/**
 * `merlon/vitest`: a server as a fixture, one for each file of tests. Models and stages that a test replaces are themselves again in the next.
 */
import { test as base } from "vitest";
import { createTestServer } from "./create-test-server.js";
import type { Definitions, TestServer, TestServerOptions, TestSource } from "./test-server.js";

/**
 * Vitest's `test` with a `server`, which starts with the first test of the file that uses it.
 * @example
 * const test = serverTest("model-repo", { mockMissing: true });
 * test("asks for ten items", async ({ server, expect }) => {
 *   server.stage("ranking").replace(({ item_id }) => ({ score: Array.from(item_id, Number) }));
 *   expect(await recommend(server.grpc, 7)).toHaveLength(10);
 * });
 */
export function serverTest<const Models extends Definitions>(
  source: TestSource<Models>,
  options: TestServerOptions = {},
) {
  return base.extend<{ server: TestServer<Models>; fileServer: TestServer<Models> }>({
    fileServer: [
      // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the fixtures that are wanted from the pattern
      async ({}, use) => {
        const server = (await createTestServer(source as { readonly models: Models }, options)) as TestServer<Models>;
        await use(server);
        await server.close();
      },
      { scope: "file" },
    ],
    server: async ({ fileServer }, use) => {
      await use(fileServer);
      fileServer.reset();
    },
  });
}

declare module "vitest" {
  interface ProvidedContext {
    /** The models to serve: `merlon/vitest/setup` of the configuration. */
    merlon: MerlonSetup;
    /** The addresses of the server. */
    merlonServer: { readonly http: string; readonly grpc: string };
  }
}

/** `test.provide.merlon` in vitest.config.ts. */
export interface MerlonSetup {
  readonly repository: string;
  readonly mockMissing?: boolean;
}
