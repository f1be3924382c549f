import { createTestServer } from "merlon/testing";

await using server = await createTestServer("model-repo");
// BLOCK
