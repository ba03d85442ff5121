import './self.ts'
import assert from 'node:assert/strict'
import type { BerylOptions } from 'fastify-beryl'
import * as phoenix18 from 'phoenix'
// @ts-expect-error the alias has no types
import * as phoenix17 from 'phoenix-1.7'
// @ts-expect-error the package has no types
import phoenixChannels from 'phoenix-channels'
import { WebSocket } from 'ws'
import type { Tool } from '../support/need.ts'
import { Agent, type Library } from './agent.ts'
import { ChromiumClients } from './chromium-clients.ts'
import type { Client } from './client.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { readBinary } from './read-binary.ts'
import type { ClientServer } from './server.ts'
import type { EndCodes } from './suite.ts'
import { NodeXhr } from './xhr.ts'

/** Where the clients of one kind come from. */
export interface ClientSource {
  /** The address of the server for these clients, where it is not its own. */
  readonly url?: string
  open(): Promise<Client>
  close(): Promise<void>
}

/** One client library, and what it cannot do: the names of facts of the suite, each with the reason. */
export interface ClientKind {
  readonly name: string
  readonly needs: readonly Tool[]
  readonly skips: Readonly<Record<string, string>>
  readonly codes: EndCodes
  /** Of the server. */
  readonly options?: BerylOptions
  start(server: ClientServer): Promise<ClientSource>
}

const NO_AUTH_TOKEN = 'authToken came with phoenix 1.8'
const V1_ONLY = 'it speaks version 1 of the protocol, which has no binary frames'
const OF_WEBSOCKETS: EndCodes = { restart: [1012], disconnect: [1001] }
/** The client's own word for a poll that is answered 410. */
const SESSION_GONE: EndCodes = { restart: [3410, 1011], disconnect: [3410] }
const OLD_SESSION_GONE: EndCodes = { restart: [1011], disconnect: [1011] }
/** It hears the end of the WebSocket that it has left, too. */
const OLD_SESSION_GONE_BEHIND: EndCodes = { restart: [1011, 1006], disconnect: [1011, 1006] }
const NO_HEARTBEATS = { 'gets its heartbeats answered': 'a client that polls sends none' }
const OF_OLD_POLLERS = {
  ...NO_HEARTBEATS,
  'carries the authToken to connect, in the sub-protocol': NO_AUTH_TOKEN,
}
const NO_PRESENCE = 'its Presence is two functions over the state: no onJoin, onLeave, onSync'

interface RejoiningChannel {
  readonly rejoinTimer: { scheduleTimeout(): void }
  rejoin(): void
  rejoinUntilConnected(): void
}

/**
 * phoenix-channels goes on with its heartbeat after a disconnect, for ever: no process that uses it would end. And it goes on
 * to join again while it waits for the answer: where that takes longer than `reconnectAfterMs`, it forgets the ref by which it
 * would know any answer, and is closed for good by the end of its own former join.
 */
class QuietSocket extends (phoenixChannels.Socket as Library['Socket']) {
  declare heartbeatTimer: NodeJS.Timeout
  declare isConnected: () => boolean

  override channel(topic: string, params: object): ReturnType<InstanceType<Library['Socket']>['channel']> {
    const channel = super.channel(topic, params)
    const rejoining = channel as unknown as RejoiningChannel
    rejoining.rejoinUntilConnected = () => {
      if (this.isConnected()) rejoining.rejoin()
      else rejoining.rejoinTimer.scheduleTimeout()
    }
    return channel
  }

  override disconnect(callback: () => void): void {
    clearInterval(this.heartbeatTimer)
    super.disconnect(callback)
  }
}

export const clientKinds: readonly ClientKind[] = [
  inNode('phoenix 1.8.16', phoenix18 as unknown as Omit<Library, 'options'>),
  inNode('phoenix 1.7', phoenix17 as Omit<Library, 'options'>, {
    'carries the authToken to connect, in the sub-protocol': NO_AUTH_TOKEN,
  }),
  inNode(
    'phoenix-channels 1.0.0',
    { Socket: QuietSocket, Presence: undefined },
    {
      'carries the authToken to connect, in the sub-protocol': NO_AUTH_TOKEN,
      'pushes bytes, and gets bytes': V1_ONLY,
      'hears bytes that are broadcast': V1_ONLY,
      'sees who is there, who comes, and who leaves': NO_PRESENCE,
      'sees that somebody changed, and never that they were away': NO_PRESENCE,
      'sees two tabs of one user as one key with two metas': NO_PRESENCE,
      'has the right list of presences after a restart of the server': NO_PRESENCE,
    },
  ),
  {
    name: 'phoenix 1.8.16 in Chromium',
    needs: ['chromium'],
    skips: {},
    codes: OF_WEBSOCKETS,
    start: (server) => ChromiumClients.launch(server, '/phoenix'),
  },
  compressed(inNode('phoenix 1.8.16, compressed', phoenix18 as unknown as Omit<Library, 'options'>)),
  compressed({
    name: 'phoenix 1.8.16 in Chromium, compressed',
    needs: ['chromium'],
    skips: {},
    codes: OF_WEBSOCKETS,
    start: (server) => ChromiumClients.launch(server, '/phoenix'),
  }),
  {
    name: 'phoenix 1.8.16 by long polling',
    needs: [],
    skips: NO_HEARTBEATS,
    codes: SESSION_GONE,
    start: async () => polling(phoenix18 as unknown as PollingLibrary),
  },
  {
    name: 'phoenix 1.7 by long polling',
    needs: [],
    skips: OF_OLD_POLLERS,
    codes: OLD_SESSION_GONE,
    start: () => withXhr(() => polling(phoenix17 as PollingLibrary)),
  },
  {
    name: 'phoenix 1.8.16 by long polling in Chromium',
    needs: ['chromium'],
    skips: NO_HEARTBEATS,
    codes: SESSION_GONE,
    start: (server) => ChromiumClients.launch(server, '/phoenix/polling'),
  },
  {
    name: 'phoenix 1.8.16 behind a proxy that cuts WebSockets, by its own fallback',
    needs: [],
    skips: NO_HEARTBEATS,
    codes: SESSION_GONE,
    start: (server) => fallingBack(server, phoenix18 as unknown as PollingLibrary),
  },
  {
    name: 'phoenix 1.7 behind a proxy that cuts WebSockets, by its own fallback',
    needs: [],
    skips: OF_OLD_POLLERS,
    codes: OLD_SESSION_GONE_BEHIND,
    start: (server) => withXhr(() => fallingBack(server, phoenix17 as PollingLibrary)),
  },
  {
    name: 'phoenix 1.7 by long polling in Chromium',
    needs: ['chromium'],
    skips: OF_OLD_POLLERS,
    codes: OLD_SESSION_GONE,
    start: (server) => ChromiumClients.launch(server, '/phoenix-1.7/polling'),
  },
  {
    name: 'phoenix 1.8.16 behind a proxy that cuts WebSockets, in Chromium',
    needs: ['chromium'],
    skips: NO_HEARTBEATS,
    codes: SESSION_GONE,
    start: (server) => fallingBackInChromium(server, '/phoenix/falling-back'),
  },
  {
    name: 'phoenix 1.7 behind a proxy that cuts WebSockets, in Chromium',
    needs: ['chromium'],
    skips: OF_OLD_POLLERS,
    codes: OLD_SESSION_GONE_BEHIND,
    start: (server) => fallingBackInChromium(server, '/phoenix-1.7/falling-back'),
  },
]

