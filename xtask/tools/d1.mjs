// A worker for tests: passes batches on to the D1 database whose name is the path, as the runtime's own worker does.
import { d1, explain } from "./glue.mjs";

export default {
  async fetch(request, env) {
    try {
      return new Response(await d1(env[new URL(request.url).pathname.slice(1)], await request.text()));
    } catch (error) {
      return new Response(explain(error), { status: 500 });
    }
  },
};
