declare module 'fastify' {
  interface FastifyInstance {
    readonly history: History
  }
}

export interface Said {
  readonly id: string
  readonly from: string
  readonly body: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The last words in the rooms that spoke last: for those who come later, or come back. */
export class History {
  readonly #rooms = new Map<string, Said[]>()
  readonly #limits: { readonly rooms: number; readonly messages: number }

  constructor(limits: { rooms: number; messages: number }) {
    this.#limits = limits
  }

  recent(topic: string): Said[] {
    return this.#rooms.get(topic) ?? []
  }

  add(topic: string, said: Said): void {
    const messages = [...this.recent(topic), said].slice(-this.#limits.messages)
    // A map keeps the order of insertion: the first room is the one that has been silent for longest.
    this.#rooms.delete(topic)
    this.#rooms.set(topic, messages)
    const [silent] = this.#rooms.keys()
    if (this.#rooms.size > this.#limits.rooms && silent !== undefined) this.#rooms.delete(silent)
  }
}
