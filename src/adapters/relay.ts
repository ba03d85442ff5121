import { type Clock, systemClock, type Timer } from '../ground/clock.ts'
import { costOf, PORTION, type Relayed, type ToNode, type ToPrimary, toPrimary } from './cluster-messages.ts'
import type { Port } from './port.ts'

/** Bytes that may be under way to one node. Node itself would hold any amount for a worker that does not read. */
export const CREDIT_BYTES = 16 * 1_024 * 1_024

/** The primary's part: hands what a node publishes to those that want its topic. It understands nothing of it. */
export class Relay {
  readonly #clock: Clock
  readonly #wanted = new Map<string, Set<Peer>>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Topics that some node wants. */
  get topicCount(): number {
    return this.#wanted.size
  }

  /** Serves the nodes of one worker, until its channel is closed. */
  attach(port: Port): void {
    const peers = new Map<string, Peer>()
    const silence = port.listen(
      (given) => {
        const message = toPrimary(given)
        if (message !== undefined) this.#took(port, peers, message)
      },
      () => {
        silence()
        for (const peer of peers.values()) this.#forget(peer)
        peers.clear()
      },
    )
  }

  #took(port: Port, peers: Map<string, Peer>, message: ToPrimary): void {
    const { from, link } = message
    if (message.hello) this.#greet(port, peers, from, link)
    const peer = peers.get(from)
    if (peer?.link !== link) return
    for (const topic of message.subscribe ?? []) this.#want(topic, peer)
    for (const topic of message.unsubscribe ?? []) this.#leave(topic, peer)
    for (const relayed of message.messages ?? []) this.#relay(relayed, peer)
    peer.answer(message)
    if (message.bye) {
      this.#forget(peer)
      peers.delete(from)
    }
  }

  #greet(port: Port, peers: Map<string, Peer>, node: string, link: number): void {
    const former = peers.get(node)
    if (former !== undefined) this.#forget(former)
    peers.set(node, new Peer(port, node, link, this.#clock))
  }

  #want(topic: string, peer: Peer): void {
    let peers = this.#wanted.get(topic)
    if (peers === undefined) {
      peers = new Set()
      this.#wanted.set(topic, peers)
    }
    peers.add(peer)
    peer.topics.add(topic)
  }

  #leave(topic: string, peer: Peer): void {
    const peers = this.#wanted.get(topic)
    peers?.delete(peer)
    if (peers?.size === 0) this.#wanted.delete(topic)
    peer.topics.delete(topic)
  }

  #relay(relayed: Relayed, from: Peer): void {
    from.took(relayed)
    for (const peer of this.#wanted.get(relayed[0]) ?? []) if (peer !== from) peer.offer(relayed)
  }

  #forget(peer: Peer): void {
    for (const topic of peer.topics) this.#leave(topic, peer)
    peer.end()
  }
}

/** A node as the primary sees it. All that is for it in one turn is one message. */
class Peer {
  readonly link: number
  readonly topics = new Set<string>()
  readonly #port: Port
  readonly #node: string
  readonly #clock: Clock
  #turn: Timer | undefined
  #messages: Relayed[] = []
  /** Handed over, and not said to be delivered. */
  #underWay = 0
  #lost = 0
  #answered = 0
  /** Relayed for it, and not told. */
  #taken = 0

  constructor(port: Port, node: string, link: number, clock: Clock) {
    this.#port = port
    this.#node = node
    this.link = link
    this.#clock = clock
  }

  /** Without credit it is lost; that is told with the next credit, since nobody reads now. */
  offer(relayed: Relayed): void {
    const cost = costOf(relayed)
    if (this.#underWay + cost > CREDIT_BYTES) {
      this.#lost++
      return
    }
    this.#underWay += cost
    this.#messages.push(relayed)
    this.#endOfTurn()
  }

  took(relayed: Relayed): void {
    this.#taken += costOf(relayed)
  }

  answer({ ask = 0, taken = 0 }: ToPrimary): void {
    this.#underWay -= taken
    if (ask > 0) this.#answered = ask
    if (ask > 0 || this.#taken >= PORTION || this.#lost > 0) this.#endOfTurn()
  }

  end(): void {
    this.#turn?.cancel()
    this.#turn = undefined
  }

  #endOfTurn(): void {
    this.#turn ??= this.#clock.setImmediate(() => this.#send())
  }

  #send(): void {
    this.#turn = undefined
    const message: ToNode = {
      beryl: 1,
      to: this.#node,
      link: this.link,
      messages: this.#messages,
      answered: this.#answered,
      taken: this.#taken,
      lost: this.#lost,
    }
    this.#messages = []
    this.#taken = 0
    this.#lost = 0
    this.#port.send(message)
  }
}
