import type { Response } from "../http/message.ts";

/**
 * Lets `serve` answer instead, should the app answer 404. The app's own answer is dropped before a byte of it is sent;
 * any other status passes untouched.
 */
export function on404(response: Response, serve: () => void): void {
  let swallowing = false;
  const restore = () => {
    for (const method of ["writeHead", "write", "end"] as const) Reflect.deleteProperty(response, method);
  };
  const { writeHead, write, end } = response;
  const misses = () => swallowing || (!response.headersSent && response.statusCode === 404);

  response.writeHead = ((...args: Parameters<Response["writeHead"]>) => {
    if (args[0] === 404) {
      swallowing = true;
      return response;
    }
    restore();
    return writeHead.apply(response, args);
  }) as Response["writeHead"];
  response.write = ((...args: Parameters<Response["write"]>) => {
    swallowing = misses();
    return swallowing ? true : write.apply(response, args);
  }) as Response["write"];
  response.end = ((...args: Parameters<Response["end"]>) => {
    if (!misses()) return end.apply(response, args);
    restore();
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = 200;
    serve();
    return response;
  }) as Response["end"];
}
