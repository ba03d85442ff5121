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

/** The parts of a {@link ChannelError}. */
export interface Failed<Reason extends string, Response> {
  readonly topic: string
  /** The event that was pushed; `phx_join` for a join. */
  readonly event: string
  readonly reason: Reason
  readonly response?: Response
  readonly isRetried?: boolean
}

/** A join or a push that did not succeed. */
export class ChannelError<Reason extends string = string, Response = unknown> extends Error {
  override readonly name = 'ChannelError'
  readonly topic: string
  /** The event that was pushed; `phx_join` for a join. */
  readonly event: string
  /** The `reason` of the answer, or why there is none. */
  readonly reason: Reason
  /** The answer, as it came; `undefined` where none came. */
  readonly response: Response
  /** True for a join that the client goes on to try by itself. A push is never tried again. */
  readonly isRetried: boolean

  constructor({ topic, event, reason, response, isRetried = false }: Failed<Reason, Response>) {
    super(`${topic} ${event}: ${reason}`)
    this.topic = topic
    this.event = event
    this.reason = reason
    this.response = response as Response
    this.isRetried = isRetried
  }
}

/** The error that an answer which is not `ok` stands for. A status of the application's own is its reason. */
export function refusalOf(
  topic: string,
  event: string,
  status: string,
  response: unknown,
  isRetried = false,
): ChannelError {
  const given = Object(response).reason ?? response
  const reason = status === 'error' && typeof given === 'string' ? given : status
  return new ChannelError({ topic, event, reason, response, isRetried })
}
