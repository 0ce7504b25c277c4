export { context, OutsideRequest, type RequestContext } from "./runtime/context.ts";
export type { EnqueueOptions, Job, JobDefinition, JobResources, Jobs } from "./runtime/jobs/job.ts";
export {
  type AssetOptions,
  defineService,
  type FastifyLike,
  type FetchLike,
  type HttpApp,
  type Listener,
  type Resources,
  type Service,
  type ServiceDefinition,
  type TableFact,
  type TableFacts,
} from "./runtime/service.ts";
