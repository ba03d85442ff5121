import { type Clock, systemClock, type Timer } from '../ground/clock.ts'
import { costOfAnswer, type LogAnswer, type LogAsk } from './cluster-log-messages.ts'
import { costOf, PORTION, type Relayed, type ToNode, type ToPrimary, toPrimary } from './cluster-messages.ts'
import { encodeLogged } from './logged-message.ts'
import type { Port } from './port.ts'
import { RelayLogs } from './relay-logs.ts'

/** Bytes that may be under way to one node. Node itself would hold any amount for a worker that does not read. */
export const CREDIT_BYTES = 16 * 1_024 * 1_024
/** Bytes of all logs in the primary, where nothing else was said. */
export const HISTORY_BYTES = 67_108_864

/**
 * The primary's part: hands what a node publishes to those that want its topic, and keeps the logs of topics. It understands
 * nothing of what is in them.
 */
export class Relay {
  readonly #clock: Clock
  readonly #wanted = new Map<string, Set<Peer>>()
  readonly #logs: RelayLogs

  constructor(clock: Clock = systemClock, historyBytes: number = HISTORY_BYTES) {
    this.#clock = clock
    this.#logs = new RelayLogs(
      { clock, maxBytes: historyBytes },
      {
        tell: (topic, position, text) => {
          if (this.#wanted.has(topic)) this.#hand([topic, encodeLogged(position, text)])
        },
        isWanted: (topic) => this.#wanted.has(topic),
      },
    )
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
    peer.delivered(message)
    for (const topic of message.subscribe ?? []) this.#want(topic, peer)
    for (const topic of message.unsubscribe ?? []) this.#leave(topic, peer)
    for (const relayed of message.messages ?? []) this.#relay(relayed, peer)
    for (const ask of message.asks ?? []) this.#ask(ask, peer)
    this.#read(peer)
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
    this.#hand(relayed, from)
  }

  #hand(relayed: Relayed, except?: Peer): void {
    for (const peer of this.#wanted.get(relayed[0]) ?? []) if (peer !== except) peer.offer(relayed)
  }

  #ask(ask: LogAsk, peer: Peer): void {
    if (ask.call === 'read') peer.reads.push(ask)
    else peer.say(this.#logs.answer(ask))
  }

  /** Pages wait for a node that does not take what is under way. */
  #read(peer: Peer): void {
    for (let done = 0; ; done++) {
      const ask = peer.hasRoomForPage ? peer.reads[done] : undefined
      if (ask === undefined) return void peer.reads.splice(0, done)
      peer.say(this.#logs.answer(ask))
    }
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
  /** Questions for a page of a log, which wait for room. */
  readonly reads: LogAsk[] = []
  readonly #port: Port
  readonly #node: string
  readonly #clock: Clock
  #turn: Timer | undefined
  #messages: Relayed[] = []
  #answers: LogAnswer[] = []
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

  /** Half of the credit is for messages alone. */
  get hasRoomForPage(): boolean {
    return this.#underWay < CREDIT_BYTES / 2
  }

  delivered({ taken = 0 }: ToPrimary): void {
    this.#underWay -= taken
  }

  /** Told whatever its credit, of which it takes a part. */
  say(answer: LogAnswer): void {
    this.#underWay += costOfAnswer(answer)
    this.#answers.push(answer)
    this.#endOfTurn()
  }

  answer({ ask = 0 }: ToPrimary): void {
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
      answers: this.#answers,
      answered: this.#answered,
      taken: this.#taken,
      lost: this.#lost,
    }
    this.#messages = []
    this.#answers = []
    this.#taken = 0
    this.#lost = 0
    this.#port.send(message)
  }
}
