/**
 * A service that calls a recommender: GET /for/USER → the products to show, as JSON. If the recommender is unavailable, the window is
 * empty, without an error.
 */
import { createServer } from "node:http";
import { type Client, ClientError, connect, InvalidRequestError } from "merlon/client";
import { type Models, models } from "./models.js";

export interface Product {
  readonly id: number;
  readonly score: number;
}

export interface ShopWindow extends AsyncDisposable {
  readonly url: string;
}

/**
 * @param triton `grpc://host:8001` or `http://host:8000`
 * @param deadline milliseconds after which an empty window is better than a late one
 */
export async function openShopWindow(triton: string, { port = 0, deadline = 200 } = {}): Promise<ShopWindow> {
  // With `models` the server's models are compared once with this program's types.
  const client = await connect<Models>(triton, { models, deadline, retry: { attempts: 3, backoff: 10 } });
  const server = createServer(async (request, response) => {
    const [, user] = /^\/for\/(\d+)$/.exec(request.url ?? "") ?? [];
    const [status, body] = user ? await productsFor(client, BigInt(user)) : [404, { error: "ask for /for/USER" }];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>(done => server.listen(port, "127.0.0.1", done));
  const { port: chosen } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${chosen}`,
    async [Symbol.asyncDispose]() {
      await new Promise(done => server.close(done));
      await client.close();
    },
  };
}

async function productsFor(client: Client<Models>, user: bigint): Promise<[number, object]> {
  try {
    const { ordered_ids, ordered_scores } = await client.infer("recommend", { user_id: [user] });
    const scores = ordered_scores.data;
    return [200, { products: ordered_ids.numbers().map((id, i): Product => ({ id, score: scores[i]! })) }];
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (error instanceof InvalidRequestError) return [400, { error: error.message }];
    return [200, { products: [], because: error.code }];
  }
}
