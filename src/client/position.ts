import type { Position } from './types.ts'

/** The key of a join, and of its reply, that carries positions; and the event of that name. */
export const RESUME = '$resume'

/** The place of a client in the history of a topic. H9 of the semantics: so nothing is missed, and nothing comes twice. */
export class Place {
  #position: Position | undefined

  constructor(from: Position | undefined) {
    this.#position = from
  }

  get position(): Position | undefined {
    return this.#position
  }

  /** The claim that a join makes: at first, a wish for positions. */
  get claim(): Position | true {
    return this.#position ?? true
  }

  /** Takes a position that the server says. */
  take(said: Position & { readonly recovered?: boolean }): void {
    const offset = said.recovered && this.#position ? this.#position.offset : said.offset
    this.#position = { epoch: said.epoch, offset }
  }

  /** True for what is to be heard: what is not of the history, and what is behind this place. Moves on. */
  passes(ref: unknown): boolean {
    if (typeof ref !== 'string' || !ref.startsWith('@')) return true
    const offset = Number(ref.slice(1))
    if (this.#position === undefined || offset <= this.#position.offset) return false
    this.#position = { epoch: this.#position.epoch, offset }
    return true
  }
}
