import { Peer, type PeerOptions } from '../support/peer.ts'
import { until } from '../support/until.ts'

/** A client in a room, with a ledger of what it sent and what came. */
export class Seat {
  readonly peer: Peer
  /** The number that the next broadcast must have. */
  next = 0
  /** Broadcasts that came with another number than the next: lost, doubled or out of order. */
  wrong = 0
  sent = 0
  answered = 0
  refused = 0
  /** The longest that an answer took, in milliseconds. */
  slowestMs = 0
  #sentAt = 0

  constructor(peer: Peer) {
    this.peer = peer
    peer.onMessage = (payload) => this.#take(payload.toString('latin1', 0, HEAD_BYTES))
  }

  /** Connects and joins. */
  static async take(options: PeerOptions, topic = 'room:1'): Promise<Seat> {
    const seat = new Seat(await Peer.open(options))
    seat.send(topic, 'phx_join', '{}')
    await until('a seat is taken', () => seat.isAnswered)
    return seat
  }

  /** Takes many seats, some at a time. */
  static async takeMany(count: number, options: PeerOptions, topic?: string): Promise<Seat[]> {
    const seats: Seat[] = []
    while (seats.length < count) {
      const batch = Math.min(BATCH, count - seats.length)
      seats.push(...(await Promise.all(Array.from({ length: batch }, () => Seat.take(options, topic)))))
    }
    return seats
  }

  send(topic: string, event: string, payload: string): void {
    this.sent++
    this.#sentAt = performance.now()
    this.peer.text(`["1","${this.sent}","${topic}","${event}",${payload}]`)
  }

  echo(): void {
    this.send('room:1', 'echo', '{}')
  }

  get isAnswered(): boolean {
    return this.answered + this.refused === this.sent
  }

  #take(head: string): void {
    if (!head.includes('"phx_reply"')) return this.#hear(head)
    if (head.includes('"status":"error"')) this.refused++
    else this.answered++
    this.slowestMs = Math.max(this.slowestMs, performance.now() - this.#sentAt)
  }

  #hear(head: string): void {
    const n = /"said",\{"n":(\d+)/.exec(head)?.[1]
    if (n === undefined) return
    if (Number(n) === this.next) this.next++
    else this.wrong++
  }
}

/** The part of a message that identifies it stands at its beginning. */
const HEAD_BYTES = 160
const BATCH = 50

export function sum(seats: readonly Seat[], count: (seat: Seat) => number): number {
  return seats.reduce((total, seat) => total + count(seat), 0)
}

/** Each sends one message and waits for its answer: what everybody must always be able to do. */
export async function everybodyIsServed(seats: readonly Seat[]): Promise<void> {
  for (const seat of seats) seat.echo()
  await until('everybody is answered', () => seats.every((seat) => seat.isAnswered))
}

export async function everybodyLeaves(seats: readonly Seat[]): Promise<void> {
  await Promise.all(seats.map(({ peer }) => peer.close()))
}