/** As it is, and every message that becomes smaller so is compressed, both ways. */
function compressed(kind: ClientKind): ClientKind {
  return {
    ...kind,
    options: { compression: { mode: 'shared', thresholdBytes: 1 } },
    async start(server) {
      const source = await kind.start(server)
      return {
        open: () => source.open(),
        async close() {
          await source.close()
          assert.deepEqual([...server.extensions], ['permessage-deflate'])
        },
      }
    },
  }
}

type PollingLibrary = Omit<Library, 'options'> & { readonly LongPoll: unknown }

async function polling({ Socket, Presence, LongPoll }: PollingLibrary): Promise<ClientSource> {
  const library = {
    Socket,
    Presence,
    rejoinMs: 500,
    prepare: await readBinary(),
    options: { transport: LongPoll },
  }
  return { open: async () => new Agent(library), close: async () => {} }
}

/** phoenix.js 1.7 knows no fetch. */
async function withXhr(start: () => Promise<ClientSource>): Promise<ClientSource> {
  const before = Reflect.get(globalThis, 'XMLHttpRequest')
  Reflect.set(globalThis, 'XMLHttpRequest', NodeXhr)
  const source = await start()
  return {
    ...source,
    async close() {
      Reflect.set(globalThis, 'XMLHttpRequest', before)
      await source.close()
    },
  }
}

/** WebSockets open, and carry nothing: phoenix.js pings, hears nothing, and polls. */
async function fallingBack(
  server: ClientServer,
  { Socket, Presence }: PollingLibrary,
): Promise<ClientSource> {
  const proxy = await cuttingProxy(server)
  const prepare = await readBinary()
  // Each its own memory of having fallen back, as windows have: Node 26 has one for the process.
  const open = async (): Promise<Client> => {
    const options = { transport: WebSocket, longPollFallbackMs: 300, sessionStorage: new Memory() }
    return new Agent({ Socket, Presence, rejoinMs: 500, prepare, options })
  }
  return {
    url: socketBehind(proxy),
    open,
    async close() {
      await proxy.close()
      haveOpened(proxy)
    },
  }
}

/** As much of a window's `sessionStorage` as phoenix.js wants. */
class Memory extends Map<string, string> {
  getItem(key: string): string | null {
    return this.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.set(key, value)
  }
}

/** As {@link fallingBack}; the pages come through the proxy, too. */
async function fallingBackInChromium(server: ClientServer, page: string): Promise<ClientSource> {
  const proxy = await cuttingProxy(server)
  const clients = await ChromiumClients.launch({ origin: `127.0.0.1:${proxy.port}` }, page)
  return {
    url: socketBehind(proxy),
    open: () => clients.open(),
    async close() {
      await clients.close()
      await proxy.close()
      haveOpened(proxy)
    },
  }
}

function cuttingProxy(server: ClientServer): Promise<CuttingProxy> {
  return CuttingProxy.start(() => Number(server.origin.split(':')[1]))
}

function socketBehind({ port }: CuttingProxy): string {
  return `ws://127.0.0.1:${port}/socket`
}

/** One at least of each fact, as a client begins with it. */
function haveOpened({ opened }: CuttingProxy): void {
  assert.ok(opened >= 10, `WebSockets opened: ${opened}`)
}

function inNode(
  name: string,
  { Socket, Presence }: Omit<Library, 'options'>,
  skips: ClientKind['skips'] = {},
): ClientKind {
  const library = { Socket, Presence, options: { transport: WebSocket } }
  const open = async (): Promise<Client> => new Agent(library)
  return {
    name,
    needs: [],
    skips,
    codes: OF_WEBSOCKETS,
    start: async () => ({ open, close: async () => {} }),
  }
}
