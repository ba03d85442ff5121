import { strict as assert } from 'node:assert'
import { inspect } from 'node:util'
import { OpaqueRefs, sameEvent } from './compare.ts'
import { PollingClient } from './polling-client.ts'
import { RawClient } from './raw-client.ts'
import type { RecordedServer } from './recorded-server.ts'
import {
  type Action,
  type Arrival,
  isArrival,
  type Scenario,
  type Step,
  type WireEvent,
} from './transcript.ts'

/** An idle connection may be closed so much later than recorded: we look for silence now and then. */
const IDLE_SLACK_MS = 1_000

/** One poll of the longest window, and the time after which a client that does not poll is gone. */
const POLLER_GONE_MS = 3_000 + 4_500

/**
 * Plays a scenario against the server: does what the client did and compares what arrives, connection by connection.
 * The recorded time is played on the server's clock, which this moves; nothing waits for real time.
 *
 * @throws an AssertionError that names the step and says what arrived instead
 */
export async function play(
  server: RecordedServer,
  scenario: Scenario,
  Client: typeof RawClient | typeof PollingClient = RawClient,
): Promise<void> {
  const player = new Player(server, scenario, Client)
  try {
    await player.play()
  } finally {
    await player.leave()
  }
}

class Player {
  readonly #server: RecordedServer
  readonly #scenario: Scenario
  readonly #Client: typeof RawClient | typeof PollingClient
  readonly #clients = new Map<string, RawClient | PollingClient>()
  /** The answers to requests, in order, of each that made some. */
  readonly #responses = new Map<string, Promise<WireEvent>[]>()
  /** The tokens of pollers, by those that were recorded. */
  readonly #tokens = new Map<string, string>()
  readonly #refs = new OpaqueRefs()
  /** A scenario about silence: no heartbeat may break it. */
  readonly #silent: boolean
  #now = 0

  constructor(server: RecordedServer, scenario: Scenario, Client: typeof RawClient | typeof PollingClient) {
    this.#server = server
    this.#Client = Client
    this.#scenario = scenario
    this.#silent = scenario.steps.some((step) => step.t === 'connect' && step.url.includes('/short/'))
  }

  async play(): Promise<void> {
    const { steps, varies } = this.#scenario
    for (let at = 0; at < steps.length; ) {
      const step = steps[at] as Step
      await this.#moveTo(step.ms)
      const arrivals = varies ? steps.slice(at, endOfArrivals(steps, at)) : [step]
      if (!isArrival(step)) await this.#do(step)
      else await this.#expect(arrivals.filter(isArrival))
      at += isArrival(step) ? arrivals.length : 1
    }
    await this.#expectQuiet()
  }

