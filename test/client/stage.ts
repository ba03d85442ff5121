import { ChannelError, type Client, type ClientOptions, createClient } from 'fastify-beryl/client'
import { LongPoll, Socket } from 'phoenix'
import type { App, Orders } from './contract.ts'

// The facts that hold for the typed client, wherever it runs: this file is bundled, and runs in Node and in pages. It imports
// nothing of Node.

/** Where a fact is to be proven. It crosses as JSON. */
export interface Place {
  /** The socket of the server. */
  readonly url: string
  /** The address that takes orders. */
  readonly control: string
  /** A topic of this fact's own. */
  readonly topic: `room:${string}`
  /** @default 'websocket' */
  readonly transport?: 'websocket' | 'longpoll'
}

type Settings = ClientOptions & { readonly params?: Record<string, unknown> | (() => unknown) }

export class Stage {
  readonly place: Place
  readonly #clients: Client<App>[] = []

  constructor(place: Place) {
    this.place = place
  }

  get topic(): `room:${string}` {
    return this.place.topic
  }

  /** A client that comes back quicker than people need it. */
  client(options: Settings = {}): Client<App> {
    const client = createClient<App>(this.place.url, {
      ...this.#transport,
      reconnectAfterMs: () => 20,
      rejoinAfterMs: () => 20,
      ...(options as ClientOptions),
      params: (options.params ?? { name: this.topic }) as object,
    })
    this.#clients.push(client)
    return client
  }

  /** A channel that is joined, by a client of its own. */
  async member(name: string, options?: Settings) {
    const client = this.client(options)
    const room = client.channel(this.topic, { name })
    await room.join()
    return { client, room }
  }

  socket(): Socket {
    const options = { ...this.#transport, params: { name: this.topic } }
    return new Socket(this.place.url, options as ConstructorParameters<typeof Socket>[1])
  }

  async order<O extends keyof Orders>(
    ...order: [O, ...Parameters<Orders[O]>]
  ): Promise<ReturnType<Orders[O]>> {
    const response = await fetch(this.place.control, { method: 'POST', body: JSON.stringify(order) })
    return (await response.json()) as ReturnType<Orders[O]>
  }

  seen() {
    return this.order('seen', this.topic)
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close()
  }

  get #transport(): object {
    return this.place.transport === 'longpoll' ? { transport: LongPoll } : { transport: globalThis.WebSocket }
  }
}

/** Waits until a channel has been in a state, from now on. Asked for before what brings it about. */
export function comes(
  room: { onState(handler: (state: string) => void): () => void },
  wanted: string,
): Promise<void> {
  return new Promise((resolve) => {
    const off = room.onState((state) => {
      if (state !== wanted) return
      off()
      resolve()
    })
  })
}

/** One fact: it throws where it does not hold. */
export type Fact = (stage: Stage) => Promise<void>

export function equal(got: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(got), JSON.stringify(wanted)]
  if (one !== other) throw new Error(`wanted ${other}, got ${one}`)
}

/** Waits for an event, which is asked for again and again: 30 s at the most. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The error of what has to fail. */
export async function failure(promise: PromiseLike<unknown>): Promise<ChannelError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ChannelError) return error
    throw error
  }
  throw new Error('it did not fail')
}
