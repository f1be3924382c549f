/** VitePress and TypeDoc, which build the documentation as a site. */
import { makePlayground, stageSite, vitepress } from "../../scripts/docs/main.mjs";

/**
 * Builds the site.
 * @param name folder below `.cache/docs` for the staged pages
 * @param out folder to write
 * @param nodeArgs for Node itself
 */
export async function buildSite(name: string, out: string, nodeArgs: readonly string[]): Promise<void> {
  const staged = await stageSite(name);
  const code = await vitepress(staged, ["build", "--outDir", out], {
    nodeArgs,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (code !== 0) throw new Error(`VitePress ended with ${code}`);
}

/** Builds the playground alone. @param out folder to write */
export const buildPlayground = (out: string): Promise<void> => makePlayground(out);
