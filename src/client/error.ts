/** One reason why a payload was refused: where (a JSON pointer, `''` for the whole) and what. */
export interface Issue {
  readonly path: string
  readonly message: string
}

/** The reasons that the client itself has. Nothing is known to have reached the server but where a reason says so. */
export type LocalReason =
  /** It was sent, and nothing was answered in time: it may have been handled. */
  | 'timeout'
  /** There was no connection in time: it was not sent. */
  | 'offline'
  /** The connection broke, or the channel crashed, before the answer: it may have been handled. */
  | 'interrupted'
  /** The channel is not joined any more, or was never: it was not sent. */
  | 'closed'

/** The reasons that a server of `fastify-beryl` gives for a join or a push. Those with spaces are Phoenix's own. */
export type ServerReason =
  | 'unmatched topic'
  | 'invalid_payload'
  | 'join crashed'
  | 'join_timeout'
  | 'dismissed'
  | 'too many channels joined'
  | 'topic_too_long'
  | 'rate_limited'
  | 'overloaded'
  | 'history_unavailable'
  | 'unknown_event'
  | 'reserved_event'
  | 'binary_unsupported'

/** A join that was refused so is tried again. */
export const PASSING: ReadonlySet<unknown> = new Set<ServerReason>([
  'join crashed',
  'join_timeout',
  'too many channels joined',
  'rate_limited',
  'overloaded',
  'history_unavailable',
])

/** A join or a push that did not succeed. */
export class ChannelError<Reason extends string = string, Response = unknown> extends Error {
  declare readonly name: 'ChannelError'
  declare readonly topic: string
  /** The event that was pushed; `phx_join` for a join. */
  declare readonly event: string
  /** The `reason` of the answer, or why there is none. */
  declare readonly reason: Reason
  /** The answer, as it came; `undefined` where none came. */
  declare readonly response: Response
  /** True for a join that the client goes on to try by itself. A push is never tried again. */
  declare readonly isRetried: boolean

  /** @param cause Why there was no connection, where that is known. */
  constructor(
    topic: string,
    event: string,
    reason: Reason,
    response?: Response,
    isRetried = false,
    cause?: unknown,
  ) {
    // The issues of an invalid payload: to most people a message is all that is shown.
    const { errors } = Object(response)
    super(`${topic} ${event}: ${reason}${errors ? ` ${JSON.stringify(errors)}` : ''}`, cause ? { cause } : {})
    Object.assign(this, { name: 'ChannelError', topic, event, reason, response, isRetried })
  }
}

/** The event of joins. */
export const JOIN = 'phx_join'

/** The reason of an answer that is not `ok`. A status of the application's own is its reason. */
export function reasonOf(status: string, response: unknown): string {
  const reason = Object(response).reason ?? response
  return status === 'error' && typeof reason === 'string' ? reason : status
}
