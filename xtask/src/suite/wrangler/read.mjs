// Reads configurations as wrangler itself does: `node read.mjs <wrangler's cli.js> <jobs.json>`, in the jobs' folder.
// A job is `{config, env}`; the answer has for each `{config}` or `{error}`, and what it was warned of.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const [, , program, jobs] = process.argv;
const warnings = [];
for (const level of ["warn", "error", "info", "log"]) console[level] = (...said) => warnings.push(said.join(" "));
const { unstable_readConfig } = createRequire(import.meta.url)(program);

const folder = join(dirname(jobs), "deploy");
mkdirSync(folder);
const answers = JSON.parse(readFileSync(jobs, "utf8")).map(({ config, env }, number) => {
  const file = join(folder, `${number}.json`);
  writeFileSync(file, JSON.stringify(config));
  warnings.length = 0;
  try {
    return { config: unstable_readConfig({ config: file, env }), warnings: [...warnings] };
  } catch (error) {
    return { error: String(error.message ?? error), warnings: [...warnings] };
  }
});
process.stdout.write(JSON.stringify(answers));
process.exit(0);
