/**
 * The service against a Triton in this process: real models, functions in place of some, and injected faults.
 */
import { createTestServer } from "merlon/testing";
import { expect, test } from "vitest";
import { openShopWindow, type Product } from "./shop-window.js";

const REPOSITORY = new URL("../../model-repo", import.meta.url).pathname;

const ask = async (url: string, path: string) => {
  const response = await fetch(url + path);
  return { status: response.status, ...((await response.json()) as { products?: Product[]; because?: string }) };
};

test("shows ten products, best first in what the model says", async () => {
  await using triton = await createTestServer(REPOSITORY);
  await using shop = await openShopWindow(`grpc://${triton.grpc}`, { deadline: 20_000 });
  const { status, products } = await ask(shop.url, "/for/512300022");
  expect([status, products!.length]).toEqual([200, 10]);
});

test("over HTTP, with a function in the model's place", async () => {
  await using triton = await createTestServer(REPOSITORY, {
    models: { recommend: () => ({ ordered_ids: [[11n, 12n]], ordered_scores: [[0.75, 0.5]] }) },
  });
  await using shop = await openShopWindow(triton.http, { deadline: 20_000 });
  const { products } = await ask(shop.url, "/for/7");
  expect(products).toEqual([
    { id: 11, score: 0.75 },
    { id: 12, score: 0.5 },
  ]);
  expect(triton.model("recommend").requests).toHaveLength(1);
  expect((await ask(shop.url, "/for/nobody")).status).toBe(404);
});

test("a recommender that is late or down leaves the window empty", async () => {
  const models = { recommend: () => ({ ordered_ids: [[1n]], ordered_scores: [[1]] }) };
  await using triton = await createTestServer(REPOSITORY, { models });
  await using shop = await openShopWindow(`grpc://${triton.grpc}`, { deadline: 2000 });
  const fault = triton.model("recommend").fail({ delayMs: 30_000 });
  expect(await ask(shop.url, "/for/7")).toEqual({ status: 200, products: [], because: "DEADLINE_EXCEEDED" });
  triton.faults.remove(fault);
  expect((await ask(shop.url, "/for/7")).products).toHaveLength(1);
});
