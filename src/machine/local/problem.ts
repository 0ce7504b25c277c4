import { NinefoldError, type Problem } from "../../topology/problem.ts";

/** Another program listens on the public port. */
export class PortInUse extends NinefoldError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super("port-in-use", problem, options);
  }
}

/** The public address cannot be opened: not an address of this machine, or a port that needs privileges. */
export class AddressRefused extends NinefoldError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super("address-refused", problem, options);
  }
}

/** Files of the machine cannot be used: made by another user, not readable, or a disk is full. */
export class MachineFolderUnusable extends NinefoldError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super("machine-folder-unusable", problem, options);
  }
}

/** The agent did not answer, did not start, or refused. */
export class AgentFailed extends NinefoldError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super("agent-failed", problem, options);
  }
}

/** An error as the agent sends it, made an error of its own class again. */
export function revive(code: string, problem: Problem): NinefoldError {
  const known = { "port-in-use": PortInUse, "address-refused": AddressRefused }[code];
  return known === undefined ? new AgentFailed(problem) : new known(problem);
}
