import { isBytes } from '../contract/bytes.ts'
import { after } from './clock.ts'
import { ChannelError, JOIN, PASSING, reasonOf } from './error.ts'
import type { PhoenixChannel } from './phoenix.ts'
import { Place, RESUME } from './position.ts'
import { Presences } from './presence.ts'
import { Pushes } from './pushes.ts'
import type { ChannelChange, ChannelState, Position, PresenceChange } from './types.ts'

/** Whoever uses a topic: one of the channels that `client.channel` gave. */
export interface User {
  heard(event: string, payload: unknown): void
  changed(change: ChannelChange): void
  presenceChanged(change: PresenceChange<Readonly<Record<string, unknown>>>): void
}

/** The client, as its topics see it. */
export interface Link {
  readonly timeoutMs: number
  readonly isConnected: boolean
  open(topic: string, params: () => object): PhoenixChannel
  /** The next join is not to be asked for before. */
  retryAfter(ms: number): void
  /** Nobody uses a topic any more. */
  forget(topic: Topic): void
}

interface Waiter {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: ChannelError) => void
  readonly stop: () => void
}

/** One topic, however many use it: its channel of phoenix.js, from the first that joins to the last that leaves. */
export class Topic {
  readonly name: string
  readonly payload: unknown
  readonly presences = new Presences((change) => this.#tell((user) => user.presenceChanged(change)))
  state: ChannelState = 'closed'
  reply: unknown
  error: ChannelError | undefined
  readonly #link: Link
  readonly #users = new Set<User>()
  readonly #waiters = new Set<Waiter>()
  readonly #place: Place
  readonly #pushes: Pushes
  #channel: PhoenixChannel | undefined

  constructor(link: Link, name: string, payload: unknown, from: Position | undefined) {
    this.#link = link
    this.name = name
    this.payload = payload
    this.#place = new Place(from)
    this.#pushes = new Pushes(name, link)
  }

  get isUsed(): boolean {
    return this.#users.size > 0
  }

  get position(): Position | undefined {
    return this.#place.position
  }

  enter(user: User): void {
    this.#users.add(user)
  }

  /** The last one out leaves in a later turn: who comes back until then has never been away. */
  exit(user: User): void {
    if (!this.#users.delete(user) || this.isUsed) return
    after(0, () => {
      if (this.isUsed) return
      this.end()
      this.#link.forget(this)
    })
  }

  /** Resolves with the reply when it is joined. Rejects when it is refused, or when that takes too long. */
  join(): Promise<unknown> {
    if (this.#channel === undefined) this.#open()
    if (this.state === 'joined') return Promise.resolve(this.reply)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        reject,
        stop: after(this.#link.timeoutMs, () => {
          this.#waiters.delete(waiter)
          reject(this.#failed(this.#link.isConnected ? 'timeout' : 'offline', true))
        }),
      }
      this.#waiters.add(waiter)
    })
  }

  push(event: string, payload: unknown): Promise<unknown> {
    return this.#pushes.push(event, payload, this.state)
  }

  /** There is a connection again: phoenix.js joins. */
  connected(): void {
    if (this.state === 'offline') this.#change(['joining', {}])
  }

  /** Ends it here and there. */
  end(): void {
    const channel = this.#channel
    this.#close(undefined)
    channel?.leave()
  }

