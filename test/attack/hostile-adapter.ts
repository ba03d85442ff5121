import type { Clock } from '../../src/ground/clock.ts'
import type { AdapterStatus, Deliver, PubSubAdapter, ReportStatus } from '../../src/pubsub/adapter.ts'
import type { Dice } from '../fuzz/dice.ts'
import type { NodeClock } from './node-clock.ts'

/** The faults of an adapter at the moment. */
export interface AdapterFaults {
  /** It confirms a subscription after so long. */
  confirmMs: number
  /** Confirms nothing until the end. */
  isSilent: boolean
  /** Refuses every subscription. */
  refuses: boolean
  /** Messages come so late at the most: later ones overtake them. */
  delayMs: number
  loses: boolean
  doubles: boolean
  /** Methods that throw; `start` only where the pubsub is restarted. */
  throws: ReadonlySet<'start' | 'publish' | 'subscribe' | 'unsubscribe' | 'stop'>
  /** Stops, and never says so. */
  hangs: boolean
}

export function noFaults(): AdapterFaults {
  return {
    confirmMs: 0,
    isSilent: false,
    refuses: false,
    delayMs: 0,
    loses: false,
    doubles: false,
    throws: new Set(),
    hangs: false,
  }
}

/** The links between the nodes of a network: each way of each for itself. */
export class Links {
  readonly #cut = new Set<string>()

  cut(from: number, to: number): void {
    this.#cut.add(`${from} ${to}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  carries(from: number, to: number): boolean {
    return !this.#cut.has(`${from} ${to}`)
  }
}

export interface AdapterSeat {
  readonly index: number
  readonly clock: NodeClock
  readonly stageClock: Clock
  readonly links: Links
  readonly dice: Dice
}

/** An adapter that carries messages as another one does, and misbehaves as it is told. */
export class HostileAdapter implements PubSubAdapter {
  readonly name = 'hostile'
  faults = noFaults()
  readonly #inner: PubSubAdapter
  readonly #seat: AdapterSeat
  #report: ReportStatus = () => {}
  /** Calls that wait for a confirmation which does not come. */
  #held: (() => void)[] = []
  #isDown = false

  constructor(inner: PubSubAdapter, seat: AdapterSeat) {
    this.#inner = inner
    this.#seat = seat
  }

  get status(): AdapterStatus {
    return this.#isDown ? 'down' : this.#inner.status
  }

  start(node: string, deliver: Deliver, report: ReportStatus): void | Promise<void> {
    this.#report = report
    this.#mayThrow('start')
    return this.#inner.start(node, (topic, bytes) => this.#arrived(deliver, topic, bytes), report)
  }

  publish(topic: string, bytes: Uint8Array): void {
    this.#mayThrow('publish')
    if (!this.#isDown) this.#inner.publish(topic, Buffer.concat([Buffer.from([this.#seat.index]), bytes]))
  }

  async subscribe(topic: string): Promise<void> {
    const { confirmMs, isSilent, refuses } = this.faults
    this.#mayThrow('subscribe')
    if (refuses) throw new Error('the broker refuses')
    await this.#inner.subscribe(topic)
    if (isSilent) await new Promise<void>((resolve) => this.#held.push(resolve))
    else if (confirmMs > 0)
      await new Promise<void>((resolve) => void this.#seat.stageClock.setTimeout(resolve, confirmMs))
  }

  unsubscribe(topic: string): void {
    this.#inner.unsubscribe(topic)
    this.#mayThrow('unsubscribe')
  }

  stop(): void | Promise<void> {
    const stopped = this.#inner.stop()
    this.#mayThrow('stop')
    return this.faults.hangs ? new Promise(() => {}) : stopped
  }

  // The moves against it

  say(status: 'up' | 'down'): void {
    this.#isDown = status === 'down'
    this.#report(status, status === 'down' ? new Error('out of reach') : undefined)
  }

  heal(): void {
    this.faults = noFaults()
    for (const confirm of this.#held.splice(0)) confirm()
    if (this.#isDown) this.say('up')
  }

  #mayThrow(method: 'start' | 'publish' | 'subscribe' | 'unsubscribe' | 'stop'): void {
    if (this.faults.throws.has(method)) throw new Error(`${method} of the adapter fails`)
  }

  #arrived(deliver: Deliver, topic: string, packet: Uint8Array): void {
    const { index, clock, stageClock, links, dice } = this.#seat
    const { delayMs, loses, doubles } = this.faults
    const from = packet[0] as number
    if (!links.carries(from, index) || (loses && dice.oneIn(4))) return
    const bytes = packet.subarray(1)
    const hand = (): void => clock.outside(() => deliver(topic, bytes))
    for (let copy = doubles && dice.oneIn(3) ? 2 : 1; copy > 0; copy--) {
      if (delayMs === 0) hand()
      else stageClock.setTimeout(hand, dice.below(delayMs))
    }
  }
}
