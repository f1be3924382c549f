/**
 * `merlon/vitest/setup`, a `globalSetup` of Vitest: one server for all files of tests. Tests find it with `inject("merlonServer")`.
 *
 * @example
 * // vitest.config.ts
 * export default defineConfig({
 *   test: { globalSetup: ["merlon/vitest/setup"], provide: { merlon: { repository: "model-repo", mockMissing: true } } },
 * });
 */
import type { TestProject } from "vitest/node";
import { createTestServer } from "./create-test-server.js";
import type {} from "./vitest.js";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { merlon } = project.config.provide;
  if (!merlon?.repository)
    throw new Error(
      'merlon/vitest/setup serves the repository of `test.provide.merlon`: write `provide: { merlon: { repository: "model-repo" } }` into vitest.config.ts',
    );
  const server = await createTestServer(merlon.repository, { mockMissing: merlon.mockMissing ?? false });
  project.provide("merlonServer", { http: server.http, grpc: server.grpc });
  return () => server.close();
}
