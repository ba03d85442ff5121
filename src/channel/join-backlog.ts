import type { Message } from '../protocol/message.ts'

/** `left`: the client has left behind its last join already. `full`: there is no room. */
type Placed = 'waits' | 'left' | 'full'

/**
 * The messages that wait for the answer to a join, in order; made with the first. Joins among them have a bound of their own. A
 * leave always finds room, as there is one for each join.
 */
export class JoinBacklog {
  readonly #limit: number
  readonly messages: Message[] = []
  #joins = 0
  /** True where a leave came behind the last join. */
  isLeaving = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** True where another join waits. */
  get hasJoin(): boolean {
    return this.#joins > 0
  }

  put(message: Message): Placed {
    if (message.event === 'phx_leave') return this.#putLeave(message)
    if (message.event === 'phx_join') return this.#putJoin(message)
    if (this.messages.length >= this.#limit) return 'full'
    return this.#wait(message)
  }

  #putJoin(message: Message): Placed {
    if (this.#joins >= this.#limit) return 'full'
    this.#joins++
    this.isLeaving = false
    return this.#wait(message)
  }

  #putLeave(message: Message): Placed {
    if (this.isLeaving) return 'left'
    this.isLeaving = true
    return this.#wait(message)
  }

  #wait(message: Message): 'waits' {
    this.messages.push(message)
    return 'waits'
  }
}
