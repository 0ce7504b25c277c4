export { context, OutsideRequest, type RequestContext } from "./runtime/context.ts";
export {
  ConnectionStateChanged,
  DatabaseBusy,
  DatabaseUnavailable,
  OutcomeUnknown,
  TransactionLost,
} from "./runtime/data/errors.ts";
export { BadJobOptions, BadPayload, UnknownJob } from "./runtime/jobs/errors.ts";
export type { EnqueueOptions, Job, JobDefinition, JobResources, Jobs } from "./runtime/jobs/job.ts";
export {
  type Answer,
  type AskOptions,
  type AssetOptions,
  defineService,
  type FastifyLike,
  type FetchLike,
  type HttpApp,
  type Listener,
  type Rehearsal,
  type Resources,
  type Service,
  type ServiceDefinition,
  type TableFact,
  type TableFacts,
} from "./runtime/service.ts";
export { NinefoldError, type Problem } from "./topology/problem.ts";
