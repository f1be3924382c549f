declare function recommend(request: { readonly triton: string; readonly user: number }): Promise<readonly number[]>;
declare const POPULAR: readonly number[];

// BLOCK
