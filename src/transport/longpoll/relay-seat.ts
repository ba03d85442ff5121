import type { Clock, Timer } from '../../ground/clock.ts'
import { LANE_PAGE_BYTES } from '../../replication/lane.ts'
import type { BodyRoom, BodySource, BudgetRefusal } from './body-budget.ts'
import { Pages } from './pages.ts'
import type { PollWire, Waiting } from './poll-wire.ts'
import type { PostAnswer } from './pollers.ts'
import { type Cancel, type Poll, type Post, pagesOf, type RelayMessage } from './relay-messages.ts'
import type { Shown } from './token.ts'

/** The sessions of one entrance, as requests that come to other nodes need them. */
export interface SeatPollers {
  readonly windowMs: number
  readonly bodyBytes: number
  read(token: string): Shown<PollWire> | undefined
  /** Room for a body of a session; a number where there is none. */
  room(session: string, bytes: number, source: BodySource): BodyRoom | BudgetRefusal
  post(session: string, body: Buffer, isNdjson: boolean, done: (answer: PostAnswer) => void): void
}

/** The pages of one POST that have come. */
interface Incoming {
  readonly pages: Pages
  readonly room: BodyRoom
  readonly timer: Timer
}

/** A page of a body comes within so long behind the one before it. */
const PAGE_MS = 2_000
/** A POST that has come is answered within so long: its client is not read for a second at the most. */
const POST_MS = 2_000

/** The end of the relay at which the sessions are: takes requests as if they had come here. */
export class RelaySeat {
  readonly #clock: Clock
  readonly #send: (node: string, message: RelayMessage) => void
  readonly #entrances = new Map<string, SeatPollers>()
  /** The polls that wait here, by the node that asked and its number of the request. */
  readonly #polls = new Map<string, { wire: PollWire; waiting: Waiting }>()
  readonly #posts = new Map<string, Incoming>()

  constructor(clock: Clock, send: (node: string, message: RelayMessage) => void) {
    this.#clock = clock
    this.#send = send
  }

  serve(path: string, pollers: SeatPollers): void {
    this.#entrances.set(path, pollers)
  }

  asked(from: string, message: Poll | Post | Cancel): void {
    switch (message.kind) {
      case 'poll':
        return this.#poll(from, message)
      case 'post':
        return this.#post(from, message)
      case 'cancel':
        return this.#cancel(`${from} ${message.id}`)
      default:
        message satisfies never
    }
  }

  #poll(from: string, { id, path, token, bytes }: Poll): void {
    const pollers = this.#entrances.get(path)
    const claims = pollers?.read(token)
    const wire = claims?.owner
    if (pollers === undefined || claims === undefined || wire === undefined)
      return this.#send(from, { kind: 'gone', id })
    this.#send(from, { kind: 'held', id, ms: pollers.windowMs })
    const key = `${from} ${id}`
    const waiting: Waiting = {
      sentBytes: 0,
      // The node that asked has the connection, and sees as well that its client asks anew there.
      cut: () => {},
      answer: (body) => {
        this.#polls.delete(key)
        this.#answer(from, id, body)
      },
    }
    this.#polls.set(key, { wire, waiting })
    wire.poll(claims.last, bytes, waiting)
  }

  #cancel(key: string): void {
    const poll = this.#polls.get(key)
    this.#polls.delete(key)
    poll?.wire.gaveUp(poll.waiting)
  }

  #post(from: string, post: Post): void {
    const { id, path, token, isNdjson } = post
    const pollers = this.#entrances.get(path)
    const wire = pollers?.read(token)?.owner
    if (pollers === undefined || wire === undefined) return this.#send(from, { kind: 'gone', id })
    const session = wire.id
    const key = `${from} ${id}`
    const incoming = this.#posts.get(key) ?? this.#expect(key, post, pollers, session)
    if (typeof incoming === 'number') return this.#answerPost(from, id, { status: incoming })
    const body = incoming.pages.add(post)
    if (body === undefined) return
    this.#forget(key)
    if (body === false) {
      incoming.room.release()
      return this.#send(from, { kind: 'gone', id })
    }
    incoming.room.arrived()
    this.#send(from, { kind: 'held', id, ms: POST_MS })
    pollers.post(session, body, isNdjson, (answer) => {
      incoming.room.release()
      this.#answerPost(from, id, answer)
    })
  }

  #expect(key: string, { bytes }: Post, pollers: SeatPollers, session: string): Incoming | 413 | 429 | 503 {
    if (bytes > pollers.bodyBytes) return 413
    const room = pollers.room(session, bytes, { destroy: () => this.#forget(key) })
    if (typeof room === 'number') return room
    const timer = this.#clock.setTimeout(() => {
      this.#forget(key)
      room.release()
    }, PAGE_MS)
    const incoming = { pages: new Pages(bytes), room, timer }
    this.#posts.set(key, incoming)
    return incoming
  }

  #forget(key: string): void {
    const incoming = this.#posts.get(key)
    this.#posts.delete(key)
    incoming?.timer.cancel()
  }

  #answerPost(from: string, id: number, answer: PostAnswer): void {
    this.#answer(from, id, JSON.stringify(answer))
  }

  #answer(from: string, id: number, text: string): void {
    const pages = pagesOf(Buffer.from(text), LANE_PAGE_BYTES)
    for (const [page, body] of pages.entries())
      this.#send(from, { kind: 'answer', id, page, pages: pages.length, body })
  }
}
