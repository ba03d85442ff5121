import { type Message, type Ref, sameRef } from '../protocol/message.ts'
import { isReservedEvent, PHOENIX_TOPIC } from '../protocol/topic.ts'

/**
 * The meaning of a message, given what is joined on its topic. One word for each situation; `session.ts` has the reactions.
 *
 * | situation      | the client                                                              |
 * |----------------|-------------------------------------------------------------------------|
 * | heartbeat      | says that it lives                                                      |
 * | renew          | shows a new token                                                       |
 * | wait           | speaks to a topic whose join is being decided: its turn comes after     |
 * | join           | wants a topic                                                           |
 * | duplicate_join | wants a topic that it has: the new join replaces the old                |
 * | leave          | leaves a topic                                                          |
 * | leave_unjoined | leaves a topic that it does not have: fine                              |
 * | push           | speaks to a channel                                                     |
 * | reserved_event | sends in an event's name what only the server may send                  |
 * | stale          | speaks to an earlier join of the topic: it will hear of its end, or did |
 * | unmatched      | speaks to a topic that it has not joined                                |
 * | malformed      | names a topic that is no name                                           |
 */
export type Situation =
  | 'heartbeat'
  | 'renew'
  | 'wait'
  | 'join'
  | 'duplicate_join'
  | 'leave'
  | 'leave_unjoined'
  | 'push'
  | 'reserved_event'
  | 'stale'
  | 'unmatched'
  | 'malformed'

/** The channel on a message's topic, as far as it matters here. */
export interface HeldTopic {
  readonly isJoining: boolean
  readonly joinRef: Ref
}

/** True where a client only says that it lives. */
export function isHeartbeat({ topic, event }: Message): boolean {
  return topic === PHOENIX_TOPIC && event === 'heartbeat'
}

export function decide(message: Message, joined: HeldTopic | undefined): Situation {
  const { topic, event } = message
  if (isHeartbeat(message)) return 'heartbeat'
  if (topic === PHOENIX_TOPIC && event === 'renew') return 'renew'
  if (joined?.isJoining) return 'wait'
  if (event === 'phx_join') return joined === undefined ? decideJoin(topic) : 'duplicate_join'
  if (joined === undefined) return event === 'phx_leave' ? 'leave_unjoined' : 'unmatched'
  // A race: the frame crossed the end of the join that it belongs to. Phoenix takes a null join_ref for any.
  if (message.joinRef !== null && !sameRef(message.joinRef, joined.joinRef)) return 'stale'
  if (event === 'phx_leave') return 'leave'
  return typeof event === 'string' && isReservedEvent(event) ? 'reserved_event' : 'push'
}

function decideJoin(topic: unknown): Situation {
  if (typeof topic === 'string') return 'join'
  return typeof topic === 'object' && topic !== null && !Array.isArray(topic) ? 'malformed' : 'unmatched'
}
