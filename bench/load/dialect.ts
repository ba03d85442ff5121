import { PLACEHOLDER } from './sequence.ts'

/** The words of the load to a server and the way to read the answers. Numbered messages are read by `sequence.ts`. */
export interface Dialect {
  readonly name: string
  /** Path and query of the upgrade request. */
  readonly path: string
  /** The extensions that the upgrade offers. @default none */
  readonly extensions?: string
  /** The words of the server unasked after the upgrade, each by its first characters, and the answer to it. */
  readonly opening: readonly { readonly awaits: string; readonly answer?: string }[]
  /** The frame that joins `topic`. `ref` is unique on its connection. */
  join(topic: string, ref: number): string
  /** The ref of the join that `text` accepts, or undefined where it says something else. @throws on a refusal */
  joined(text: string): number | undefined
  /** A push with {@link PLACEHOLDER} for the message's number; `joinRef` is the ref that joined the topic. */
  push(topic: string, joinRef: number, event: 'say' | 'echo', payload: string): string | Uint8Array
  /** True where a join asks for the positions of entries. */
  readonly asksPositions?: boolean
  /** The frame that answers a keep-alive of the server, or undefined where `text` is none. */
  pong?(text: string): string | undefined
}

/** Phoenix V2 JSON: `[join_ref, ref, topic, event, payload]`. */
export const phoenixV2: Dialect = {
  name: 'phoenix-v2',
  path: '/socket/websocket?vsn=2.0.0',
  opening: [],
  join: (topic, ref) => JSON.stringify([String(ref), String(ref), topic, 'phx_join', {}]),
  joined(text) {
    const [, ref, , event, payload] = JSON.parse(text) as [unknown, string, string, string, PhoenixReply]
    return acceptedRef(event, ref, payload, text)
  },
  push: (topic, joinRef, event, payload) =>
    `["${joinRef}","${PLACEHOLDER}","${topic}","${event}",${payload}]`,
}

/** The same, of a client that asks for the positions of entries. */
export const phoenixV2Positions: Dialect = {
  ...phoenixV2,
  name: 'phoenix-v2-positions',
  asksPositions: true,
  join: (topic, ref) => JSON.stringify([String(ref), String(ref), topic, 'phx_join', { $resume: true }]),
}

/**
 * The same, of a client that offers compression. Without contexts, so that the load can check what each of a thousand is sent; ws
 * keeps its deflaters nevertheless.
 */
export const phoenixV2Deflate: Dialect = {
  ...phoenixV2,
  name: 'phoenix-v2-deflate',
  extensions: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
}

/** Phoenix V2 with binary pushes: `00`, four lengths, join_ref, ref, topic, event, data. Joins stay text. */
export const phoenixBinary: Dialect = {
  ...phoenixV2,
  name: 'phoenix-v2-binary',
  push(topic, joinRef, event, payload) {
    const heads = [String(joinRef), PLACEHOLDER, topic, event].map((text) => Buffer.from(text))
    return Buffer.concat([
      Buffer.from([0, ...heads.map((head) => head.length)]),
      ...heads,
      Buffer.from(payload),
    ])
  },
}

/** Phoenix V1 JSON: `{topic, event, payload, ref}`. */
export const phoenixV1: Dialect = {
  name: 'phoenix-v1',
  path: '/socket/websocket?vsn=1.0.0',
  opening: [],
  join: (topic, ref) => JSON.stringify({ topic, event: 'phx_join', payload: {}, ref: String(ref) }),
  joined(text) {
    const { event, ref, payload } = JSON.parse(text) as { event: string; ref: string; payload: PhoenixReply }
    return acceptedRef(event, ref, payload, text)
  },
  push: (topic, _joinRef, event, payload) =>
    `{"topic":"${topic}","event":"${event}","payload":${payload},"ref":"${PLACEHOLDER}"}`,
}

/** Socket.IO 5 over Engine.IO 4: `42<ack>[event, …args]`, answered by `43<ack>[…args]`. */
export const socketIo: Dialect = {
  name: 'socket.io',
  path: '/socket.io/?EIO=4&transport=websocket',
  opening: [{ awaits: '0{', answer: '40' }, { awaits: '40{' }],
  join: (topic, ref) => `42${ref}["join","${topic}"]`,
  joined(text) {
    const ack = /^43(\d+)\[\]$/.exec(text)
    return ack === null ? undefined : Number(ack[1])
  },
  push: (topic, _joinRef, event, payload) =>
    `42${event === 'echo' ? PLACEHOLDER : ''}["${event}","${topic}",${payload}]`,
  pong: (text) => (text === '2' ? '3' : undefined),
}

interface PhoenixReply {
  readonly status?: string
}

function acceptedRef(event: string, ref: string, payload: PhoenixReply, text: string): number | undefined {
  if (event !== 'phx_reply') return undefined
  if (payload.status !== 'ok') throw new Error(`join refused: ${text}`)
  return Number(ref)
}
