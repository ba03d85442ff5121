/** `fastify-beryl/supervision`: OTP supervision for Node, usable without the plugin. */
export {
  Actor,
  type ActorClass,
  ActorSpec,
  type ActorSpecOptions,
  type ActorStart,
  type InitArgs,
} from './actor.ts'
export type { ActorContext, ActorProcess } from './actor-process.ts'
export {
  type ActorCasts,
  type ActorRef,
  cast,
  type DeferredReply,
  monitor,
  withTimeout,
} from './actor-ref.ts'
export type { Backoff } from './backoff.ts'
export type { ChildInfo } from './child.ts'
export type {
  AutoShutdown,
  ChildInit,
  ChildPolicy,
  ChildSpec,
  Restart,
  ShutdownRule,
} from './child-spec.ts'
export type { ChildTemplate } from './dynamic-child.ts'
export {
  type ActorPoolOptions,
  type DynamicSupervisor,
  type SpecPool,
  type SpecPoolOptions,
  startDynamicSupervisor,
  type TemplateOptions,
} from './dynamic-supervisor.ts'
export type { Report, SupervisorEvent } from './events.ts'
export { type ExitReason, formatReason, isNormal } from './exit-reason.ts'
export { formatTree } from './format-tree.ts'
export { type AnySupervisor, currentSupervisor, isSupervisor, supervise } from './named.ts'
export { dynamicSupervisor, supervisor } from './nested.ts'
export type {
  ChildState,
  HandleOf,
  MaybePromise,
  Process,
  ProcessDetails,
  StartContext,
  StartResult,
  TreeNode,
} from './process.ts'
export type { Intensity, Strategy } from './restart-policy.ts'
export type { Emitter, Owned } from './scope.ts'
export {
  type Supervisor,
  type SupervisorOptions,
  startSupervisor,
} from './supervisor.ts'
export type { CommonOptions } from './supervisor-flags.ts'
export type { ChildCount } from './supervisor-process.ts'
export {
  type ThreadContext,
  type ThreadOptions,
  type ThreadProcess,
  thread,
  threadContext,
} from './thread.ts'
export { type WorkerContext, type WorkerProcess, type WorkerRun, worker } from './worker.ts'
