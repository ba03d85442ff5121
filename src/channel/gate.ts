import type { Broadcast } from '../pubsub/broadcast.ts'

// The gate of a channel is closed while it is subscribed and its client has not been told. Broadcasts are held meanwhile,
// in order, and delivered when it opens.

/** The broadcasts behind a closed gate. */
export type Held = readonly Broadcast[]

/** Nothing has been broadcast since the channel was subscribed: shared, for that is so for nearly all. */
export const NOTHING: Held = Object.freeze([])

/** More was broadcast than may wait: nothing is held any more, and the channel never begins. */
export const OVERFLOWED: Held = Object.freeze([])

/** The held broadcasts with one more. */
export function hold(held: Held, broadcast: Broadcast, limit: number): Held {
  if (held === OVERFLOWED) return OVERFLOWED
  if (held === NOTHING) return [broadcast]
  if (held.length >= limit) return OVERFLOWED
  ;(held as Broadcast[]).push(broadcast)
  return held
}
