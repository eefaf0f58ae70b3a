// Has pages of several origins show a service in a frame, and tells which of them the browser lets.
//
// Standard input: {tools, addresses: [address], parents: [address]}; standard output: {shown: [{parent, address, framed,
// bare}]}. `bare` is the control: the same answer without its headers, which every page can show. Pages that embed are
// made here, whatever their origin; nothing but the service is asked.

import { browse, input } from "./browser.mjs";

const { addresses, parents } = input;

/** Whether the page shows the answer in its frame. */
async function isShown(context, parent, address, bare) {
  const page = await context.newPage();
  await page.route("**/*", async (route) => {
    const url = route.request().url();
    if (url === parent) {
      const body = `<!doctype html><title>A page that embeds</title><iframe src="${address}"></iframe>`;
      return route.fulfill({ contentType: "text/html", body });
    }
    if (url !== address) return route.abort();
    if (!bare) return route.continue();
    const response = await route.fetch();
    return route.fulfill({ contentType: response.headers()["content-type"], body: await response.body() });
  });
  await page.goto(parent, { waitUntil: "load" });
  const shown = page.frames().find((frame) => frame.parentFrame())?.url() === address;
  await page.close();
  return shown;
}

await browse(async (context) => {
  const shown = [];
  for (const parent of parents) {
    for (const address of addresses) {
      const framed = await isShown(context, parent, address, false);
      shown.push({ parent, address, framed, bare: await isShown(context, parent, address, true) });
    }
  }
  return { shown };
});
