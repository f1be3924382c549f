import { expect } from "vitest";

declare function myService(options: { readonly triton: string }): {
  recommend(user: number): Promise<readonly number[]>;
};

// BLOCK
