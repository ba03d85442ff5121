import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'

/** Kept with a response until it is closed: a poll that waits for its answer, or a POST whose body is still to come. */
export interface Held {
  /** The answer is in the words of Phoenix's client already. */
  isWorded: boolean
  /** The connection is gone, or the answer is out. */
  closed(): void
}

const kHeld = Symbol('beryl longpoll')

/** One property for all: responses of several shapes would cost Node's own code with each of them. */
type HoldingResponse = ServerResponse & { [kHeld]?: Held | undefined }

/** True where the client is gone, and an answer is for nobody: its end was told before. The type does not tell of HTTP/2. */
export function isGone(response: ServerResponse & { readonly stream?: Writable }): boolean {
  return (response.stream ?? response).destroyed
}

/** Tells `held` of the end of a response. No closure for each: thousands wait at a time. */
export function hold(response: ServerResponse, held: Held): void {
  ;(response as HoldingResponse)[kHeld] = held
  response.on('close', onClose)
}

export function heldOf(response: ServerResponse): Held | undefined {
  return (response as HoldingResponse)[kHeld]
}

/** Marks the answer as one in the words of Phoenix's client. */
export function setWorded(response: HoldingResponse): void {
  const held = response[kHeld]
  if (held === undefined) response[kHeld] = WORDED
  else held.isWorded = true
}

/** Takes the mark away: something else is answered in the place of ours. */
export function unsetWorded(response: HoldingResponse): void {
  const held = response[kHeld]
  if (held === WORDED) response[kHeld] = undefined
  else if (held !== undefined) held.isWorded = false
}

/** Shared by all that nothing waits for. */
const WORDED: Held = { isWorded: true, closed: () => {} }

function onClose(this: HoldingResponse): void {
  this[kHeld]?.closed()
}
