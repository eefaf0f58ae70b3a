// Opens one local HTML file in Chromium and reports what a reader would trip over.
//
//   node audit.mjs page.html shot.png
//
// Light and dark at 1280 px, light and dark at 390 px; each is screenshot (shot.png is the first, the others are
// shot-<view>.png beside it), run through axe-core, and watched for requests, console errors and sideways scroll.
// Prints one JSON object {violations, requests, errors, load_ms}; exits 0 clean, 1 with problems, 2 on wrong use.
// Environment: PROOFLINE_TOOLS (tool cache, default ~/.cache/proofline).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [html, png] = process.argv.slice(2);
if (!html || !png) {
  console.error("usage: node audit.mjs <page.html> <shot.png>");
  process.exit(2);
}

const tools = process.env.PROOFLINE_TOOLS || join(homedir(), ".cache", "proofline");
const require = createRequire(import.meta.url);
const { chromium } = require(join(tools, "lib", "playwright-core"));
const axe = readFileSync(join(tools, "lib", "axe-core", "axe.min.js"), "utf8");

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const views = [
  { name: "light", colorScheme: "light", width: 1280, height: 900 },
  { name: "dark", colorScheme: "dark", width: 1280, height: 900 },
  { name: "phone-light", colorScheme: "light", width: 390, height: 844 },
  { name: "phone-dark", colorScheme: "dark", width: 390, height: 844 },
];

const address = pathToFileURL(resolve(html)).href;
const report = { violations: [], requests: [], errors: [], load_ms: 0 };

/** The page itself and inline data are no traffic; everything else is. */
const isTraffic = (url) => url.split("#")[0] !== address && !/^(data|blob|about):/.test(url);

async function audit(context, view, shot) {
  const page = await context.newPage();
  const note = (text) => report.errors.push(`${view.name}: ${text}`);
  page.on("request", (request) => {
    if (isTraffic(request.url())) report.requests.push(`${view.name}: ${request.url()}`);
  });
  page.on("websocket", (socket) => report.requests.push(`${view.name}: ${socket.url()}`));
  page.on("pageerror", (error) => note(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") note(message.text());
  });
  await page.setViewportSize({ width: view.width, height: view.height });
  await page.emulateMedia({ colorScheme: view.colorScheme });
  const start = performance.now();
  await page.goto(address, { waitUntil: "load" });
  report.load_ms = Math.max(report.load_ms, Math.round(performance.now() - start));

  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (view.width < 400 && wide > 0) note(`scrolls sideways by ${wide} px at ${view.width} px`);
  await page.screenshot({ path: shot, fullPage: true });

  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, impact, help, nodes } of violations) {
    report.violations.push({ view: view.name, id, impact, help, at: nodes.map((n) => n.target.join(" ")) });
  }
  await page.close();
}

const profile = mkdtempSync(join(tmpdir(), "proofline-browser-"));
try {
  const executablePath = join(tools, "bin", "chromium");
  // A policy of `bypassCSP` lets axe run in a page that forbids inline script.
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: flags,
    bypassCSP: true,
  });
  for (const [index, view] of views.entries()) {
    await audit(context, view, index === 0 ? png : png.replace(/(\.png)?$/, `-${view.name}.png`));
  }
  await context.close();
} catch (error) {
  report.errors.push(String(error.message ?? error));
} finally {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

console.log(JSON.stringify(report));
process.exitCode = report.violations.length + report.requests.length + report.errors.length > 0 ? 1 : 0;
