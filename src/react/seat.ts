import type { Channel } from '../client/channel.ts'
import type { ChannelOptions, Client } from '../client/client.ts'
import type { ChannelError } from '../client/error.ts'
import type { ChannelState, Present } from '../client/types.ts'
import type { ChannelSchema } from '../contract/schema.ts'

type AnyChannel = Channel<ChannelSchema>

/** A topic as one rendering shows it. It is never changed: another state is another one. */
export interface Look {
  readonly topic: string
  readonly state: ChannelState
  readonly reply: unknown
  readonly recovered: boolean
  readonly error: ChannelError | undefined
  readonly push: (event: string, payload?: unknown) => Promise<unknown>
  readonly join: () => void
  readonly seat: Seat
}

/** Listens to a channel. Gives what ends it. */
type Listen = (channel: AnyChannel) => () => void

const NOBODY: readonly Present<Readonly<Record<string, unknown>>>[] = []

/** The place of one `useChannel` in a topic: taken when its component is mounted, given up when it is gone, and taken again at any time. */
export class Seat {
  readonly #make: () => AnyChannel
  readonly #topic: string
  readonly #listeners = new Map<Listen, (() => void) | undefined>()
  #channel: AnyChannel | undefined
  #isTaken = false
  #look: Look

  constructor(client: Client, topic: string, payload: unknown, options: ChannelOptions | undefined) {
    this.#make = () => client.channel(topic, payload, options)
    this.#topic = topic
    this.#look = this.#before()
  }

  /** Joins. Gives what leaves. */
  readonly take = (changed: () => void): (() => void) => {
    const channel = this.#here
    const show = (recovered: boolean, failure?: ChannelError): void => {
      if (this.#channel !== channel) return
      const { state, reply, error = failure } = channel
      this.#look = { ...this.#same, state, reply, recovered, error }
      changed()
    }
    channel.onState((...[state, detail]) => show(state === 'joined' && detail.recovered))
    this.#isTaken = true
    for (const listen of this.#listeners.keys()) this.#listeners.set(listen, listen(channel))
    channel.join().catch((error) => {
      // A client that is closed has told nobody.
      if (channel.state === 'closed') show(false, error)
    })
    if (channel.state !== 'joining') show(false)
    return () => {
      this.#isTaken = false
      this.#channel = undefined
      this.#look = this.#before()
      channel.leave()
    }
  }

  /** Listens to the channel for as long as the seat is taken, however often. Gives what ends it. */
  listen(listen: Listen): () => void {
    this.#listeners.set(listen, this.#isTaken ? listen(this.#here) : undefined)
    return () => {
      this.#listeners.get(listen)?.()
      this.#listeners.delete(listen)
    }
  }

  readonly look = (): Look => this.#look

  /** The same array until something changes, also of a channel that was never joined. */
  readonly present = (): typeof NOBODY => {
    const list = this.#isTaken ? this.#here.presence.list() : NOBODY
    return list.length > 0 ? list : NOBODY
  }

  readonly nobody = (): typeof NOBODY => NOBODY

  /** Again. The state tells the rest. */
  readonly #join = (): void => {
    if (this.#isTaken) this.#here.join().catch(() => {})
  }

  readonly #push: Look['push'] = (event, payload) => {
    if (this.#isTaken) return this.#here.push(event, payload)
    // The effects of a child run before the one that joins.
    const pushed = Promise.resolve().then(() => this.#here.push(event, payload))
    pushed.catch(() => {})
    return pushed
  }

  /** Made when it is first needed, which is not while rendering: the one before it, with another payload, has left by then. */
  get #here(): AnyChannel {
    this.#channel ??= this.#make()
    return this.#channel
  }

  /** As it is until the seat is taken: on a server, and in the first rendering. */
  #before(): Look {
    return { ...this.#same, state: 'joining', reply: undefined, recovered: false, error: undefined }
  }

  get #same() {
    return { topic: this.#topic, push: this.#push, join: this.#join, seat: this }
  }
}
