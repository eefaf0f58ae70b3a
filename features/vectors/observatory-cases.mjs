// Writes observatory-cases.yaml: headers, and what the observatory's own code says of them.
// In an empty folder: `npm install --ignore-scripts @mdn/mdn-http-observatory@1.4.8`, then
// `echo {} > node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json` (no host of the cases is in that list), copy this
// file there, and `node observatory-cases.mjs > observatory-cases.yaml`.
import { AxiosHeaders } from "axios";
const at = "./node_modules/@mdn/mdn-http-observatory/src/";
const load = (name) => import(at + name);
const { Requests } = await load("types.js");
const { getGradeForScore, getScoreModifier } = await load("grader/grader.js");
const tests = [
  (await load("analyzer/tests/csp.js")).contentSecurityPolicyTest,
  (await load("analyzer/tests/strict-transport-security.js")).strictTransportSecurityTest,
  (await load("analyzer/tests/referrer-policy.js")).referrerPolicyTest,
  (await load("analyzer/tests/x-content-type-options.js")).xContentTypeOptionsTest,
  (await load("analyzer/tests/x-frame-options.js")).xFrameOptionsTest,
  (await load("analyzer/tests/cross-origin-resource-policy.js")).crossOriginResourcePolicyTest,
];
const csp = "content-security-policy", hsts = "strict-transport-security", ref = "referrer-policy";
const nosniff = "x-content-type-options", frame = "x-frame-options", corp = "cross-origin-resource-policy";
const good = { [csp]: "default-src 'none'; frame-ancestors 'none'", [hsts]: "max-age=31536000; includeSubDomains; preload", [ref]: "no-referrer", [nosniff]: "nosniff", [frame]: "DENY" };
const without = (name) => Object.fromEntries(Object.entries(good).filter(([other]) => other !== name));
// Left out: `max-age=a`, which the observatory takes for long enough (not a number is not less), and RFC 6797 for invalid.
const policies = ["default-src 'self'", "default-src 'self'; script-src 'unsafe-inline'", "default-src 'none'; style-src 'unsafe-inline'", "default-src 'none'; script-src 'self' 'unsafe-eval'", "default-src 'none'; img-src http://a.example", "default-src 'none'; connect-src http://a.example", "default-src *", "img-src 'self'", "default-src 'none'; default-src 'self'", "x", "script-src 'nonce-abc' 'unsafe-inline' 'strict-dynamic' https:; object-src 'none'", "script-src 'strict-dynamic'; object-src 'none'", "default-src https:", "default-src 'none'; script-src data:", "default-src", "default-src 'none'; report-uri /a; report-uri /b", "frame-ancestors 'none'", "DEFAULT-SRC 'NONE'; Frame-Ancestors 'none'", "default-src 'none'; style-src https:"];
const cases = [{}, good, ...Object.keys(good).map(without), { ...good, [corp]: "same-origin" }, { ...without(csp), [corp]: "same-origin" },
  ...policies.map((policy) => ({ ...good, [csp]: policy })), ...policies.map((policy) => ({ ...without(frame), [csp]: policy })),
  ...["max-age=300", "max-age=15552000", "max-age=15551999", "includeSubDomains", "max-age=31536000, max-age=1"].map((v) => ({ ...good, [hsts]: v })),
  ...["unsafe-url", "origin, no-referrer", "never", "no-referrer, strict", "STRICT-ORIGIN"].map((v) => ({ ...good, [ref]: v })),
  ...["sniff", "NoSniff"].map((v) => ({ ...good, [nosniff]: v })),
  ...["ALLOWALL", "ALLOW-FROM https://a.example", "sameorigin"].map((v) => ({ ...good, [csp]: "default-src 'none'", [frame]: v })),
  ...["same-site", "cross-origin", "all"].map((v) => ({ ...good, [corp]: v }))];
const lines = cases.map((headers) => {
  const requests = new Requests("service.example");
  const response = { headers: new AxiosHeaders(headers), status: 200, verified: true, httpEquiv: new Map() };
  requests.responses = { ...requests.responses, auto: response, http: response, https: response };
  requests.session = { url: new URL("https://service.example/") };
  const points = tests.map((test) => getScoreModifier(test(requests).result));
  const plain = points.filter((p) => p < 0).reduce((a, b) => a + b, 100);
  const all = points.reduce((a, b) => a + b, 100);
  const { score, grade } = getGradeForScore(plain >= 90 ? all : plain);
  return `- {headers: ${JSON.stringify(headers).replaceAll('":"', '": "').replaceAll('","', '", "')}, score: ${score}, grade: ${grade}}`;
});
const unique = [...new Set(lines)];
console.log("# Headers, and what the code of @mdn/mdn-http-observatory 1.4.8 itself says of them, by the rules that are applied here.");
console.log("# Written by observatory-cases.mjs; do not edit.");
console.log(unique.join("\n"));
