import type { Page, Route } from "playwright-core";

export const failing = (route: Route) => route.fulfill({ status: 500, json: { errors: { server: ["is on fire"] } } });
export const cutOff = (route: Route) => route.abort("internetdisconnected");
export const unauthorized = (route: Route) =>
  route.fulfill({ status: 401, json: { errors: { token: ["is invalid"] } } });
export const refusing = (route: Route) => route.fulfill({ status: 403, json: { errors: { article: ["forbidden"] } } });

/** Answers requests of one method in another way until the returned function is called. */
export async function during(page: Page, method: string, url: string, how: (route: Route) => Promise<void>) {
  const handler = (route: Route) => (route.request().method() === method ? how(route) : route.fallback());
  await page.route(url, handler);
  return () => page.unroute(url, handler);
}
