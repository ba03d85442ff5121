import { berylError, show } from '../ground/errors.ts'
import type { CompiledChannel, CompiledEvent } from './definition.ts'
import { checkDeclared } from './outgoing.ts'
import { callThatMakes, Later, Reply, Stop, type StopReason } from './result.ts'

// The results of handlers, as closed unions. A result that is not on the menu is a crash that shows the menu.

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
    return refuseResult(channel, event.name, 'undefined (no reply is declared)', result)
  }
  // A schema that takes anything would take a reject(…), too, and the client would be told `ok`.
  if (callThatMakes(result) !== undefined)
    return refuseResult(channel, event.name, 'the declared reply', result)
  if (result === undefined) {
    // A schema that takes nothing (Void, Undefined, Any, Unknown): the reply is there, and empty.
    if (event.reply.misfit(undefined) === undefined) return { kind: 'reply', status: 'ok', response: {} }
    return refuseResult(channel, event.name, 'the declared reply', result)
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
    `${wanted}, fail(…), reply(…), stop(…) or later(…)`,
    showResult(got),
  )
}

/** As {@link show}, with the call that makes it for what only our own calls make. */
export function showResult(result: unknown): string {
  return callThatMakes(result) ?? show(result)
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
    showResult(result),
  )
}

export interface Crashed {
  readonly kind: 'crashed'
  readonly error: unknown
}

export function crashed(error: unknown): Crashed {
  return { kind: 'crashed', error }
}
