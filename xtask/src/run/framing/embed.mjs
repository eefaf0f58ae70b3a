// Has pages of several origins show a service in a frame, and tells which of them the browser lets.
//
// Standard input: {tools, addresses: [address], parents: [address]}; standard output: {shown: [{parent, address, framed,
// bare}]}. `bare` is the control: the same answer without its headers, which every page can show. Pages that embed are
// made here, whatever their origin; nothing but the service is asked.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { tools, addresses, parents } = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = createRequire(import.meta.url)(join(tools, "lib", "playwright-core"));
const profile = mkdtempSync(join(tmpdir(), "proofline-browser-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: join(tools, "bin", "chromium"),
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Whether a public page may reach this machine at all is another question than who may embed.
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
  ],
});

/** Whether the page shows the answer in its frame. */
async function isShown(parent, address, bare) {
  const page = await context.newPage();
  await page.route("**/*", async (route) => {
    const url = route.request().url();
    if (url === parent) {
      const body = `<!doctype html><title>A page that embeds</title><iframe src="${address}"></iframe>`;
      return route.fulfill({ contentType: "text/html", body });
    }
    if (url !== address) return route.abort();
    if (!bare) return route.continue();
    const response = await route.fetch();
    return route.fulfill({ contentType: response.headers()["content-type"], body: await response.body() });
  });
  await page.goto(parent, { waitUntil: "load" });
  const shown = page.frames().find((frame) => frame.parentFrame())?.url() === address;
  await page.close();
  return shown;
}

try {
  const shown = [];
  for (const parent of parents) {
    for (const address of addresses) {
      const framed = await isShown(parent, address, false);
      shown.push({ parent, address, framed, bare: await isShown(parent, address, true) });
    }
  }
  console.log(JSON.stringify({ shown }));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
