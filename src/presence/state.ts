import { compareIncarnations, type Incarnation, MAX_GENERATION } from './incarnation.ts'
import { Journal, type JournalSize } from './journal.ts'
import type { Goodbye, Heartbeat, PresenceMessage, Progress, Request, RowsMessage } from './messages.ts'
import { Peer, type Visible } from './peer.ts'
import type { Row } from './row.ts'

/** When things happen, in milliseconds of monotonic time. See `PresenceOptions` for the defaults. */
export interface Timing {
  readonly broadcastMs: number
  readonly quietPeriods: number
  readonly downMs: number
  readonly permanentDownMs: number
}

/** A message to send: to one node, or to all. */
export interface Outgoing {
  readonly to: string | undefined
  readonly message: PresenceMessage
}

/** The events of a peer. */
export type PeerEvent =
  | { readonly type: 'peer_up' | 'peer_down' | 'peer_gone'; readonly node: string }
  /** Another node claims to be this one: each node of a cluster needs its own name. */
  | { readonly type: 'name_conflict'; readonly node: string }

export interface StateInit {
  readonly node: string
  readonly incarnation: Incarnation
  readonly timing: Timing
  /** Told which rows of other nodes appear and disappear. */
  readonly visible: Visible
  readonly report: (event: PeerEvent) => void
  readonly journal?: JournalSize
}

/** The limit of other nodes that are known at a time, those included that have gone within `permanentDownMs`. */
const MAX_PEERS = 1_024
/** The limit of nodes of which others speak that are asked to introduce themselves, within one period. */
const MAX_INTRODUCED = 64

/**
 * One node's knowledge of all: what it wrote, what it heard of each peer, and what it has to say. Each node writes its
 * own rows and nobody else's, so there is nothing to merge: of two states of one node the later one is right.
 *
 * Pure but for its memory: time is handed in, messages are handed out.
 */
export class State {
  readonly #init: StateInit
  readonly #peers = new Map<string, Peer>()
  #journal: Journal
  #outgoing: Outgoing[] = []
  #published = 0
  #quiet = 0
  #introduced = 0

  constructor(init: StateInit) {
    this.#init = init
    this.#journal = new Journal(init.incarnation, init.journal)
  }

  get journal(): Journal {
    return this.#journal
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers
  }

  /** Takes over what a crashed predecessor showed of another node, until that node is heard. */
  inherit(node: string, rows: Iterable<Row>, now: number): void {
    this.#peers.set(node, new Peer(node, this.#init.visible, now, rows))
  }

  /** The first message: it asks everybody to introduce themselves. */
  greet(): Outgoing[] {
    this.#send(undefined, this.#heartbeat(true))
    return this.#flush()
  }

  /** The last message. */
  goodbye(holdMs: number): Outgoing[] {
    this.#send(undefined, { kind: 'goodbye', incarnation: this.#journal.incarnation, holdMs })
    return this.#flush()
  }

