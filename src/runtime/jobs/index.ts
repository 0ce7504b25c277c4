export { type DeadLetter, discardDeadLetters, listDeadLetters, replayDeadLetters } from "./dead-letters.ts";
export { type JobDefinitions, type KnownJob, knownJobs } from "./definition.ts";
export { createJobs } from "./enqueue.ts";
export { BadJobDefinition, BadJobOptions, BadPayload, UnknownJob } from "./errors.ts";
export { installJobs, jobsInstalled, queueAgeMs } from "./install.ts";
export { QUEUE_CONNECTIONS } from "./life.ts";
export { type JobWorker, startWorker, type WorkerOptions, type WorkerStats } from "./worker.ts";
