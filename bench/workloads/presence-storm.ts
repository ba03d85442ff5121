import { setTimeout as delay } from 'node:timers/promises'
import { Connection, type Listener, type Target } from '../load/connection.ts'
import { closeCrowd } from '../load/crowd.ts'
import type { Dialect } from '../load/dialect.ts'
import { spread } from '../measure/statistics.ts'

/** One in so many keeps the list of who is there, as a client does; the others count what comes. */
const KEEPERS = 100
/** These stay when all others go. */
const STAYERS = 100
const PATIENCE_MS = 60_000
const ATTEMPTS = 50
const RETRY_MS = 100

/** The size of a storm. */
export interface StormSize {
  readonly members: number
  /** All come back within so long. */
  readonly withinMs: number
}

/** The figures of one storm, as its clients saw it. */
export interface StormOutcome {
  readonly joins: number
  /** Until the last of them had joined. */
  readonly wallMs: number
  /** Frames of presence for a client in its busiest second: of most clients, and of the one that had most. */
  readonly framesASecond: { readonly median: number; readonly most: number }
  /** Frames and bytes of presence for a client in all. */
  readonly frames: number
  readonly bytes: number
  /** From the first byte of a client to its list, milliseconds. */
  readonly stateMs: { readonly median: number; readonly most: number }
  /** Lists that were kept and were at the end not that of the server; members that were lost. */
  readonly wrongLists: number
  readonly lost: number
}

/** Members of one topic who are cut off together, all but a few, and come back within seconds. */
export class PresenceStorm {
  readonly #target: Target
  readonly #topic: string
  readonly #size: StormSize
  #stayers: readonly Seat[] = []
  #others: readonly Seat[] = []

  constructor(target: Target, size: StormSize) {
    this.#target = target
    this.#topic = `${target.topicPrefix}:storm`
    this.#size = size
  }

  /** All of them come for the first time. */
  async open(): Promise<void> {
    this.#stayers = await this.#come(STAYERS, 100)
    this.#others = await this.#come(this.#size.members - STAYERS, this.#size.withinMs)
    await this.#settled(this.#size.members)
  }