  /** A period has passed: marks who is silent, and gives what is to be told. */
  tick(now: number): Outgoing[] {
    this.#introduced = 0
    for (const peer of this.#peers.values()) this.#watch(peer, now)
    if (this.#journal.sequence > this.#published) this.#publish()
    else if (++this.#quiet >= this.#init.timing.quietPeriods) this.#publishHeartbeat()
    return this.#flush()
  }

  /** Takes a message of another node, and gives the answers. */
  receive(from: string, message: PresenceMessage, now: number): Outgoing[] {
    if (from === this.#init.node) this.#init.report({ type: 'name_conflict', node: from })
    else this.#dispatch(from, message, now)
    return this.#flush()
  }

  // All that can arrive, by sender:
  //
  //             unknown node    former incarnation    current one    later one
  // heartbeat   becomes known   is told so            taken          succeeds
  // rows        is asked back   dropped               taken          is asked back
  // request     answered        answered              answered       answered
  // goodbye     dropped         dropped               taken          succeeds, taken
  #dispatch(from: string, message: PresenceMessage, now: number): void {
    if (message.kind === 'request') this.#answer(from, message)
    if (message.kind === 'heartbeat') this.#heed(message.vector)
    const peer = this.#peers.get(from) ?? this.#meet(from, message, now)
    if (peer === undefined) return
    const order = peer.compare(message.incarnation)
    if (order < 0) this.#correct(peer, message)
    else if (order === 0 || this.#succeed(peer, message)) this.#take(peer, message, now)
  }

  #take(peer: Peer, message: PresenceMessage, now: number): void {
    if (peer.status === 'leaving' || peer.status === 'gone') return this.#correct(peer, message)
    if (message.kind === 'goodbye') this.#takeGoodbye(peer, message, now)
    else this.#hear(peer, now)
    if (message.kind === 'heartbeat') this.#takeHeartbeat(peer, message, now)
    else if (isRows(message)) this.#takeRows(peer, message, now)
  }

  /** Only its own heartbeat makes a node known: what comes late from a dead one must not bring it back. */
  #meet(from: string, message: PresenceMessage, now: number): Peer | undefined {
    if (message.kind === 'goodbye') return undefined
    if (message.kind !== 'heartbeat') {
      this.#send(from, this.#heartbeat(true))
      return undefined
    }
    if (this.#peers.size >= MAX_PEERS && !this.#forgetOne()) return undefined
    const peer = new Peer(from, this.#init.visible, now)
    this.#peers.set(from, peer)
    this.#init.report({ type: 'peer_up', node: from })
    return peer
  }

  /** Makes room: for whoever is heard now, of those who are silent the one that is so for longest has to go. */
  #forgetOne(): boolean {
    const silent = [...this.#peers.values()].filter(({ status }) => status === 'gone' || status === 'down')
    const [oldest] = silent.sort((a, b) => a.heardAt - b.heardAt)
    if (oldest === undefined) return false
    if (oldest.status !== 'gone') this.#bury(oldest)
    return this.#peers.delete(oldest.node)
  }

  #succeed(peer: Peer, message: PresenceMessage): boolean {
    if (message.kind === 'heartbeat' || message.kind === 'goodbye') {
      peer.succeed(message.incarnation)
      return true
    }
    this.#send(peer.node, this.#heartbeat(true))
    return false
  }

  /** A node that runs under an incarnation which counts as former here, or as gone, sees from our vector that it has to rise. */
  #correct(peer: Peer, message: PresenceMessage): void {
    if (message.kind === 'heartbeat') this.#send(peer.node, this.#heartbeat(false, peer))
  }

  /**
   * A node that holds a former run of this one to be the later would not listen, nor one that has heard of more changes than
   * there are: somebody spoke in our name. This one rises above it.
   */
  #heed(vector: Heartbeat['vector']): void {
    const mine = vector.get(this.#init.node)
    if (mine === undefined || mine.incarnation.generation >= MAX_GENERATION) return
    const { incarnation, sequence } = this.#journal
    const order = compareIncarnations(mine.incarnation, incarnation)
    if (order > 0 || (order === 0 && mine.sequence > sequence)) this.#rise(mine.incarnation.generation + 1)
  }

  #hear(peer: Peer, now: number): void {
    peer.heardAt = now
    if (peer.status !== 'down') return
    peer.up()
    this.#init.report({ type: 'peer_up', node: peer.node })
  }

  #takeHeartbeat(peer: Peer, { greeting, sequence, vector }: Heartbeat, now: number): void {
    if (peer.announce(sequence)) this.#ask(peer, now)
    if (greeting) this.#send(peer.node, this.#heartbeat(false))
    for (const node of vector.keys()) this.#introduce(node)
  }

  #takeRows(peer: Peer, message: RowsMessage, now: number): void {
    const isAnswer = compareIncarnations(message.answers, this.#journal.incarnation) === 0
    if (peer.apply(message, isAnswer) === 'gap') this.#ask(peer, now)
  }

