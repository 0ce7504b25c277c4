import { NinefoldError } from "../../topology/problem.ts";

/** HAProxy refused a command or could not be asked; `says` carries its own words. */
export class BalancerFailed extends NinefoldError {
  constructor(at: string, says: string, fix = "See the log in its folder", options?: ErrorOptions) {
    super("balancer-failed", { at, says, fix }, options);
  }
}

/** A server did not say that it is ready, so it was not added. */
export class ServerNotReady extends NinefoldError {
  constructor(at: string, says: string) {
    super("server-not-ready", { at, says, fix: "See the server's log; nothing was changed in the load balancer" });
  }
}

/** HAProxy did not take a new configuration and goes on with the old one. */
export class ReloadRefused extends NinefoldError {
  constructor(folder: string, says: string) {
    super("balancer-reload-refused", {
      at: `${folder}/haproxy.cfg`,
      says: `HAProxy goes on with its former configuration: ${says}`,
      fix: "See the log in that folder",
    });
  }
}

/** A certificate could not be made or read. */
export class BadCertificate extends NinefoldError {
  constructor(at: string, says: string, fix: string, options?: ErrorOptions) {
    super("bad-certificate", { at, says, fix }, options);
  }
}
