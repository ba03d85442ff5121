import { isBytes } from '../contract/bytes.ts'
import { after } from './clock.ts'
import { ChannelError, reasonOf } from './error.ts'
import type { PhoenixChannel, PhoenixPush } from './phoenix.ts'
import type { ChannelState } from './types.ts'

interface Push {
  readonly event: string
  readonly payload: unknown
  readonly resolve: (response: unknown) => void
  readonly reject: (error: ChannelError) => void
  stop: () => void
}

interface Connection {
  readonly timeoutMs: number
  readonly isConnected: boolean
}

/** Pushes that may wait for a join. */
const MAX_WAITING = 100

/** The pushes of a topic: each is sent once at the most, and each ends. */
export class Pushes {
  readonly #topic: string
  readonly #link: Connection
  readonly #waiting = new Set<Push>()
  /** By the ref that phoenix.js gave. */
  readonly #sent = new Map<unknown, Push>()
  #channel: PhoenixChannel | undefined

  constructor(topic: string, link: Connection) {
    this.#topic = topic
    this.#link = link
  }

  push(event: string, payload: unknown, state: ChannelState): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const push: Push = { event, payload, resolve, reject, stop: () => {} }
      if (state === 'closed') this.#fail(push, 'closed')
      else if (this.#canSend(this.#channel)) this.#send(this.#channel, push)
      else if (this.#waiting.size >= MAX_WAITING) this.#fail(push, 'overloaded')
      else this.#wait(push)
    })
  }

  /** It is joined: what waited is sent, in order. */
  open(channel: PhoenixChannel): void {
    this.#channel = channel
    for (const push of this.#waiting) {
      push.stop()
      this.#send(channel, push)
    }
    this.#waiting.clear()
  }

  answered(ref: unknown, status: string, response: unknown): void {
    const push = this.#sent.get(ref)
    if (push === undefined) return
    this.#sent.delete(ref)
    if (status === 'ok') push.resolve(response)
    else this.#fail(push, reasonOf(status, response), response)
  }

  /** It is not joined any more: what was sent is not answered. */
  interrupt(): void {
    this.#channel = undefined
    for (const push of this.#sent.values()) this.#fail(push, 'interrupted')
    this.#sent.clear()
  }

  close(): void {
    this.interrupt()
    for (const push of this.#waiting) {
      push.stop()
      this.#fail(push, 'closed')
    }
    this.#waiting.clear()
  }

  /** phoenix.js would keep it, and send it after the next join. */
  #canSend(channel: PhoenixChannel | undefined): channel is PhoenixChannel {
    return channel?.state === 'joined' && this.#link.isConnected
  }

  #wait(push: Push): void {
    push.stop = after(this.#link.timeoutMs, () => {
      this.#waiting.delete(push)
      this.#fail(push, 'offline')
    })
    this.#waiting.add(push)
  }

  #send(channel: PhoenixChannel, push: Push): void {
    const sent = channel.push(push.event, payloadOf(push.payload), this.#link.timeoutMs)
    const { ref } = sent as PhoenixPush & { readonly ref: string }
    this.#sent.set(ref, push)
    sent.receive('timeout', () => {
      if (this.#sent.delete(ref)) this.#fail(push, 'timeout')
    })
  }

  #fail({ event, reject }: Push, reason: string, response?: unknown): void {
    reject(new ChannelError(this.#topic, event, reason, response))
  }
}

/** phoenix.js carries an `ArrayBuffer` as bytes, and nothing for `undefined`. */
function payloadOf(payload: unknown): object {
  return (isBytes(payload) ? new Uint8Array(payload).buffer : (payload ?? {})) as object
}
