import { type ClientRequest, request } from 'node:http'
import { Arrivals, Fences } from './arrivals.ts'
import type { Handshake } from './raw-client.ts'
import type { Scenario, Step, WireEvent } from './transcript.ts'

const OPENED = { t: 'open', status: 410, headers: {} } as const
const CLOSED = { t: 'close', code: 410, reason: '', by: 'server' } as const

const BROKEN: Answer = { status: 0 }

/** A client that polls as phoenix.js does: it asks again as soon as it was answered, and sends one frame after the other. */
export class PollingClient {
  readonly #arrivals = new Arrivals()
  readonly #fences = new Fences()
  readonly #handshake: Handshake
  readonly #isV1: boolean
  readonly #asking = new Set<ClientRequest>()
  #token: string | undefined
  #isOver = false
  /** The frames leave in order. */
  #sent: Promise<void>

  constructor(handshake: Handshake) {
    this.#handshake = handshake
    this.#isV1 = !/[?&]vsn=2/.test(handshake.path)
    this.#sent = this.#open()
  }

  get pending(): readonly WireEvent[] {
    return this.#arrivals.pending
  }

  /** The next thing that arrived, or arrives. */
  next(): Promise<WireEvent> {
    return this.#arrivals.next()
  }

  /** Resolves when all that the server had to say until now has arrived, and the next poll waits or is on its way. */
  async fence(): Promise<void> {
    await this.#sent
    for (let round = 0; round < 2; round++)
      if (!this.#isOver) await this.#fences.pass(this.#isV1, (heartbeat) => this.send(heartbeat))
  }

  send(message: string | Buffer): void {
    this.#sent = this.#sent.then(() => this.#post(message))
  }

  terminate(): void {
    this.#end({ ...CLOSED, code: 1006, by: 'client' })
    for (const asking of this.#asking) asking.destroy()
  }

  async #open(): Promise<void> {
    const { status, token } = await this.#poll()
    if (status !== 410 || token === undefined) return this.#end({ t: 'refused', status, body: '' })
    this.#arrivals.push(OPENED)
    void this.#listen()
  }

  async #listen(): Promise<void> {
    while (!this.#isOver) {
      const { status, messages = [] } = await this.#poll()
      for (const message of messages) this.#take(message)
      if (status !== 200 && status !== 204) this.#end(CLOSED)
    }
  }

  /** Bytes come in base64: no other message begins so. */
  #take(message: string): void {
    if (!/^[[{]/.test(message))
      this.#arrivals.push({ t: 'recv', hex: Buffer.from(message, 'base64').toString('hex') })
    else if (!this.#fences.take(message)) this.#arrivals.push({ t: 'recv', text: message })
  }

  async #poll(): Promise<Answer> {
    const answer = await this.#ask('GET', {}, '')
    this.#token = answer.token ?? this.#token
    return answer
  }

  /** A frame that is refused ends the session: the poll says so. */
  async #post(message: string | Buffer): Promise<void> {
    if (this.#isOver) return
    const isText = typeof message === 'string'
    const headers = { 'content-type': isText ? 'application/json' : 'application/x-ndjson' }
    await this.#ask('POST', headers, isText ? message : message.toString('base64'))
  }

  #ask(method: string, headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
    const { port, path, headers: own } = this.#handshake
    const token = this.#token === undefined ? '' : `&token=${this.#token}`
    const url = `${path.replace('/websocket', '/longpoll')}${path.includes('?') ? '' : '?'}${token}`
    const host = `localhost:${port}`
    return new Promise((resolve) => {
      const asking = request({
        host: '127.0.0.1',
        port,
        method,
        path: url,
        headers: { host, ...own, ...headers },
      })
      this.#asking.add(asking)
      asking.on('response', async (response) => {
        const text = await response.setEncoding('utf8').toArray()
        this.#asking.delete(asking)
        resolve(JSON.parse(text.join('')) as Answer)
      })
      asking.on('error', () => {
        this.#asking.delete(asking)
        resolve(BROKEN)
      })
      asking.end(body)
    })
  }

  #end(event: WireEvent): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#fences.end()
    this.#arrivals.push(event)
  }
}

interface Answer {
  readonly status: number
  readonly token?: string
  readonly messages?: readonly string[]
}

/** A scenario of WebSockets as one who polls sees it: an end is an end, without a code. */
export function byPolls(scenario: Scenario): Scenario {
  const steps = scenario.steps.map((step): Step => {
    const { ms } = step
    if (step.t === 'open') return { ms, s: step.s, ...OPENED }
    if (step.t === 'close' && step.by === 'server') return { ms, s: step.s, ...CLOSED }
    return step
  })
  return { ...scenario, steps }
}