  #open(): void {
    const channel = this.#link.open(this.name, () => this.#claim())
    this.#channel = channel
    channel.onMessage = (event, payload, ref) => {
      if (this.#channel === channel) this.#hear(channel, event, payload, ref)
      return payload
    }
    this.presences.follow(channel)
    // Behind the listeners of phoenix.js, whose state is then the new one.
    const join = channel.join(this.#link.timeoutMs)
    const mine =
      <A extends unknown[]>(listener: (...args: A) => void) =>
      (...args: A): void => {
        if (this.#channel === channel) listener(...args)
      }
    join.receive(
      'ok',
      mine((response) => this.#joined(channel, response)),
    )
    join.receive(
      'error',
      mine((response) => this.#refused(channel, response)),
    )
    join.receive(
      'timeout',
      mine(() => this.#lost()),
    )
    channel.onError(mine(() => this.#lost()))
    channel.onClose(mine((payload) => this.#closedByServer(payload)))
    this.#change(['joining', {}])
  }

  #claim(): object {
    const { payload } = this
    const mayClaim =
      payload === undefined || (typeof payload === 'object' && payload !== null && !isBytes(payload))
    return mayClaim ? { ...payload, [RESUME]: this.#place.position ?? true } : (payload as object)
  }

  // Events of phoenix.js

  /** Everything that comes, before phoenix.js acts upon it. */
  #hear(channel: PhoenixChannel, event: string, payload: unknown, ref: unknown): void {
    if (event === 'phx_reply') {
      const { status, response } = payload as { status: string; response: unknown }
      this.#pushes.answered(ref, status, whole(response))
      // Before phoenix.js plans its next attempt.
      const waitMs = Object(response).retry_after_ms
      if (channel.state === 'joining' && typeof waitMs === 'number') this.#link.retryAfter(waitMs)
    } else if (channel.state === 'joined' && !/^(phx_|chan_reply_)/.test(event)) {
      // Before a reply, what comes belongs to a join that was given up: with it the place would move over a gap.
      if (event === RESUME) this.#place.take(payload as Position)
      else if (this.#place.passes(ref)) this.#tell((user) => user.heard(event, whole(payload)))
    }
  }

  #joined(channel: PhoenixChannel, response: unknown): void {
    const { [RESUME]: said, ...rest } = Object(response)
    const recovered = said?.recovered === true
    const missed = recovered ? said.offset - (this.position?.offset ?? said.offset) : 0
    if (said) this.#place.take(said)
    this.reply = said ? rest : whole(response)
    this.error = undefined
    this.#change(['joined', { recovered, missed, reply: this.reply }])
    this.#settle(({ resolve }) => resolve(this.reply))
    this.#pushes.open(channel)
  }

  #refused(channel: PhoenixChannel, response: unknown): void {
    const { reason, retry_after_ms } = Object(response)
    const isRetried = PASSING.has(reason) || typeof retry_after_ms === 'number'
    const error = new ChannelError(this.name, JOIN, reasonOf('error', response), response, isRetried)
    if (isRetried) {
      this.error = error
      this.#change(['joining', { error }])
      this.#settle(({ reject }) => reject(error))
    } else {
      this.#close(error)
      // That stops its attempts to join again. It may join once: the next attempt is another channel.
      channel.leave()
    }
  }

  /** The connection broke, the channel crashed, or the join was not answered: phoenix.js tries again. */
  #lost(): void {
    this.#pushes.interrupt()
    const state = this.#link.isConnected ? 'joining' : 'offline'
    if (state !== this.state) this.#change([state, {}])
  }

  #closedByServer(payload: unknown): void {
    this.#close(new ChannelError(this.name, 'phx_close', 'closed', payload))
  }

  #close(error: ChannelError | undefined): void {
    this.#channel = undefined
    this.error = error
    this.#pushes.close()
    this.presences.clear()
    if (this.state !== 'closed') this.#change(['closed', { error }])
    this.#settle(({ reject }) => reject(error ?? this.#failed('closed')))
  }

  // Whom it tells

  #change(change: ChannelChange): void {
    this.state = change[0]
    this.#tell((user) => user.changed(change))
  }

  #tell(tell: (user: User) => void): void {
    for (const user of [...this.#users]) tell(user)
  }

  #settle(settle: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters) {
      waiter.stop()
      settle(waiter)
    }
    this.#waiters.clear()
  }

  #failed(reason: string, isRetried = false): ChannelError {
    return new ChannelError(this.name, JOIN, reason, undefined, isRetried)
  }
}

/** Bytes come from phoenix.js as an `ArrayBuffer`. */
function whole(payload: unknown): unknown {
  return payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload
}
