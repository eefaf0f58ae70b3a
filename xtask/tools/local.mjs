// Runs a built worker in the platform's own runtime on this machine: what `wrangler dev` does, without its proxy in
// between, whose speed and whose handling of headers would be measured instead of the worker's.
// Usage: node local.mjs WRANGLER CONFIGURATION ENVIRONMENT WORKER DATA PORT; secrets come as variables.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";

const [wrangler, configuration, environment, worker, data, port] = process.argv.slice(2);
const require = createRequire(wrangler);
const { unstable_getMiniflareWorkerOptions: understand } = require("wrangler");
const { Log, LogLevel, Miniflare, convertV4MiniflareOptions } = require("miniflare");

const { workerOptions } = understand(configuration, environment);
const types = { ".mjs": "ESModule", ".js": "ESModule", ".wasm": "CompiledWasm" };
const entry = "shim.mjs";
const others = readdirSync(worker).filter((name) => name !== entry && extname(name) in types);
const modules = [entry, ...others].map((name) => {
  const path = join(worker, name);
  return { type: types[extname(name)], path, contents: readFileSync(path) };
});

const runtime = new Miniflare(
  convertV4MiniflareOptions({
    ...workerOptions,
    modules,
    rootPath: worker,
    modulesRoot: worker,
    host: "127.0.0.1",
    port: Number(port),
    // Nothing is asked of the vendor.
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    // Where `wrangler d1 --local --persist-to` keeps its databases.
    resourcePersistencePath: join(data, "v3"),
    resourceTmpPath: join(data, "tmp"),
    unsafeTriggerHandlers: true,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs({ level, message }) {
      const own = message.startsWith("{") ? message : `[workerd:${level}] ${message}`;
      process.stdout.write(own + "\n");
    },
  }),
);

const end = async () => {
  await runtime.dispose();
  process.exit(0);
};
process.on("SIGTERM", end);
process.on("SIGINT", end);
// Who reads what we say is gone.
process.stdout.on("error", end);

console.log("Ready on " + (await runtime.ready));
