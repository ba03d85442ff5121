import type { Clock, Timer } from '../../src/ground/clock.ts'
import { HALL } from './application.ts'
import type { Ledger, Member } from './ledger.ts'
import type { Line, LineListener } from './stage.ts'
import type { Findings } from './violation.ts'

/** As phoenix.js: soon, then less often. */
const RETRY_MS = [10, 50, 100, 500, 1_000, 2_000, 5_000]
const HEARTBEAT_MS = 30_000
/** Told to come back. */
const COME_BACK = 1012

export interface ControlWorld {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly findings: Findings
  /** @throws where the node lets nobody in */
  connect(node: number, listener: LineListener): Promise<Line>
  members(): Iterable<Member>
}

/**
 * A polite client, as phoenix.js is one: says numbered things, sends heartbeats, comes back when its connection ends and
 * joins again after an error. It must never be told to stay away.
 */
export class ControlClient implements Member {
  readonly name: string
  readonly node: number
  epoch = 0
  readonly #world: ControlWorld
  #line: Line | undefined
  #isLeaving = false
  #isDropped = false
  #refs = 0
  #tries = 0
  #retry: Timer | undefined
  #joinRef = ''
  readonly #saying = new Map<string, number>()

  constructor(name: string, node: number, world: ControlWorld) {
    this.name = name
    this.node = node
    this.#world = world
    this.#beat()
  }

  async connect(): Promise<void> {
    if (this.#isLeaving) return
    try {
      const listener: LineListener = {
        message: (data) => this.#message(data),
        closed: (code) => this.#closed(code),
      }
      this.#isDropped = false
      this.#line = await this.#world.connect(this.node, listener)
      if (this.#isLeaving) this.#line.leave('close')
      else this.#join()
    } catch {
      this.#later(() => this.connect())
    }
  }

  say(): void {
    if (this.epoch % 2 === 0) return
    const n = this.#world.ledger.say(this, this.#world.members())
    const ref = this.#next()
    this.#saying.set(ref, n)
    this.#send([this.#joinRef, ref, HALL, 'say', { n }])
  }

  /** The network breaks: no fault of the server's. */
  drop(): void {
    this.#isDropped = true
    this.#line?.leave('drop')
  }

  leave(): void {
    this.#isLeaving = true
    this.#line?.leave('close')
  }

  #join(): void {
    this.#joinRef = this.#next()
    this.#send([this.#joinRef, this.#joinRef, HALL, 'phx_join', { name: this.name }])
  }

  #message(data: Buffer): void {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString())
    if (topic !== HALL) return
    if (event === 'phx_reply') this.#replied(ref, payload)
    else if (event === 'said' && payload.from.startsWith('control')) this.#heard(payload)
    else if (event === 'phx_error' && joinRef === this.#joinRef) this.#out(() => this.#join())
    else if (event === 'phx_close' && joinRef === this.#joinRef) this.#wrong('is told to stay away')
  }

  #heard({ from, n }: { from: string; n: number }): void {
    if (this.epoch % 2 === 0) this.#wrong('hears a broadcast before its join is answered')
    else this.#world.ledger.hear(this, from, n)
  }

  #replied(ref: string, { status, response }: { status: string; response: { reason?: string } }): void {
    if (ref === this.#joinRef) {
      if (status !== 'ok') return this.#later(() => this.#join())
      this.#tries = 0
      this.epoch++
      return
    }
    const n = this.#saying.get(ref)
    if (n === undefined) return
    if (status === 'ok') this.#world.ledger.answer(n)
    else this.#wrong(`is refused: ${response.reason}`)
  }

  #closed(code: number): void {
    this.#line = undefined
    if (!this.#isLeaving && !this.#isDropped && code !== COME_BACK) this.#wrong(`is closed with ${code}`)
    this.#out(() => this.connect())
  }

  #out(again: () => void): void {
    if (this.epoch % 2 === 1) this.epoch++
    this.#saying.clear()
    this.#later(again)
  }

  #later(again: () => void): void {
    if (this.#isLeaving) return
    const ms = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)] as number
    // One try at a time, whatever went wrong.
    this.#retry?.cancel()
    this.#retry = this.#world.clock.setTimeout(() => !this.#isLeaving && again(), ms)
  }

  #beat(): void {
    this.#world.clock.setTimeout(() => {
      if (this.#isLeaving) return
      this.#send([null, this.#next(), 'phoenix', 'heartbeat', {}])
      this.#beat()
    }, HEARTBEAT_MS)
  }

  #next(): string {
    return `c${++this.#refs}`
  }

  #send(message: readonly unknown[]): void {
    this.#line?.send(Buffer.from(JSON.stringify(message)), false)
  }

  #wrong(what: string): void {
    this.#world.findings.add(`a control client ${what}`)
  }
}
