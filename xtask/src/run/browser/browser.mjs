// A browser with nothing of anybody's in it, led by playwright-core, and removed with all that it wrote.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What was asked for: `{tools, …}` on standard input. */
export const input = JSON.parse(readFileSync(0, "utf8"));

/** Starts it, has `work` done with its context, and prints what that gives as one line of JSON. */
export async function browse(work, args = []) {
  const { chromium } = createRequire(import.meta.url)(join(input.tools, "lib", "playwright-core"));
  const profile = mkdtempSync(join(tmpdir(), "proofline-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: join(input.tools, "bin", "chromium"),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Whether a public page may reach this machine at all is another question than what is asked here.
      "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
      ...args,
    ],
  });
  try {
    console.log(JSON.stringify(await work(context)));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
