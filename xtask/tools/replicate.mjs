// Lets the platform keep copies of a database for reading in its regions: what wrangler has no command for.
// Usage: node replicate.mjs DATABASE; token and account come as variables. Says `auto`, or why not and ends with 1.
const { CLOUDFLARE_API_TOKEN: token, CLOUDFLARE_ACCOUNT_ID: account, CLOUDFLARE_API_BASE_URL: base } = process.env;
const api = base ?? "https://api.cloudflare.com/client/v4";
const url = `${api}/accounts/${encodeURIComponent(account)}/d1/database/${encodeURIComponent(process.argv[2])}`;

async function ask() {
  const answer = await fetch(url, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ read_replication: { mode: "auto" } }),
    redirect: "error",
    signal: AbortSignal.timeout(60_000),
  });
  const said = await answer.json();
  if (said.success) return said.result?.read_replication?.mode;
  const errors = (said.errors ?? []).map(({ code, message }) => `${message} [code: ${code}]`);
  throw new Error(errors.join("\n") || `the platform answered ${answer.status}`);
}

try {
  const mode = await ask();
  if (mode !== "auto") throw new Error(`the platform says that the mode is ${mode}`);
  console.log(mode);
} catch (error) {
  // What a failed connection says of itself is in its cause.
  console.error(`[ERROR] ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
  process.exitCode = 1;
}
