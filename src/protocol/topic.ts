import type { ReservedEvent } from '../contract/topic.ts'
import { berylError, show } from '../ground/errors.ts'
import { fitsName, isName, MAX_NAME_BYTES } from '../ground/name.ts'

/** The topic that Phoenix keeps for itself: heartbeats. No channel answers on it. */
export const PHOENIX_TOPIC = 'phoenix'

/** A parsed pattern: an exact topic, or a prefix with a trailing `*`. */
export interface TopicPattern {
  readonly source: string
  /** The whole topic, or what stands before the `*`. */
  readonly prefix: string
  readonly wildcard: boolean
}

/**
 * Parses a channel pattern.
 *
 * @throws `BERYL_ERR_CHANNEL_INVALID` where it is empty, too long, or has a `*` anywhere but at its end.
 */
export function parsePattern(source: unknown): TopicPattern {
  const refuse = (wanted: string): never => {
    const name = typeof source === 'string' ? source : show(source)
    throw berylError('BERYL_ERR_CHANNEL_INVALID', name, 'pattern', wanted, show(source))
  }
  if (typeof source !== 'string' || source === '')
    return refuse('a non-empty string such as "lobby" or "room:*"')
  if (source === PHOENIX_TOPIC) return refuse('another topic: "phoenix" belongs to the protocol')
  if (!fitsName(source)) return refuse(`at most ${MAX_NAME_BYTES} bytes`)
  if (!isName(source)) return refuse('a well-formed string')
  const star = source.indexOf('*')
  if (star !== -1 && star !== source.length - 1) return refuse('a "*" only at the end, once')
  return { source, prefix: star === -1 ? source : source.slice(0, -1), wildcard: star !== -1 }
}

/** The part of `topic` that the pattern's `*` stands for (`''` for an exact pattern); `undefined` where it does not match. */
export function matchTopic(pattern: TopicPattern, topic: string): string | undefined {
  if (!pattern.wildcard) return topic === pattern.prefix ? '' : undefined
  return topic.startsWith(pattern.prefix) ? topic.slice(pattern.prefix.length) : undefined
}

/** As {@link matchTopic}, of a topic that matches. */
export function topicId(pattern: TopicPattern, topic: string): string {
  return pattern.wildcard ? topic.slice(pattern.prefix.length) : ''
}

const RESERVED_EVENTS = new Set(['heartbeat', 'presence_state', 'presence_diff', 'disconnect', '$resume'])

export function isReservedEvent(event: string): event is ReservedEvent {
  return event.startsWith('phx_') || RESERVED_EVENTS.has(event)
}
