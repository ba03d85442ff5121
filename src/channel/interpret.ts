import { berylError, type ReplyReason, show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import type { CompiledChannel, CompiledEvent, JoinRequest } from './definition.ts'
import type { SnapshotContext, Socket } from './infer.ts'
import { callThatMakes, Later, Rejection, Reply, Stop, type StopReason } from './result.ts'
import { type Misfit, type PayloadSchema, refusedBecause, showIssues } from './schema.ts'

// The results of callbacks, as closed unions. A result that is not on the menu is a crash that shows the menu.

/** The outcome of a wish to join. */
export type JoinVerdict =
  | {
      readonly kind: 'ok'
      readonly assigns: unknown
      readonly reply: unknown
      /** False where the client begins anew, whatever position it has. */
      readonly mayResume: boolean
    }
  | { readonly kind: 'rejected'; readonly error: unknown }
  | { readonly kind: 'invalid_payload'; readonly misfit: Misfit }
  | { readonly kind: 'crashed'; readonly error: unknown }

/** The outcome of a snapshot. */
export type SnapshotVerdict =
  | { readonly kind: 'ok'; readonly reply: unknown }
  | { readonly kind: 'rejected'; readonly error: unknown }
  | { readonly kind: 'crashed'; readonly error: unknown }

export interface DueReply {
  readonly kind: 'reply'
  readonly status: string
  readonly response: unknown
}

/** The thing to do after a handler. */
export type ReplyVerdict =
  | { readonly kind: 'none' }
  | DueReply
  | { readonly kind: 'later'; readonly promise: unknown }
  | {
      readonly kind: 'stop'
      readonly reason: StopReason
      readonly reply: ReplyVerdict & { kind: 'none' | 'reply' }
    }
  | { readonly kind: 'crashed'; readonly error: unknown }

/** Asks `join` of a channel. Never throws or rejects; gives a promise only where the application did. */
export function askToJoin(
  channel: CompiledChannel,
  request: JoinRequest,
): JoinVerdict | Promise<JoinVerdict> {
  const misfit = refusedBecause(channel.joinExchange.payload, request.payload)
  if (misfit !== undefined) return { kind: 'invalid_payload', misfit }
  return ask(channel, 'join', () => channel.join(request), interpretJoin)
}

/** Asks for the reply to a join. Never throws or rejects; gives a promise only where the application did. */
export function askForSnapshot(
  channel: CompiledChannel,
  socket: Socket,
  context: SnapshotContext,
): SnapshotVerdict | Promise<SnapshotVerdict> {
  return ask(channel, 'snapshot', () => channel.snapshot?.(socket, context), interpretSnapshot)
}

function ask<V>(
  channel: CompiledChannel,
  name: string,
  callback: () => unknown,
  interpret: (channel: CompiledChannel, result: unknown) => V,
): V | Crashed | Promise<V | Crashed> {
  const failed = (error: unknown): Crashed => crashed(blame(channel, name, error))
  try {
    const result = callback()
    const pending = promised(result)
    if (pending === undefined) return interpret(channel, result)
    return pending.then((settled) => interpret(channel, settled)).catch(failed)
  } catch (error) {
    return failed(error)
  }
}

/** The error of a callback that threw: where it threw what it should have returned, one that says so. */
export function blame(channel: CompiledChannel, callback: string, thrown: unknown): unknown {
  const made = callThatMakes(thrown)
  if (made === undefined) return thrown
  return berylError(
    'BERYL_ERR_RESULT_INVALID',
    channel.pattern.source,
    callback,
    `\`return ${made}\``,
    `\`throw ${made}\``,
  )
}

/** The response that tells a client why it is not joined. */
export function refusal(verdict: Exclude<JoinVerdict, { kind: 'ok' }>): unknown {
  switch (verdict.kind) {
    case 'rejected':
      return verdict.error
    case 'invalid_payload':
      return { reason: 'invalid_payload' satisfies ReplyReason, errors: verdict.misfit.issues }
    case 'crashed':
      return { reason: 'join crashed' satisfies ReplyReason }
    default:
      return verdict satisfies never
  }
}

function interpretJoin(channel: CompiledChannel, result: unknown): JoinVerdict {
  if (result instanceof Rejection) return rejected(channel, result)
  const replySchema = channel.snapshot === undefined ? channel.joinExchange.reply : undefined
  if (typeof result !== 'object' || result === null || !('assigns' in result)) {
    const wanted = replySchema === undefined ? '{ assigns }' : '{ assigns, reply }'
    throw berylError(
      'BERYL_ERR_RESULT_INVALID',
      channel.pattern.source,
      'join',
      `${wanted} or reject(…)`,
      show(result),
    )
  }
  const { assigns, reply, resume } = result as { assigns: unknown; reply?: unknown; resume?: unknown }
  if (resume !== undefined && typeof resume !== 'boolean')
    throw berylError(
      'BERYL_ERR_RESULT_INVALID',
      channel.pattern.source,
      '`resume` of join',
      'a boolean',
      show(resume),
    )
  if (replySchema === undefined && reply !== undefined) {
    throw berylError(
      'BERYL_ERR_RESULT_INVALID',
      channel.pattern.source,
      'the reply of join',
      channel.snapshot === undefined ? 'none, or a `reply` in schema.join' : 'none, for `snapshot` gives it',
      show(reply),
    )
  }
  const checked = joinReply(channel, 'the reply of join', replySchema, reply)
  return { kind: 'ok', assigns, reply: checked, mayResume: resume !== false }
}

function interpretSnapshot(channel: CompiledChannel, result: unknown): SnapshotVerdict {
  if (result instanceof Rejection) return rejected(channel, result)
  const made = callThatMakes(result)
  if (made !== undefined)
    throw berylError(
      'BERYL_ERR_RESULT_INVALID',
      channel.pattern.source,
      'snapshot',
      'the declared reply or reject(…)',
      made,
    )
  const reply = joinReply(channel, 'the reply of snapshot', channel.joinExchange.reply, result)
  return { kind: 'ok', reply }
}

function rejected(
  channel: CompiledChannel,
  { error }: Rejection,
): { readonly kind: 'rejected'; readonly error: unknown } {
  checkDeclared(channel, 'the error of join', channel.joinExchange.error, error)
  // Must be JSON: an answer has to go out, whatever it says.
  JSON.stringify(error)
  return { kind: 'rejected', error }
}

/** The reply to a join: `{}` where none is given and the schema takes that. */
function joinReply(
  channel: CompiledChannel,
  what: string,
  schema: PayloadSchema | undefined,
  reply: unknown,
): unknown {
  if (reply === undefined && schema !== undefined && schema.misfit(undefined) === undefined) return {}
  checkDeclared(channel, what, schema, reply)
  return reply
}

/** Says what to do with what the handler of an event gave. Never throws. */
export function interpretReply(
  channel: CompiledChannel,
  event: CompiledEvent,
  result: unknown,
): ReplyVerdict {
  try {
    if (result instanceof Later) return { kind: 'later', promise: result.promise }
    if (result instanceof Stop) return stopVerdict(channel, event, result)
    return outcome(channel, event, result)
  } catch (error) {
    return crashed(error)
  }
}

function stopVerdict(channel: CompiledChannel, event: CompiledEvent, stop: Stop): ReplyVerdict {
  const { reason, reply } = stop
  return {
    kind: 'stop',
    reason,
    reply: reply === undefined ? NONE : outcome(channel, event, reply),
  }
}

function outcome(
  channel: CompiledChannel,
  event: CompiledEvent,
  result: unknown,
): ReplyVerdict & { kind: 'none' | 'reply' } {
  if (result instanceof Reply) {
    if (result.status === 'error')
      checkDeclared(channel, `the error of "${event.name}"`, event.error, result.response)
    return { kind: 'reply', status: result.status, response: result.response }
  }
  if (event.reply === undefined) {
    if (result === undefined) return NONE
    return refuseResult(
      channel,
      event.name,
      'undefined (no reply is declared), fail(…), reply(…), stop(…) or later(…)',
      result,
    )
  }
  if (result === undefined) {
    // A schema that takes nothing (Void, Undefined, Any, Unknown): the reply is there, and empty.
    if (event.reply.misfit(undefined) === undefined) return { kind: 'reply', status: 'ok', response: {} }
    return refuseResult(
      channel,
      event.name,
      'the declared reply, fail(…), reply(…), stop(…) or later(…)',
      result,
    )
  }
  checkDeclared(channel, `the reply of "${event.name}"`, event.reply, result)
  return { kind: 'reply', status: 'ok', response: result }
}

const NONE = { kind: 'none' } as const

function refuseResult(channel: CompiledChannel, event: string, wanted: string, got: unknown): never {
  throw berylError(
    'BERYL_ERR_RESULT_INVALID',
    channel.pattern.source,
    `the handler of "${event}"`,
    wanted,
    show(got),
  )
}

/**
 * Holds an outgoing payload against its schema.
 *
 * @throws `BERYL_ERR_PAYLOAD_INVALID`
 */
function checkDeclared(
  channel: CompiledChannel,
  what: string,
  schema: PayloadSchema | undefined,
  payload: unknown,
): void {
  if (schema === undefined) return
  const misfit = schema.misfit(payload)
  const why = misfit === undefined ? schema.whyUncarried(payload) : showIssues(misfit.issues, payload)
  if (why === undefined) return
  const cause = misfit?.thrown === undefined ? [] : [{ cause: misfit.thrown.error }]
  throw berylError('BERYL_ERR_PAYLOAD_INVALID', channel.pattern.source, what, why, ...cause)
}

/**
 * Holds an event that the server sends against the channel's contract.
 *
 * @throws `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkOut(channel: CompiledChannel, event: string, payload: unknown): void {
  const schema = channel.out.get(event)
  if (schema === undefined) {
    const declared = [...channel.out.keys()].join(', ')
    const name: unknown = event
    const got = typeof name === 'string' ? name : show(name)
    throw berylError('BERYL_ERR_EVENT_UNDECLARED', channel.pattern.source, got, declared || 'none')
  }
  checkDeclared(channel, `the event "${event}"`, schema, payload)
}

/**
 * Holds an info against the contracts of the channels that several entrances have for its topic: one at least takes it, and
 * the payload fits all that do.
 *
 * @throws `BERYL_ERR_INFO_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkInfo(channels: readonly CompiledChannel[], event: string, payload: unknown): void {
  const [first] = channels
  if (first !== undefined && !channels.some(({ info }) => info.has(event))) {
    const declared = channels.flatMap(({ info }) => [...info.keys()]).join(', ')
    throw berylError('BERYL_ERR_INFO_UNDECLARED', first.pattern.source, show(event), declared || 'none')
  }
  for (const channel of channels)
    checkDeclared(channel, `the info "${event}"`, channel.info.get(event)?.payload, payload)
}

/**
 * Reads what the handler of an info gave: the end of its channel, or nothing.
 *
 * @throws `BERYL_ERR_RESULT_INVALID`
 */
export function interpretInfo(channel: CompiledChannel, event: string, result: unknown): Stop | undefined {
  if (result === undefined) return undefined
  if (result instanceof Stop && result.reply === undefined) return result
  throw berylError(
    'BERYL_ERR_RESULT_INVALID',
    channel.pattern.source,
    `the info "${event}"`,
    'undefined or stop(…), for nobody waits for a reply',
    show(result),
  )
}

/**
 * Holds a presence's meta against the channel's contract. A channel that declares none takes any.
 *
 * @throws `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkPresence(channel: CompiledChannel, meta: unknown): void {
  checkDeclared(channel, 'a presence', channel.presence, meta)
}

interface Crashed {
  readonly kind: 'crashed'
  readonly error: unknown
}

function crashed(error: unknown): Crashed {
  return { kind: 'crashed', error }
}
