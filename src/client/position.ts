import type { Position } from './types.ts'

/** The key of a join, and of its reply, that carries positions; and the event of that name. */
export const RESUME = '$resume'

/** The place of a client in the history of a topic. H9 of the semantics: so nothing is missed, and nothing comes twice. */
export class Place {
  position: Position | undefined

  constructor(from: Position | undefined) {
    this.position = from
  }

  /** Takes a position that the server says. */
  take({ epoch, offset, recovered }: Position & { readonly recovered?: boolean }): void {
    this.position = { epoch, offset: recovered ? (this.position?.offset ?? offset) : offset }
  }

  /** True for what is to be heard: what is not of the history, and what is behind this place. Moves on. */
  passes(ref: unknown): boolean {
    if (typeof ref !== 'string' || ref[0] !== '@') return true
    const offset = Number(ref.slice(1))
    if (!this.position || offset <= this.position.offset) return false
    this.position = { ...this.position, offset }
    return true
  }
}
