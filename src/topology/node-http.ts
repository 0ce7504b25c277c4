/**
 * `node:http` without what comes with an ES `import` of it, which reads all its names, `WebSocket` among them: that one loads all of undici,
 * 40 to 80 ms of a processor in each of our processes.
 */
export const { Agent, createServer, get, IncomingMessage, request, ServerResponse } =
  process.getBuiltinModule("node:http");
