// Opens each of `pages` so often as `rounds` says, in turns, each time in a page that was never there.
// Gives {PAGE: [{painted, loaded}]}: milliseconds from the start of the navigation until something was seen, and until
// everything was there and laid out.

import { pathToFileURL } from "node:url";
import { browse, input } from "./browser.mjs";

const open = async (context, path) => {
  const page = await context.newPage();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(pathToFileURL(path).href, { waitUntil: "load" });
  const times = await page.evaluate(async () => {
    const painted = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    while (painted() === undefined) await new Promise((next) => requestAnimationFrame(next));
    const [navigation] = performance.getEntriesByType("navigation");
    return { painted: painted(), loaded: navigation.loadEventEnd };
  });
  await page.close();
  return times;
};

await browse(async (context) => {
  const found = Object.fromEntries(input.pages.map((path) => [path, []]));
  // The first one pays for what the browser only does once.
  await open(context, input.pages[0]);
  for (let round = 0; round < input.rounds; round += 1) {
    for (const path of input.pages) found[path].push(await open(context, path));
  }
  return found;
});
