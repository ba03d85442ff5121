import type { Leaving, Line } from './stage.ts'
import type { Findings } from './violation.ts'

/** Codes with which a server may end a hostile client. 1011 is a fault of its own. */
const MAY_CLOSE = new Set([1000, 1001, 1006, 1007, 1008, 1009, 1012])
/** Events that are always answered. */
const OWED = new Set(['phx_join', 'heartbeat', 'renew'])
/** A join or a leave may be without an answer for so long. */
export const ANSWER_MS = 60_000

interface Asked {
  readonly event: string
  readonly topic: string
  readonly atMs: number
  answers: number
  isWaived: boolean
  readonly joinRef: string | null
  isRefused: boolean
}

/**
 * A client that keeps to the wire and to nothing else, and holds what it hears against the protocol: at most one reply
 * for each ref, nothing for a topic that it is not on, no refusal of a leave.
 */
export class HostileClient {
  readonly name: string
  readonly node: number
  readonly joinRefs = new Map<string, string>()
  isOpen = true
  isDeaf = false
  /** Sends what is no message: what comes of it is judged by nobody but the server's health. */
  isGarbler = false
  /** Replies by status, closes by code. */
  readonly heard = new Map<string, number>()
  readonly #asked = new Map<string, Asked>()
  readonly #on = new Map<string, string>()
  readonly #findings: Findings
  readonly #now: () => number
  #line: Line | undefined
  #refs = 0

  constructor(name: string, node: number, findings: Findings, now: () => number) {
    this.name = name
    this.node = node
    this.#findings = findings
    this.#now = now
  }

  attach(line: Line): void {
    this.#line = line
  }

  // Its deeds

  join(topic: string, payload: unknown): void {
    const ref = this.#next()
    this.joinRefs.set(topic, ref)
    this.#send([ref, ref, topic, 'phx_join', payload])
  }

  push(topic: string, event: string, payload: unknown): void {
    this.#send([this.joinRefs.get(topic) ?? null, this.#next(), topic, event, payload])
  }

  leave(topic: string): void {
    // A join that is being decided is undone, without a word.
    for (const asked of this.#asked.values())
      if (asked.topic === topic && asked.event === 'phx_join') asked.isWaived = true
    this.push(topic, 'phx_leave', {})
  }

  renew(token: string): void {
    this.#send([null, this.#next(), 'phoenix', 'renew', { token }])
  }

  heartbeat(): void {
    this.#send([null, this.#next(), 'phoenix', 'heartbeat', {}])
  }

  /** A message as it is: it may be anything. */
  raw(data: Buffer, isBinary: boolean): void {
    this.isGarbler = true
    if (this.isOpen) this.#line?.send(data, isBinary)
  }

  read(isReading: boolean): void {
    // Nothing is owed to a client that does not read.
    if (!isReading) this.isDeaf = true
    this.#line?.read(isReading)
  }

  go(how: Leaving): void {
    if (this.isOpen) this.#line?.leave(how)
  }

  // Its ears

  message(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.#binary(data)
    const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString())
    if (event === 'phx_reply') this.#replied(ref, topic, payload)
    else if (event === 'phx_close' || event === 'phx_error') this.#ended(joinRef, topic, event)
    else if (topic !== 'phoenix' && !this.isGarbler && !this.#on.has(topic))
      this.#wrong(`hears ${event} on ${topic} without a join`)
  }

  closed(code: number): void {
    this.isOpen = false
    this.#count(`close ${code}`)
    if (!MAY_CLOSE.has(code)) this.#wrong(`is closed with ${code}`)
  }

  /** Finds questions whose answer is owed, and has been for too long. */
  judge(): void {
    if (!this.isOpen || this.isGarbler || this.isDeaf) return
    for (const { event, topic, atMs, answers, isWaived, joinRef } of this.#asked.values()) {
      if (answers > 0 || isWaived || this.#now() - atMs < ANSWER_MS) continue
      // A leave of a join that was refused is stale, and a stale message has no answer.
      if (OWED.has(event) || (event === 'phx_leave' && !this.#isStale(joinRef)))
        this.#wrong(`gets no answer to ${event} on ${topic}`)
    }
  }

  #isStale(joinRef: string | null): boolean {
    return joinRef !== null && this.#asked.get(joinRef)?.isRefused === true
  }

  /** `01 |join_ref| |ref| |topic| |status| join_ref ref topic status data`: a reply of bytes. */
  #binary(data: Buffer): void {
    if (data[0] !== 1) return
    const [joinRef = 0, ref = 0, topic = 0, status = 0] = data.subarray(1, 5)
    const at = 5 + joinRef
    const text = (from: number, length: number): string => data.toString('utf8', from, from + length)
    const reply = { status: text(at + ref + topic, status), response: null }
    this.#replied(text(at, ref), text(at + ref, topic), reply)
  }

  #replied(ref: string, topic: string, { status, response }: { status: string; response: unknown }): void {
    const reason = (response as { reason?: unknown } | null)?.reason
    this.#count(`reply ${status === 'error' && typeof reason === 'string' ? reason : status}`)
    const asked = this.#asked.get(ref)
    if (asked === undefined) {
      if (!this.isGarbler) this.#wrong('is answered what it did not ask')
      return
    }
    asked.isRefused = status === 'error'
    if (++asked.answers > 1) this.#wrong(`is answered twice to ${asked.event}`)
    if (asked.event === 'phx_leave' && reason === 'overloaded') this.#wrong('may not leave: overloaded')
    if (asked.event === 'phx_join' && status === 'ok') this.#on.set(topic, ref)
  }

  #ended(joinRef: string, topic: string, event: string): void {
    this.#count(event)
    if (this.#on.get(topic) === joinRef) this.#on.delete(topic)
  }

  #next(): string {
    return `h${++this.#refs}`
  }

  #send(message: readonly [string | null, string, string, string, unknown]): void {
    if (!this.isOpen) return
    const [joinRef, ref, topic, event] = message
    this.#asked.set(ref, {
      event,
      topic,
      atMs: this.#now(),
      answers: 0,
      isWaived: false,
      isRefused: false,
      joinRef,
    })
    this.#line?.send(Buffer.from(JSON.stringify(message)), false)
  }

  #count(what: string): void {
    this.heard.set(what, (this.heard.get(what) ?? 0) + 1)
  }

  #wrong(what: string): void {
    this.#findings.add(`a client ${what}`)
  }
}
