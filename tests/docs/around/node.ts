declare function recommend(request: { readonly triton: string; readonly user: number }): Promise<readonly number[]>;

// BLOCK
