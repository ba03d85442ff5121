import type { Answer, Client, ConnectOptions } from './client.ts'

// Runs in Node and, stripped of its types, in a browser's page: it must import nothing at run time.

/** As much of a Phoenix client library as all versions have in common. */
export interface Library {
  readonly Socket: new (url: string, options: object) => LibrarySocket
  readonly Presence: (new (channel: LibraryChannel) => LibraryPresence) | undefined
  /** Options of the library's own, such as its transport. */
  readonly options: object
  /** Code of the application for a socket that it made. */
  readonly prepare?: (socket: object) => void
  /** Longer than a refused join takes: phoenix.js lets a channel that joins again take its topic from a newer one. @default 50 */
  readonly rejoinMs?: number
}

interface LibrarySocket {
  connect(): void
  disconnect(callback: () => void): void
  channel(topic: string, params: object): LibraryChannel
  onOpen(callback: () => void): void
  onClose(callback: (event: { code: number }) => void): void
  onError(callback: () => void): void
}

interface LibraryChannel {
  readonly state: string
  join(): LibraryPush
  leave(): LibraryPush
  push(event: string, payload: object, timeoutMs?: number): LibraryPush
  onMessage(event: string, payload: unknown): unknown
}

interface LibraryPush {
  receive(status: string, callback: (response: unknown) => void): LibraryPush
}

interface LibraryPresence {
  onJoin(callback: (key: string, before: Metas | undefined, joined: Metas) => void): void
  onLeave(callback: (key: string, after: Metas) => void): void
  onSync(callback: () => void): void
  list<T>(by: (key: string, presence: Metas) => T): T[]
}

interface Metas {
  readonly metas: readonly { readonly name: string; readonly phx_ref: string }[]
}

/** Drives one client library, and keeps all that happens until somebody asks for it. */
export class Agent implements Client {
  readonly #library: Library
  readonly #channels = new Map<string, LibraryChannel>()
  readonly #presences = new Map<string, LibraryPresence>()
  readonly #happened = new Map<string, unknown[]>()
  readonly #awaited = new Map<string, ((value: unknown) => void)[]>()
  #socket: LibrarySocket | undefined

  constructor(library: Library) {
    this.#library = library
  }

  async connect(url: string, options: ConnectOptions = {}): Promise<void> {
    const socket = new this.#library.Socket(url, {
      ...this.#library.options,
      ...options,
      // Quicker than people need it.
      reconnectAfterMs: () => 50,
      rejoinAfterMs: () => this.#library.rejoinMs ?? 50,
      logger: (kind: string, message: string) => {
        if (kind === 'receive' && message.includes('phoenix phx_reply')) this.#happen('heartbeat')
      },
    })
    this.#library.prepare?.(socket)
    socket.onOpen(() => this.#happen('open'))
    socket.onClose(({ code }) => this.#happen('close', code))
    socket.onError(() => this.#happen('error'))
    this.#socket = socket
    socket.connect()
  }

  join(topic: string, params: object = {}): Promise<Answer> {
    const channel = this.#connected.channel(topic, params)
    this.#channels.set(topic, channel)
    channel.onMessage = (event, payload) => {
      this.#happen(`${topic} ${event}`, portable(payload))
      return payload
    }
    this.#watchPresence(topic, channel)
    const push = channel.join()
    push.receive('ok', (reply) => this.#happen(`${topic} joined`, reply))
    return answer(push)
  }

  push(topic: string, event: string, payload: object = {}): Promise<Answer> {
    return answer(this.#channel(topic).push(event, payload))
  }

  async send(topic: string, event: string): Promise<void> {
    this.#channel(topic).push(event, {}, 1)
  }

  pushBytes(topic: string, event: string, bytes: readonly number[]): Promise<Answer> {
    return answer(this.#channel(topic).push(event, new Uint8Array(bytes).buffer))
  }

  leave(topic: string): Promise<Answer> {
    return answer(this.#channel(topic).leave())
  }

  async present(topic: string): Promise<Record<string, string[]>> {
    const list = this.#presences.get(topic)?.list((key, { metas }) => [key, metas.map(({ name }) => name)])
    return Object.fromEntries(list ?? [])
  }

  async state(topic: string): Promise<string> {
    return this.#channel(topic).state
  }

  next(name: string): Promise<unknown> {
    const happened = this.#happened.get(name) ?? []
    if (happened.length > 0) return Promise.resolve(happened.shift())
    return new Promise((resolve) => {
      this.#awaited.set(name, [...(this.#awaited.get(name) ?? []), resolve])
    })
  }

  async disconnect(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined) return
    await new Promise<void>((resolve) => socket.disconnect(resolve))
    // Channels that are about to join again would try for ever.
    for (const channel of this.#channels.values()) if (channel.state !== 'closed') channel.leave()
  }

  get #connected(): LibrarySocket {
    if (this.#socket === undefined) throw new Error('connect first')
    return this.#socket
  }

  #channel(topic: string): LibraryChannel {
    const channel = this.#channels.get(topic)
    if (channel === undefined) throw new Error(`join ${topic} first`)
    return channel
  }

  #watchPresence(topic: string, channel: LibraryChannel): void {
    if (this.#library.Presence === undefined) return
    const presence = new this.#library.Presence(channel)
    this.#presences.set(topic, presence)
    // A client that joins hears of itself twice, with the state and with the diff behind it, as from Phoenix.
    const known = new Set<unknown>()
    presence.onJoin((key, before, { metas }) => {
      const isNews = metas.some(({ phx_ref }) => !known.has(phx_ref))
      for (const { phx_ref } of metas) known.add(phx_ref)
      if (isNews) this.#happen(`${topic} came`, [key, before?.metas.length ?? 0])
    })
    presence.onLeave((key, after) => this.#happen(`${topic} left`, [key, after.metas.length]))
    presence.onSync(() => this.#happen(`${topic} sync`))
  }

  #happen(name: string, value: unknown = null): void {
    const [first, ...others] = this.#awaited.get(name) ?? []
    if (first === undefined) this.#happened.set(name, [...(this.#happened.get(name) ?? []), value])
    else {
      this.#awaited.set(name, others)
      first(value)
    }
  }
}

function answer(push: LibraryPush): Promise<Answer> {
  return new Promise((resolve) => {
    for (const status of ['ok', 'error', 'timeout']) {
      push.receive(status, (response) => resolve({ status, response: portable(response) }))
    }
  })
}

function portable(payload: unknown): unknown {
  return payload instanceof ArrayBuffer ? { bytes: [...new Uint8Array(payload)] } : payload
}
