import { expect, test } from "vitest";
import { murmur3 } from "#runtime/stores/feast/murmur3.js";

const SEED = 0x9747b28c;
test.each<[string | number[], number, number]>([
  ["", 0, 0],
  ["", 1, 0x514e28b7],
  ["", 0xffffffff, 0x81f16f39],
  [[255, 255, 255, 255], 0, 0x76293b50],
  [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
  [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
  [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
  [[0x21, 0x43], 0, 0xa0f7b07a],
  [[0x21], 0, 0x72661cf4],
  [[0, 0, 0, 0], 0, 0x2362f9de],
  [[0, 0, 0], 0, 0x85f0b427],
  [[0, 0], 0, 0x30f4c306],
  [[0], 0, 0x514e28b7],
  ["aaaa", SEED, 0x5a97808a],
  ["aaa", SEED, 0x283e0130],
  ["aa", SEED, 0x5d211726],
  ["a", SEED, 0x7fa09ea6],
  ["abcd", SEED, 0xf0478627],
  ["Hello, world!", SEED, 0x24884cba],
  ["The quick brown fox jumps over the lazy dog", SEED, 0x2fa826cd],
])("%j of seed %i", (bytes, seed, hash) => {
  expect(murmur3(Buffer.from(bytes as string), seed)).toBe(hash);
  if (seed === 0) expect(murmur3(Buffer.from(bytes as string))).toBe(hash);
});
