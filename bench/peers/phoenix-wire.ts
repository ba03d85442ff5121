/**
 * The least of the Phoenix V2 protocol that the workloads need, for the peers that have no channels of their own:
 * join, leave, heartbeat, `echo` (a reply) and `say` (a broadcast). No validation, limits, supervision or presence.
 */
export abstract class Member {
  readonly topics: string[] = []

  /** Puts one text frame on this member's socket. */
  abstract send(text: string): void
}

/** The way of one text to all members of a topic: this and {@link Member.send} are all in which the raw peers differ. */
export type Fanout<M extends Member> = (members: Iterable<M>, text: string) => void

/** The answer to a join, and what else is said then; `members` has the one who joins already. */
export type Greet<M extends Member> = (member: M, frame: Frame, members: ReadonlySet<M>) => void

export type Frame = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown,
]

export class PhoenixWire<M extends Member> {
  readonly #topics = new Map<string, Set<M>>()
  readonly #fanout: Fanout<M>
  readonly #greet: Greet<M>

  constructor(fanout: Fanout<M>, greet: Greet<M> = (member, frame) => reply(member, frame, {})) {
    this.#fanout = fanout
    this.#greet = greet
  }

  /** Handles one text frame that `member` sent. */
  receive(member: M, data: { toString(): string }): void {
    const frame: Frame = JSON.parse(data.toString())
    const [, , topic, event, payload] = frame
    switch (event) {
      case 'say':
        return this.#broadcast(topic, payload)
      case 'echo':
        return reply(member, frame, payload)
      case 'phx_join':
        return this.#greet(member, frame, this.#join(member, topic))
      case 'phx_leave':
        this.#leave(member, topic)
        return reply(member, frame, {})
      case 'heartbeat':
        return reply(member, frame, {})
    }
  }

  /** Forgets a member whose socket is gone. */
  closed(member: M): void {
    for (const topic of member.topics) this.#leave(member, topic)
  }

  #broadcast(topic: string, payload: unknown): void {
    const members = this.#topics.get(topic)
    if (members !== undefined) this.#fanout(members, JSON.stringify([null, null, topic, 'said', payload]))
  }

  #join(member: M, topic: string): ReadonlySet<M> {
    const members = this.#topics.get(topic) ?? new Set()
    this.#topics.set(topic, members.add(member))
    member.topics.push(topic)
    return members
  }

  #leave(member: M, topic: string): void {
    const members = this.#topics.get(topic)
    if (members?.delete(member) && members.size === 0) this.#topics.delete(topic)
  }
}

export function reply(member: Member, [joinRef, ref, topic]: Frame, response: unknown): void {
  member.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { response, status: 'ok' }]))
}
