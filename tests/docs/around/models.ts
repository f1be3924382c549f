import { createTestServer, defineModel } from "merlon/testing";

// BLOCK
await using server = await createTestServer({ models: { ranker } });
const { score } = await server.infer("ranker", { item_id: [[1, 2]], price: [[2, 4]] });
export const scores: ArrayLike<unknown> = score!.data;