  #takeGoodbye(peer: Peer, { holdMs }: Goodbye, now: number): void {
    const hidden = peer.status === 'down'
    peer.heardAt = now
    peer.leave(now + holdMs)
    if (hidden || holdMs === 0) this.#bury(peer)
  }

  #introduce(node: string): void {
    if (node === this.#init.node || this.#peers.has(node) || this.#introduced >= MAX_INTRODUCED) return
    this.#introduced++
    this.#send(node, this.#heartbeat(true))
  }

  /** Takes a higher generation, with the same rows. */
  #rise(generation: number): void {
    const rows = [...this.#journal.rows()]
    this.#journal = new Journal({ generation, nonce: this.#journal.incarnation.nonce }, this.#init.journal)
    for (const row of rows) this.#journal.join(row)
    this.#published = 0
    this.#publishHeartbeat()
  }

  #ask(peer: Peer, now: number): void {
    const { asked, sequence: since, incarnation: of } = peer
    if (asked !== undefined && asked.since === since && now - asked.at < this.#init.timing.broadcastMs) return
    peer.asked = { since, at: now }
    this.#send(peer.node, { kind: 'request', incarnation: this.#journal.incarnation, of, since })
  }

  #answer(to: string, { incarnation: asker, of, since }: Request): void {
    if (compareIncarnations(of, this.#journal.incarnation) !== 0) this.#send(to, this.#heartbeat(false))
    else for (const page of this.#journal.since(since, asker)) this.#send(to, page)
  }

  #watch(peer: Peer, now: number): void {
    const silentMs = now - peer.heardAt
    const { downMs, permanentDownMs } = this.#init.timing
    if (peer.status === 'leaving' && now >= peer.leavesAt) this.#bury(peer)
    else if (peer.status === 'up' && silentMs >= downMs) this.#hide(peer)
    if (silentMs < permanentDownMs) return
    if (peer.status !== 'gone') this.#bury(peer)
    this.#peers.delete(peer.node)
  }

  #hide(peer: Peer): void {
    peer.down()
    this.#init.report({ type: 'peer_down', node: peer.node })
  }

  #bury(peer: Peer): void {
    peer.remove()
    this.#init.report({ type: 'peer_gone', node: peer.node })
  }

  #publish(): void {
    for (const page of this.#journal.since(this.#published)) this.#send(undefined, page)
    this.#published = this.#journal.sequence
    this.#quiet = 0
  }

  #publishHeartbeat(): void {
    this.#send(undefined, this.#heartbeat(false))
    this.#quiet = 0
  }

  /** A peer that is down is left out, since others would ask for what nobody answers, unless it is told of itself. */
  #heartbeat(greeting: boolean, told?: Peer): Heartbeat {
    const { incarnation, sequence } = this.#journal
    const vector = new Map<string, Progress>()
    for (const [node, peer] of this.#peers) {
      if (peer.status === 'up' || peer === told) vector.set(node, progressOf(peer))
    }
    return { kind: 'heartbeat', incarnation, greeting, sequence, vector }
  }

  #send(to: string | undefined, message: PresenceMessage): void {
    this.#outgoing.push({ to, message })
  }

  #flush(): Outgoing[] {
    const outgoing = this.#outgoing
    this.#outgoing = []
    return outgoing
  }
}

/** One that is gone and speaks is told of a later incarnation, so that it takes the next: it alone knows that it is there. */
function progressOf({ incarnation, sequence, status }: Peer): Progress {
  const isGone = status === 'leaving' || status === 'gone'
  return { incarnation: isGone ? { ...incarnation, nonce: incarnation.nonce + 1 } : incarnation, sequence }
}

function isRows(message: PresenceMessage): message is RowsMessage {
  return message.kind === 'changes' || message.kind === 'snapshot'
}