  async run(): Promise<StormOutcome> {
    for (const seat of this.#stayers) seat.forget()
    closeCrowd(this.#others.flatMap(({ connection }) => connection ?? []))
    await this.#settled(STAYERS)
    const began = performance.now()
    this.#others = await this.#come(this.#size.members - STAYERS, this.#size.withinMs)
    const wallMs = performance.now() - began
    const refs = await this.#settled(this.#size.members)
    return { ...this.#outcome(refs), wallMs }
  }

  close(): void {
    closeCrowd([...this.#stayers, ...this.#others].flatMap(({ connection }) => connection ?? []))
  }

  /** One after the other at a steady pace, however long each takes. */
  async #come(count: number, withinMs: number): Promise<Seat[]> {
    const seats = Array.from({ length: count }, (_, index) => new Seat(index % KEEPERS === 0))
    const joined: Promise<void>[] = []
    const began = performance.now()
    while (joined.length < count) {
      const due = Math.min(count, Math.ceil(((performance.now() - began) / withinMs) * count))
      for (const seat of seats.slice(joined.length, due)) joined.push(seat.join(this.#target, this.#topic))
      await delay(1)
    }
    await Promise.all(joined)
    return seats
  }

  /** Waits until the server has so many, and all have been told. Gives the refs of its list. */
  async #settled(members: number): Promise<ReadonlySet<string>> {
    const giveUp = performance.now() + PATIENCE_MS
    for (;;) {
      const subscribers = await this.#ask<number>('subscribers')
      const seats = [...this.#stayers, ...this.#others].filter(({ isOpen }) => isOpen)
      const isQuiet = seats.every(({ lastAt }) => performance.now() - lastAt > 1_500)
      if ((subscribers === members && isQuiet) || performance.now() > giveUp)
        return new Set(await this.#ask<string[]>('refs'))
      await delay(100)
    }
  }

  async #ask<T>(what: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.#target.port}/${what}/${this.#topic}`)
    return (await answer.json()) as T
  }

  #outcome(refs: ReadonlySet<string>): Omit<StormOutcome, 'wallMs'> {
    const seats = [...this.#stayers, ...this.#others]
    const total = (of: (seat: Seat) => number): number => seats.reduce((sum, seat) => sum + of(seat), 0)
    const busiest = spread(seats.map((seat) => seat.busiestSecond))
    const waits = spread(this.#others.map(({ stateMs }) => stateMs).filter((ms) => ms !== undefined))
    return {
      joins: this.#others.length,
      framesASecond: { median: busiest.median, most: busiest.max },
      frames: total(({ times }) => times.length) / seats.length,
      bytes: total(({ bytes }) => bytes) / seats.length,
      stateMs: { median: waits.median, most: waits.max },
      wrongLists: seats.filter((seat) => !seat.has(refs)).length,
      lost: seats.filter(({ isOpen }) => !isOpen).length,
    }
  }
}

type Presences = Record<string, { readonly metas: readonly { readonly phx_ref: string }[] }>

/** One member, and what it is told of the others. */
class Seat implements Listener {
  connection: Connection | undefined
  readonly times: number[] = []
  bytes = 0
  lastAt = performance.now()
  stateMs: number | undefined
  #began = 0
  #isLost = false
  /** The refs of all who are there, where it keeps a list. */
  #refs: Set<string> | undefined

  constructor(keepsList: boolean) {
    if (keepsList) this.#refs = new Set()
  }

  get isOpen(): boolean {
    return this.connection !== undefined && !this.#isLost
  }

  async join(target: Target, topic: string): Promise<void> {
    this.#began = performance.now()
    const dialects = [returning(target)]
    for (let left = ATTEMPTS; this.connection === undefined; left -= 1) {
      try {
        this.connection = await Connection.open({ ...target, dialects, listener: this }, 0, [topic])
      } catch (error) {
        // The kernel's queue of the server was full: as clients do, it tries again.
        if (left === 1) throw error
        this.#isLost = false
        await delay(RETRY_MS)
      }
    }
  }

  /** The list stays, the figures begin anew. */
  forget(): void {
    this.times.length = 0
    this.bytes = 0
  }

  /** The most frames within one second. */
  get busiestSecond(): number {
    let most = 0
    let first = 0
    for (const [index, at] of this.times.entries()) {
      while ((this.times[first] ?? at) <= at - 1_000) first += 1
      most = Math.max(most, index - first + 1)
    }
    return most
  }

  /** True where its list is that of the server, or it keeps none. */
  has(refs: ReadonlySet<string>): boolean {
    const own = this.#refs
    return own === undefined || (own.size === refs.size && [...refs].every((ref) => own.has(ref)))
  }

  frame(_connection: Connection, bytes: Buffer, start: number, end: number, now: number): void {
    const isState = bytes.toString('latin1', start, start + 80).includes('"presence_state"')
    this.times.push(now)
    this.bytes += end - start
    this.lastAt = now
    if (isState) this.stateMs = now - this.#began
    if (this.#refs !== undefined) this.#apply(bytes.toString('utf8', start, end), isState)
  }

  lost(): void {
    this.#isLost = true
  }

  #apply(text: string, isState: boolean): void {
    const [, , , , payload] = JSON.parse(text) as [unknown, unknown, unknown, unknown, unknown]
    if (isState) this.#refs = new Set(refsOf(payload as Presences))
    const { joins = {}, leaves = {} } = isState ? {} : (payload as { joins?: Presences; leaves?: Presences })
    for (const ref of refsOf(joins)) this.#refs?.add(ref)
    for (const ref of refsOf(leaves)) this.#refs?.delete(ref)
  }
}

/** Those who come back have sent messages before, some more and some fewer: each joins with a ref of its own. */
function returning({ dialects: [dialect] }: Target): Dialect {
  if (dialect === undefined) throw new Error('a target needs a dialect')
  const before = Math.floor(Math.random() * 1_000)
  return { ...dialect, join: (topic, ref) => dialect.join(topic, before + ref) }
}

function refsOf(presences: Presences): string[] {
  return Object.values(presences).flatMap(({ metas }) => metas.map(({ phx_ref }) => phx_ref))
}
