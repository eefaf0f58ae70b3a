// Opens one local HTML file in Chromium and reports what a reader would trip over.
//
//   node audit.mjs page.html shot.png
//
// Light and dark at 1280 px, light and dark at 390 px, and with everything opened; each is screenshot (shot.png is the
// first, the others are shot-<view>.png beside it), run through axe-core, and watched for requests, console errors and
// sideways scroll. Then it is used with the keyboard alone, and printed.
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
  { name: "opened", colorScheme: "light", width: 1280, height: 900, opened: true },
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

  if (view.opened) await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (view.width < 400 && wide > 0) note(`scrolls sideways by ${wide} px at ${view.width} px`);
  await page.screenshot({ path: shot, fullPage: !view.opened });
  await judge(page, view.name);
  await page.close();
}

async function judge(page, view) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, impact, help, nodes } of violations) {
    report.violations.push({ view, id, impact, help, at: nodes.map((n) => n.target.join(" ")) });
  }
}

/** What has the focus: where it is, whether it can be seen to have it, and whether it is on the screen. */
const focused = () => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { bottom, top, right, left } = element.getBoundingClientRect();
  element.dataset.reached = "yes";
  return {
    name: `${element.localName}${element.className && `.${element.className}`} "${element.textContent.trim().slice(0, 40)}"`,
    marked: outlineStyle !== "none" && parseFloat(outlineWidth) > 0,
    shown: bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
  };
};

/** Everything that can be used is reached in order, seen to have the focus, and opens and closes. */
async function keyboard(context) {
  const page = await context.newPage();
  const note = (text) => report.errors.push(`keyboard: ${text}`);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(address, { waitUntil: "load" });
  const usable = "a[href], summary, [tabindex='0']";
  const all = await page.evaluate((of) => [...document.querySelectorAll(of)].filter((e) => e.checkVisibility()).length, usable);
  if (all === 0) note("nothing can be reached");
  for (let n = 0; n < all; n += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(focused);
    if (!at) return note(`the focus leaves the page after ${n} of ${all}`);
    if (!at.marked) note(`${at.name} is not seen to have the focus`);
    if (!at.shown) note(`${at.name} has the focus outside of the screen`);
  }
  const missed = await page.evaluate(
    (of) => [...document.querySelectorAll(of)].filter((e) => e.checkVisibility() && !e.dataset.reached).length,
    usable,
  );
  if (missed > 0) note(`${missed} of ${all} are not reached`);
  const summary = page.locator("summary").first();
  if ((await summary.count()) > 0) {
    await summary.focus();
    for (const wanted of [true, false]) {
      await page.keyboard.press("Enter");
      const open = await summary.evaluate((element) => element.parentElement.open);
      if (open !== wanted) note(`Enter does not ${wanted ? "open" : "close"} what can be opened`);
    }
  }
  await page.close();
}

/** On A4 nothing is cut off at the side, in colours that can be read, and there is something on the paper. */
async function print(context) {
  const page = await context.newPage();
  // A4 less two margins of 16 mm, at 96 pixels an inch.
  await page.setViewportSize({ width: 673, height: 950 });
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.goto(address, { waitUntil: "load" });
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll("main *")]
      .filter((e) => e.checkVisibility() && !e.closest("svg") && e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => `${e.localName} "${e.textContent.trim().slice(0, 40)}" by ${Math.round(e.getBoundingClientRect().right - innerWidth)} px`),
  );
  if (wide.length > 0) report.errors.push(`print: ${wide.length} are cut off at the side, such as ${wide[0]}`);
  await judge(page, "print");
  const paper = await page.pdf({ format: "A4" });
  if (!paper.subarray(0, 5).equals(Buffer.from("%PDF-")) || paper.length < 5_000) {
    report.errors.push(`print: the paper is empty (${paper.length} bytes)`);
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
  await keyboard(context);
  await print(context);
  await context.close();
} catch (error) {
  report.errors.push(String(error.message ?? error));
} finally {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

console.log(JSON.stringify(report));
process.exitCode = report.violations.length + report.requests.length + report.errors.length > 0 ? 1 : 0;
