/** A real browser: Debian's Chromium, or Chrome. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

export function launchChromium(): Promise<Browser> {
  const path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  return chromium.launch({ executablePath: path ?? "chromium", args: ["--no-sandbox"] });
}
