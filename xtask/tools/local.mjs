// Runs a built worker in the platform's own runtime on this machine: what `wrangler dev` does, without its proxy in
// between, whose speed and whose handling of headers would be measured instead of the worker's.
// Usage: node local.mjs WRANGLER CONFIGURATION ENVIRONMENT WORKER DATA PORT; secrets come as variables.
// With `check` for the port the worker has the variables that are given as its configuration, and data of its own. When
// it accepts them, this says where it listens, as a native service does, and goes on until it is told to end; otherwise it
// says what the worker says and ends with 1.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";

const [wrangler, configuration, environment, worker, data, port] = process.argv.slice(2);
const require = createRequire(wrangler);
const { unstable_getMiniflareWorkerOptions: understand } = require("wrangler");
const { Log, LogLevel, Miniflare, convertV4MiniflareOptions } = require("miniflare");

const checking = port === "check";
const given = { ...process.env };
if (checking) {
  // Wrangler would name what is missing, and it is the worker that has to.
  const parts = JSON.parse(readFileSync(configuration, "utf8")).env[environment];
  for (const name of parts.secrets?.required ?? []) process.env[name] = "set";
}
const { workerOptions } = understand(configuration, environment);
if (checking) {
  for (const name of Object.keys(workerOptions.bindings ?? {})) {
    if (name in given) workerOptions.bindings[name] = given[name];
    else delete workerOptions.bindings[name];
  }
  // The platform lets these be set at any time; no configuration names them.
  for (const name of ["READ_ONLY", "MAINTENANCE"]) {
    if (name in given) (workerOptions.bindings ??= {})[name] = given[name];
  }
}
const types = { ".mjs": "ESModule", ".js": "ESModule", ".wasm": "CompiledWasm" };
const entry = "shim.mjs";
const others = readdirSync(worker).filter((name) => name !== entry && extname(name) in types);
const modules = [entry, ...others].map((name) => {
  const path = join(worker, name);
  return { type: types[extname(name)], path, contents: readFileSync(path) };
});

// What the worker says comes another way than its answers, and often later.
let refused;
const refusal = new Promise((resolve) => (refused = resolve));

const runtime = new Miniflare(
  convertV4MiniflareOptions({
    ...workerOptions,
    modules,
    rootPath: worker,
    modulesRoot: worker,
    host: "127.0.0.1",
    port: checking ? 0 : Number(port),
    // Nothing is asked of the vendor.
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    // Where `wrangler d1 --local --persist-to` keeps its databases.
    resourcePersistencePath: checking ? undefined : join(data, "v3"),
    resourceTmpPath: checking ? undefined : join(data, "tmp"),
    unsafeTriggerHandlers: true,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs({ level, message }) {
      const own = message.startsWith("{") ? message : `[workerd:${level}] ${message}`;
      process.stdout.write(own + "\n");
      if (own.includes('"event":"configuration"')) refused();
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

const url = await runtime.ready;
if (checking) {
  const { status } = await fetch(new URL("/.well-known/proofline", url));
  // It names what is wrong before it answers, unless it is broken in another way: then nothing comes.
  const longest = 20_000;
  if (status !== 200) {
    await Promise.race([refusal, new Promise((resolve) => setTimeout(resolve, longest))]);
    await runtime.dispose();
    process.exit(1);
  }
  console.log(JSON.stringify({ event: "listening", address: url.host }));
} else {
  console.log("Ready on " + url);
}
