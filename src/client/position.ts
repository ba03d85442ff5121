import type { Position } from './types.ts'

// The place of a client in the history of a topic. H9 of the semantics: so nothing is missed, and nothing comes twice.

/** The key of a join, and of its reply, that carries positions; and the event of that name. */
export const RESUME = '$resume'

/** A position that the server says. */
export interface Said extends Position {
  readonly recovered?: boolean
}

/** The place when the server has said where it is. Of what was missed, the entries move it. */
export function placeAt({ epoch, offset, recovered }: Said, place: Position | undefined): Position {
  return { epoch, offset: recovered && place ? place.offset : offset }
}

/** The place behind an entry. `undefined` where that is not to be heard: it is not behind this place. */
export function placeBehind(entry: string, place: Position | undefined): Position | undefined {
  const offset = Number(entry.slice(1))
  return place && offset > place.offset ? { ...place, offset } : undefined
}

/** True for the ref of an entry. Other messages have none, or that of phoenix.js. */
export function isEntry(ref: unknown): ref is string {
  return String(ref)[0] === '@'
}
