import type { PendingTopic } from '../channel/outlet.ts'

/** The joins of all clients that are being decided, by topic. */
export class PendingJoins {
  /** One is by far the most common: it needs no set. */
  readonly #byTopic = new Map<string, PendingTopic | Set<PendingTopic>>()

  add(pending: PendingTopic): void {
    const { topic } = pending
    const others = this.#byTopic.get(topic)
    if (others === undefined) this.#byTopic.set(topic, pending)
    else if (others instanceof Set) others.add(pending)
    else this.#byTopic.set(topic, new Set([others, pending]))
  }

  delete(pending: PendingTopic): void {
    const { topic } = pending
    const known = this.#byTopic.get(topic)
    if (known instanceof Set) known.delete(pending)
    if (known === pending || (known instanceof Set && known.size === 0)) this.#byTopic.delete(topic)
  }

  /** The connections that ask for a topic. */
  connections(topic: string): string[] {
    const known = this.#byTopic.get(topic)
    if (known === undefined) return []
    return Array.from(known instanceof Set ? known : [known], ({ connectionId }) => connectionId)
  }
}
