/**
 * A server for a file of tests, in any runner that has hooks: Jest's `beforeAll` and `afterAll`, node:test's `before` and `after`.
 */
import { createTestServer } from "./create-test-server.js";
import type { Definitions, TestServer, TestServerOptions, TestSource } from "./test-server.js";

type Hook = (act: () => Promise<void>) => unknown;
export type Hooks =
  | { readonly beforeAll: Hook; readonly afterAll: Hook }
  | { readonly before: Hook; readonly after: Hook };

/**
 * @returns the server, once the first hook has run
 * @throws Error from its members before that
 * @example
 * import { after, before, test } from "node:test";
 * const triton = useTestServer({ before, after }, "model-repo", { mockMissing: true });
 * test("asks for ten items", async () => { await recommend(triton.current.grpc, 7); });
 */
export function useTestServer<const Models extends Definitions>(
  hooks: Hooks,
  source: TestSource<Models>,
  options: TestServerOptions = {},
): { readonly current: TestServer<Models> } {
  let server: TestServer<Models> | undefined;
  const start = async (): Promise<void> => {
    server = (await createTestServer(source as { readonly models: Models }, options)) as TestServer<Models>;
  };
  const end = async (): Promise<void> => {
    await server?.close();
  };
  if ("beforeAll" in hooks) {
    hooks.beforeAll(start);
    hooks.afterAll(end);
  } else {
    hooks.before(start);
    hooks.after(end);
  }
  return {
    get current() {
      if (server) return server;
      throw new Error("the server of `useTestServer` runs once the hooks have: read `.current` inside a test");
    },
  };
}
