import type { Frame } from '../protocol/frame.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'

// The gate of a channel is closed while it is subscribed and its client has not been told. What is broadcast meanwhile, and
// what its `snapshot` pushes, is held, in order, and delivered when it opens.

/** The broadcasts and pushes behind a closed gate. */
export type Held = readonly (Broadcast | Frame)[]

/** Nothing has come since the channel was subscribed: shared, for that is so for nearly all. */
export const NOTHING: Held = Object.freeze([])

/** More came than may wait: nothing is held any more, and the channel never begins. */
export const OVERFLOWED: Held = Object.freeze([])

/** Everything that is held, with one more. */
export function hold(held: Held, one: Broadcast | Frame, limit: number): Held {
  if (held === OVERFLOWED) return OVERFLOWED
  if (held === NOTHING) return [one]
  if (held.length >= limit) return OVERFLOWED
  ;(held as (Broadcast | Frame)[]).push(one)
  return held
}
