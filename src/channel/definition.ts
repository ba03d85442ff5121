import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { DeclaredHistory } from '../history/declared.ts'
import type { TopicPattern } from '../protocol/topic.ts'
import type { Connection } from './connection.ts'
import type { ChannelDefinition, SnapshotContext, Socket, TerminateReason } from './infer.ts'
import type { PayloadSchema } from './schema.ts'

// A channel as the runtime knows it: compiled, with the types that `infer.ts` gave to its callbacks erased.

/** The schemas of one event, or of the join. An absent reply means that none is declared. */
export interface CompiledExchange {
  readonly payload: PayloadSchema | undefined
  readonly reply: PayloadSchema | undefined
  readonly error: PayloadSchema | undefined
}

export interface CompiledEvent extends CompiledExchange {
  readonly name: string
  readonly handle: (payload: unknown, socket: Socket) => unknown
}

/** A message from the server to the channel itself. */
export interface CompiledInfo {
  readonly payload: PayloadSchema
  readonly handle: (payload: unknown, socket: Socket) => unknown
}

export interface JoinRequest {
  readonly topic: string
  readonly id: string
  readonly payload: unknown
  readonly connection: Connection
  readonly server: FastifyInstance
  readonly log: FastifyBaseLogger
  readonly signal: AbortSignal
}

export interface CompiledChannel {
  readonly pattern: TopicPattern
  readonly joinExchange: CompiledExchange
  /** By name: anything may be asked for. */
  readonly in: ReadonlyMap<unknown, CompiledEvent>
  readonly out: ReadonlyMap<string, PayloadSchema>
  readonly info: ReadonlyMap<string, CompiledInfo>
  readonly presence: PayloadSchema | undefined
  readonly history: DeclaredHistory | undefined
  readonly join: (request: JoinRequest) => unknown
  readonly snapshot: ((socket: Socket, context: SnapshotContext) => unknown) | undefined
  readonly joined: ((socket: Socket) => unknown) | undefined
  readonly intercept: ReadonlyMap<string, (payload: unknown, socket: Socket) => unknown>
  readonly terminate: ((reason: TerminateReason, socket: Socket) => unknown) | undefined
}

const compiled = new WeakMap<object, CompiledChannel>()

/** Hands the compiled form to the runtime without showing it to users of the definition. */
export function attachCompiled(definition: object, channel: CompiledChannel): void {
  compiled.set(definition, channel)
}

/** The compiled form of a definition, `undefined` for anything that `defineChannel` did not make. */
export function compiledChannel(definition: ChannelDefinition): CompiledChannel | undefined {
  return compiled.get(definition)
}
