import type { Clock, Timer } from '../../ground/clock.ts'
import { LANE_PAGE_BYTES, type Lane } from '../../replication/lane.ts'
import { Pages } from './pages.ts'
import {
  decodeRelay,
  encodeRelay,
  type Poll,
  type Post,
  pagesOf,
  type RelayMessage,
} from './relay-messages.ts'
import { RelaySeat, type SeatPollers } from './relay-seat.ts'

/** A request for a session of another node. */
export interface Relayed {
  readonly node: string
  readonly path: string
  readonly token: string
  /** The node has so long to say that it has the session, in milliseconds. */
  readonly pubsubTimeoutMs: number
}

/** Hears one of these, once, unless it was cancelled. */
export interface RelayListener {
  answered(body: Buffer): void
  /** That node has no such session, or is gone itself. */
  gone(): void
  /** It had the session, and its answer did not come. */
  lost(): void
}

interface Asked extends RelayListener {
  readonly node: string
  readonly pubsubTimeoutMs: number
  readonly pages: Pages
  timer: Timer
}

/** An answer is no longer than what a session may have waiting; a node of a newer version is not believed more. */
const MAX_ANSWER_BYTES = 67_108_864

/** The way of polls and POSTs between nodes: a client's request may come to any of them. Outlives the restarts of the pubsub. */
export class PollRelay {
  readonly #clock: Clock
  readonly #seat: RelaySeat
  readonly #asked = new Map<number, Asked>()
  #lane: Lane | undefined
  #lastId = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#seat = new RelaySeat(clock, (node, message) => this.#send(node, message))
  }

  /** With each start of the pubsub. */
  attach(lane: Lane): void {
    this.#lane = lane
    lane.listen((from, bytes) => this.#arrived(from, decodeRelay(bytes)))
  }

  /** The sessions of an entrance, for the requests that come to other nodes. */
  serve(path: string, pollers: SeatPollers): void {
    this.#seat.serve(path, pollers)
  }

  /** The requests that wait for other nodes. */
  get count(): number {
    return this.#asked.size
  }

  /** @returns a function that ends it: the client is gone */
  poll(asked: Relayed, bytes: number, listener: RelayListener): () => void {
    const id = this.#expect(asked, listener)
    const { path, token, node } = asked
    this.#send(node, { kind: 'poll', id, path, token, bytes } satisfies Poll)
    return () => {
      if (this.#settle(id) !== undefined) this.#send(node, { kind: 'cancel', id })
    }
  }

  post(asked: Relayed, body: Uint8Array, isNdjson: boolean, listener: RelayListener): void {
    const id = this.#expect(asked, listener)
    const { path, token, node } = asked
    const bodies = pagesOf(body, LANE_PAGE_BYTES)
    const head = {
      kind: 'post',
      id,
      path,
      token,
      isNdjson,
      bytes: body.length,
      pages: bodies.length,
    } as const
    for (const [page, each] of bodies.entries())
      this.#send(node, { ...head, page, body: each } satisfies Post)
  }

  /** The node goes: whoever waits here for another one is free to ask elsewhere. */
  close(): void {
    for (const id of [...this.#asked.keys()]) this.#settle(id)?.lost()
  }

  #expect({ node, pubsubTimeoutMs }: Relayed, { answered, gone, lost }: RelayListener): number {
    const id = ++this.#lastId
    const timer = this.#clock.setTimeout(() => this.#settle(id)?.gone(), pubsubTimeoutMs)
    this.#asked.set(id, {
      node,
      pubsubTimeoutMs,
      timer,
      answered,
      gone,
      lost,
      pages: new Pages(MAX_ANSWER_BYTES),
    })
    return id
  }

  #settle(id: number): Asked | undefined {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    asked?.timer.cancel()
    return asked
  }

  #send(node: string, message: RelayMessage): void {
    this.#lane?.send(node, encodeRelay(message))
  }

  #arrived(from: string, message: RelayMessage | undefined): void {
    switch (message?.kind) {
      case undefined:
        return
      case 'poll':
      case 'post':
      case 'cancel':
        return this.#seat.asked(from, message)
      case 'held':
      case 'gone':
      case 'answer':
        return this.#replied(from, message)
      default:
        message satisfies undefined
    }
  }

  #replied(from: string, message: RelayMessage & { kind: 'held' | 'gone' | 'answer' }): void {
    const { id } = message
    const asked = this.#asked.get(id)
    if (asked?.node !== from) return
    if (message.kind === 'gone') return this.#settle(id)?.gone()
    if (message.kind === 'held') return this.#waitOn(id, asked, message.ms)
    const body = asked.pages.add(message)
    if (body === undefined) return this.#waitOn(id, asked, 0)
    if (body === false) return this.#settle(id)?.lost()
    this.#settle(id)?.answered(body)
  }

  #waitOn(id: number, asked: Asked, ms: number): void {
    asked.timer.cancel()
    asked.timer = this.#clock.setTimeout(() => this.#settle(id)?.lost(), ms + asked.pubsubTimeoutMs)
  }
}