  /** Breaks what is still open, and waits until the server knows. */
  async leave(): Promise<void> {
    for (const client of this.#clients.values()) client.terminate()
    // Nobody polls any more.
    if (this.#tokens.size > 0 || this.#Client === PollingClient)
      await this.#server.clock.advance(POLLER_GONE_MS)
    await this.#server.empty()
  }

  async #do(step: Exclude<Step, Arrival>): Promise<void> {
    if (step.t === 'note') return
    if (step.t === 'quiet') return this.#expectQuiet()
    if (step.t === 'connect') this.#connect(step)
    else if (step.t === 'http_send') await this.#request(step)
    else act(this.#client(step.s), step)
  }

  #connect({ s, url, origin, protocols, offer }: Action & { t: 'connect' }): void {
    const host = `localhost:${this.#server.port}`
    const headers: Record<string, string> = {}
    if (origin !== undefined) headers.origin = origin.replace('HOST', host)
    if (protocols !== undefined) headers['sec-websocket-protocol'] = protocols.join(', ')
    if (offer !== undefined) headers['sec-websocket-extensions'] = offer
    const path = url.replace('ws://HOST', '')
    this.#clients.set(s, new this.#Client({ port: this.#server.port, path, headers }))
  }

  /** As a client does, with the token that it was given in the place of the recorded one. */
  async #request(sent: Action & { t: 'http_send' }): Promise<void> {
    let { path } = sent
    for (const [recorded, ours] of this.#tokens)
      if (path.endsWith(`token=${recorded}`)) path = path.replace(recorded, ours)
    const { answer } = await this.#server.request({ ...sent, path })
    this.#responses.set(sent.s, [...(this.#responses.get(sent.s) ?? []), answer])
  }

  async #answer(s: string, recorded: WireEvent & { t: 'http_recv' }): Promise<WireEvent> {
    const answer = (await this.#responses.get(s)?.shift()) as WireEvent & { t: 'http_recv' }
    const [theirs, ours] = [tokenOf(recorded.body), tokenOf(answer.body)]
    if (theirs !== undefined && ours !== undefined) this.#tokens.set(theirs, ours)
    return answer
  }

  /** Moves the server's clock to a recorded time, when the server has done all that it had to do until now. */
  async #moveTo(ms: number): Promise<void> {
    if (ms <= this.#now) return
    await this.#fence()
    await this.#server.clock.advance(ms - this.#now)
    this.#now = ms
  }

  async #fence(): Promise<void> {
    if (!this.#silent) await Promise.all([...this.#clients.values()].map((client) => client.fence()))
    await this.#server.fence()
  }

  async #expect(arrivals: readonly Arrival[]): Promise<void> {
    const missing = [...arrivals]
    for (const { s } of arrivals) {
      const arrived = await this.#next(s, missing[0] as Arrival)
      const index = missing.findIndex((one) => one.s === s && sameEvent(one, arrived, this.#refs))
      if (index === -1) this.#fail(missing.find((one) => one.s === s) as Arrival, arrived)
      missing.splice(index, 1)
    }
  }

  async #next(s: string, expected: Arrival): Promise<WireEvent> {
    if (expected.t === 'http_recv') return this.#answer(s, expected)
    const client = this.#client(s)
    if (this.#silent && expected.t === 'close') await this.#silence(client)
    return client.next().catch((error: Error) => this.#fail(expected, error))
  }

  /** Lets time pass until an idle client is closed. */
  async #silence(client: RawClient | PollingClient): Promise<void> {
    const latest = this.#now + IDLE_SLACK_MS
    while (client.pending.length === 0 && this.#now < latest) await this.#moveTo(this.#now + 50)
  }

  async #expectQuiet(): Promise<void> {
    await this.#fence()
    for (const [s, { pending }] of this.#clients) {
      if (pending.length > 0) this.#fail({ s, t: 'quiet' }, pending)
    }
  }

  #client(s: string): RawClient | PollingClient {
    const client = this.#clients.get(s)
    assert.ok(client, `${this.#scenario.name}: no connection ${s}`)
    return client
  }

  #fail(expected: unknown, arrived: unknown): never {
    const { name } = this.#scenario
    const show = (value: unknown): string =>
      inspect(value, { depth: 6, breakLength: 140, maxStringLength: 400 })
    assert.fail(`${name}, at ${this.#now} ms: expected ${show(expected)}, got ${show(arrived)}`)
  }
}

function tokenOf(body: string): string | undefined {
  return /"token":"([^"]*)"/.exec(body)?.[1]
}

function endOfArrivals(steps: readonly Step[], from: number): number {
  let end = from
  while (end < steps.length && isArrival(steps[end] as Step)) end++
  return end
}

function act(client: RawClient | PollingClient, step: Exclude<Action, { t: 'connect' | 'http_send' }>): void {
  if (step.t === 'send') return client.send('hex' in step ? Buffer.from(step.hex, 'hex') : step.text)
  if (step.t === 'client_terminate') return client.terminate()
  assert.ok(client instanceof RawClient, `${step.t} by polls`)
  switch (step.t) {
    case 'send_fragment':
      return client.fragment(step.text ?? Buffer.from(step.hex as string, 'hex'), step.fin)
    case 'send_raw':
      return client.raw(Buffer.from(step.hex, 'hex'))
    case 'send_ping':
      return client.ping(Buffer.from(step.hex, 'hex'))
    case 'client_close':
      return client.close(step.code, step.reason ?? '')
    default:
      step satisfies never
  }
}
