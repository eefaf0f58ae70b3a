// Has a browser load pages with the service's script of Web Vitals, use them and leave them, and tells what went over
// the wire and what the browser itself saw.
//
// Standard input: {tools, service, script, report, cases: [{name, page, script, hidden}]}; standard output:
// {cases: [{name, loaded, seen, sent: [{method, path, type, body, status}], changed}]}.
//
// Between browser and service stands a server of this program: it gives the pages, passes everything else on, and
// writes down what is reported. The browser can reach nothing else. `script: "empty"` puts an empty script in the place
// of the service's: the control. `hidden: true` has the page be hidden and shown again before it is left. `changed` is
// the status of the last report, sent once more with a member called otherwise.

import { createServer, request as plain } from "node:http";
import { request as encrypted } from "node:https";

import { browse, input } from "./browser.mjs";

const { service, script, report, cases } = input;
/** Where a page tells that it was left. */
const LEFT = "/proofline/left";
/** Where a browser is afterwards. */
const AFTER = "/proofline/after";
/** How long may be waited for what must come. */
const PATIENCE = 30_000;

/** A page that paints, shifts and shows its largest text once it is told to, and is slow when somebody clicks. */
const PAGE = `<!doctype html><html lang="en"><head><title>A page</title>
<style>#late{display:none;font-size:80px}</style>
<script>
  const seen = { FCP: 0, TTFB: 0, LCP: 0, CLS: 0, INP: 0, clicked: false };
  const look = (type, each, more) =>
    new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...more });
  look("paint", (e) => { if (e.name === "first-contentful-paint") seen.FCP = e.startTime; });
  look("largest-contentful-paint", (e) => { seen.LCP = e.startTime; });
  look("layout-shift", (e) => { if (!e.hadRecentInput) seen.CLS += e.value; });
  look("event", (e) => {
    if (e.interactionId) seen.INP = Math.max(seen.INP, e.duration);
    if (e.name === "click") seen.clicked = true;
  }, { durationThreshold: 16 });
  addEventListener("load", () => {
    seen.TTFB = performance.getEntriesByType("navigation")[0].responseStart;
    addEventListener("pagehide", () => navigator.sendBeacon("${LEFT}"));
  });
</script></head><body>
<h1>A page that somebody reads</h1><p id="late">What comes late is the largest of all that this page has to show</p>
<button id="act">Act</button><p>What stands below</p>
<script>
  document.getElementById("act").addEventListener("click", () => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  });
</script>
<script src="${script}"></script></body></html>`;

const read = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
};

/** Asks the service; what it answers, as a whole. */
function ask(method, path, headers, body) {
  const address = new URL(path, service);
  const send = address.protocol === "https:" ? encrypted : plain;
  const own = { ...headers, host: address.host, connection: "close" };
  if (own.origin) own.origin = address.origin;
  delete own["accept-encoding"];
  return new Promise((resolve, reject) => {
    const asked = send(address, { method, headers: own }, async (answer) => {
      resolve({ status: answer.statusCode, headers: answer.headers, body: await read(answer) });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** What stands between browser and service for one case. */
async function between({ page, script: given }) {
  const found = { sent: [], loaded: null, open: new Set() };
  let left;
  found.left = new Promise((resolve) => (left = resolve));
  const pass = async (request, response) => {
    const { method, url, headers } = request;
    const body = await read(request);
    const give = (status, head, text) => response.writeHead(status, head).end(text);
    if (url === page || url === AFTER) return give(200, { "content-type": "text/html" }, url === page ? PAGE : "");
    if (url === LEFT) return give(204, {}), left();
    if (url === "/favicon.ico") return give(404, {}, "");
    try {
      const answer = await ask(method, url, headers, body);
      const head = { ...answer.headers };
      delete head["transfer-encoding"];
      let text = answer.body;
      if (url.endsWith(script.slice(script.lastIndexOf("/"))) && answer.status === 200) {
        found.loaded = { status: answer.status, type: head["content-type"] ?? "", bytes: text.length };
        if (given === "empty") {
          text = Buffer.alloc(0);
          head["content-length"] = "0";
        }
      }
      if (url === report) {
        const type = headers["content-type"] ?? "";
        found.sent.push({ method, path: url, type, body: body.toString(), status: answer.status, headers });
      }
      give(answer.status, head, text);
    } catch (error) {
      give(502, {}, String(error));
    }
  };
  const server = createServer((request, response) => {
    const passing = pass(request, response).finally(() => found.open.delete(passing));
    found.open.add(passing);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  found.origin = `http://127.0.0.1:${server.address().port}`;
  found.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return found;
}

const within = (promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the page did not tell that it was left")), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** The same report with its innermost first member called otherwise. */
function renamed(text) {
  const body = JSON.parse(text);
  let item = body;
  for (const value of Object.values(body)) if (Array.isArray(value)) [item] = value;
  const [member] = Object.keys(item);
  item[`${member}_`] = item[member];
  delete item[member];
  return JSON.stringify(body);
}

async function run(context, one) {
  const found = await between(one);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  try {
    await page.goto(found.origin + one.page, { waitUntil: "load" });
    await page.waitForFunction(() => seen.FCP > 0 && seen.LCP > 0);
    await page.evaluate(() => (document.getElementById("late").style.display = "block"));
    await page.waitForFunction(() => seen.CLS > 0 && seen.LCP > seen.FCP);
    await page.click("#act");
    await page.waitForFunction(() => seen.clicked);
    const seen = await page.evaluate(() => seen);
    if (one.hidden) {
      await page.evaluate(() => {
        for (const state of ["hidden", "visible"]) {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
        }
        delete document.visibilityState;
      });
    }
    await page.goto("about:blank");
    await within(found.left);
    // Whatever else the page sent was sent before this.
    await page.goto(found.origin + AFTER);
    await Promise.all(found.open);
    let changed = null;
    const last = found.sent.at(-1);
    if (last) {
      const text = renamed(last.body);
      const headers = { ...last.headers, "content-length": String(Buffer.byteLength(text)) };
      changed = (await ask(last.method, last.path, headers, text)).status;
    }
    const sent = found.sent.map(({ headers, ...rest }) => rest);
    return { name: one.name, loaded: found.loaded, seen, sent, changed };
  } finally {
    await page.close();
    found.close();
  }
}

await browse(
  async (context) => {
    const done = [];
    for (const one of cases) done.push(await run(context, one));
    return { cases: done };
  },
  // No name is looked up, so that nothing can come from the network.
  ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
);
