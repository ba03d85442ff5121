import { berylError, show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import type { ReplyReason } from '../ground/refusals.ts'
import type { CompiledChannel, JoinRequest } from './definition.ts'
import type { SnapshotContext, Socket } from './infer.ts'
import { blame, type Crashed, crashed, showResult } from './interpret.ts'
import { checkDeclared } from './outgoing.ts'
import { callThatMakes, Rejection } from './result.ts'
import { type Misfit, type PayloadSchema, refusedBecause } from './schema.ts'

// The results of `join` and of `snapshot`, as closed unions.

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
  try {
    const result = callback()
    const pending = promised(result)
    return pending === undefined ? interpret(channel, result) : later(channel, name, pending, interpret)
  } catch (error) {
    return crashed(blame(channel, name, error))
  }
}

function later<V>(
  channel: CompiledChannel,
  name: string,
  pending: Promise<unknown>,
  interpret: (channel: CompiledChannel, result: unknown) => V,
): Promise<V | Crashed> {
  return pending
    .then((settled) => interpret(channel, settled))
    .catch((error: unknown) => crashed(blame(channel, name, error)))
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
      showResult(result),
    )
  }
  const { assigns } = result
  const reply = 'reply' in result ? result.reply : undefined
  const resume = 'resume' in result ? result.resume : undefined
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
