// Runs Atomic Guide's built worker in the platform's own runtime with objects in the place of Workers AI and Vectorize
// that have their methods and refuse what they refuse, and looks at what the worker asks of them and answers.
// Usage: node search.mjs WRANGLER CONFIGURATION WORKER MIGRATIONS
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";

const [wrangler, configuration, worker, migrations] = process.argv.slice(2);
const require = createRequire(wrangler);
const { unstable_getMiniflareWorkerOptions: understand } = require("wrangler");
const { Log, LogLevel, Miniflare, convertV4MiniflareOptions } = require("miniflare");

// Vectors have a number for each word of this list: what is near is known beforehand.
const ENTRY = `
import worker from "./shim.mjs";
export * from "./shim.mjs";
const SIZE = 768;
const WORDS = ["homework", "deadline", "lecture", "grade"];
const asked = [];
let broken = false;
function use(what) {
  asked.push(what);
  if (broken) throw new Error("the platform does not answer");
}
const AI = {
  async run(model, input) {
    use({ run: model, text: input.text });
    if (!model.startsWith("@cf/") || !Array.isArray(input.text)) throw new TypeError("5006: not an input of the model");
    const data = input.text.map((text) => Array.from({ length: SIZE }, (_, at) => (text.includes(WORDS[at]) ? 1 : 0)));
    return { shape: [data.length, SIZE], data };
  },
};
const kept = new Map();
function check(values) {
  if (!Array.isArray(values) || values.length !== SIZE || !values.every(Number.isFinite)) {
    throw new Error("VECTOR_QUERY_ERROR (code = 40006): invalid vector");
  }
}
const FAQ_INDEX = {
  async describe() {
    use({ describe: true });
    return { vectorCount: kept.size, dimensions: SIZE };
  },
  async upsert(vectors) {
    use({ upsert: vectors.map(({ id }) => id) });
    for (const { id, values } of vectors) {
      if (typeof id !== "string" || id.length > 64) throw new Error("VECTOR_UPSERT_ERROR (code = 40008): invalid id");
      check(values);
      kept.set(id, values);
    }
    return { mutationId: "stand-in" };
  },
  async deleteByIds(ids) {
    use({ deleteByIds: ids });
    ids.forEach((id) => kept.delete(id));
    return { mutationId: "stand-in" };
  },
  async query(vector, options) {
    use({ query: options });
    check(vector);
    if (!(options.topK >= 1 && options.topK <= 100)) throw new Error("VECTOR_QUERY_ERROR (code = 40025): topK");
    const score = (values) => values.reduce((sum, value, at) => sum + value * vector[at], 0);
    const matches = [...kept].map(([id, values]) => ({ id, score: score(values) }));
    matches.sort((one, other) => other.score - one.score);
    return { count: matches.length, matches: matches.slice(0, options.topK) };
  },
};
const within = (env) => ({ ...env, AI, FAQ_INDEX });
export default {
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/stand-in") return worker.fetch(request, within(env), context);
    broken = searchParams.has("broken");
    return Response.json(asked.splice(0));
  },
  queue: (batch, env) => worker.queue(batch, within(env)),
  scheduled: (event, env) => worker.scheduled(event, within(env)),
};
`;

const { secrets } = JSON.parse(readFileSync(configuration, "utf8").replace(/^\/\/.*$/gm, "")).env["workers-local"];
for (const name of secrets.required) process.env[name] = "stand-in".repeat(300);
const { workerOptions } = understand(configuration, "workers-local");
for (const name of ["AI", "FAQ_INDEX"]) delete workerOptions.bindings[name + "_SUBSTITUTE"];
const types = { ".mjs": "ESModule", ".js": "ESModule", ".wasm": "CompiledWasm" };
const parts = readdirSync(worker).filter((name) => extname(name) in types);
const modules = [
  { type: "ESModule", path: join(worker, "entry.mjs"), contents: ENTRY },
  ...parts.map((name) => {
    const path = join(worker, name);
    return { type: types[extname(name)], path, contents: readFileSync(path) };
  }),
];
const runtime = new Miniflare(
  convertV4MiniflareOptions({
    ...workerOptions,
    modules,
    rootPath: worker,
    modulesRoot: worker,
    host: "127.0.0.1",
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    log: new Log(LogLevel.WARN),
  }),
);

const at = async (path, init) => {
  const response = await fetch(new URL(path, await runtime.ready), init);
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
};
const asked = async (broken = false) => (await at(broken ? "/stand-in?broken" : "/stand-in")).body;
const post = (path, body) =>
  at(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function check() {
  const database = await runtime.getD1Database("DB");
  for (const name of readdirSync(migrations).sort()) {
    const sql = readFileSync(join(migrations, name), "utf8").replace(/^\s*--.*$/gm, "");
    const statements = sql.split(/;\s*\n(?!\s*end)/).filter((statement) => statement.trim() !== "");
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
  const rows = [
    ["f1", "homework after the deadline"],
    ["f2", "a lecture that was missed"],
    ["f3", "who gives a grade"],
  ];
  const insert = database.prepare("insert into faqs (id, question, answer, created_at) values (?, ?, '-', '2026')");
  await database.batch(rows.map((row) => insert.bind(...row)));

  // What was there before the index is indexed by the task, once.
  const { scheduled } = await runtime.getWorker();
  await scheduled({ cron: "*/15 * * * *" });
  let said = await asked();
  assert.deepEqual(
    said.flatMap((one) => one.upsert ?? []),
    ["f1", "f2", "f3"],
    "each row is put into the index: " + JSON.stringify(said),
  );
  assert.deepEqual(said[0], { run: "@cf/baai/bge-base-en-v1.5", text: ["homework after the deadline -"] });
  await scheduled({ cron: "*/15 * * * *" });
  assert.deepEqual(await asked(), [], "nothing is indexed twice");

  // Words of two rows find both, the nearest first.
  const person = { email: "anna@example.com", name: "Anna", password: "a long enough password" };
  assert.equal((await post("/api/users", person)).status, 201);
  const { token } = (await post("/api/sessions", { email: person.email, password: person.password })).body;
  const search = (q) =>
    at("/api/faqs/search?limit=2&q=" + encodeURIComponent(q), { headers: { authorization: "Bearer " + token } });
  const ids = ({ status, body }) => [status, ...(body.items ?? []).map(({ id }) => id)];
  assert.deepEqual(ids(await search("deadline of homework, and a grade")), [200, "f1", "f3"]);
  said = await asked();
  assert.deepEqual(said[1].query, { topK: 22, returnValues: false, returnMetadata: "none" });

  // The index still has what the database has no more.
  await database.prepare("delete from faqs where id = 'f1'").run();
  assert.deepEqual(ids(await search("deadline of homework, and a grade")), [200, "f3", "f2"]);

  const { status, body: health } = await at("/health");
  assert.equal(status, 200);
  for (const name of ["ai", "vectorize"]) {
    assert.equal(health.checks[name].status, "ok", JSON.stringify(health));
    assert.equal(typeof health.checks[name].latencyMs, "number");
    assert.equal(health.checks[name].substitute, undefined);
  }
  assert.equal((await at("/.well-known/proofline")).body.substitutes, undefined);

  // A platform that does not answer is told, and is no answer without rows.
  await asked(true);
  const refused = await search("homework");
  assert.equal(refused.status, 503);
  assert.equal((await at("/health")).body.checks.vectorize.status, "failed");
}

let failed;
try {
  await check();
} catch (error) {
  failed = error;
}
await runtime.dispose();
if (failed !== undefined) {
  console.error(failed);
  process.exit(1);
}
console.log("what is asked of Workers AI and Vectorize is right");
