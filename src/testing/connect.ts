import type { FastifyInstance } from 'fastify'
import qs from 'qs'
import { type ClientCodec, clientV1, clientV2 } from '../client/codec.ts'
import { readFields, refuseArgument } from '../ground/argument.ts'
import { isObject, refuseOption, section, whole } from '../ground/option-checks.ts'
import { rootOf } from '../transport/closing.ts'
import {
  announceClient,
  CLIENT_KEY_HEADER,
  forgetClient,
  type InProcessConnection,
  type InProcessRefusal,
} from '../transport/in-process.ts'
import { TestClient } from './client.ts'

/** The introduction of a client, and the patience of its tests. */
export interface ConnectOptions {
  /** The query of the URL: what `connect` sees as `params`. Nested as Phoenix nests them. @default {} */
  readonly params?: Readonly<Record<string, unknown>>
  /** The token that phoenix.js takes as `authToken`. @default none */
  readonly authToken?: string
  /** The version of the protocol. @default '2.0.0' */
  readonly vsn?: string
  /** Headers of the request, such as `cookie`, `authorization` or `origin`. @default {} */
  readonly headers?: Readonly<Record<string, string>>
  /** The address that the client has. @default '127.0.0.1' */
  readonly remoteAddress?: string
  /** Where to come in: the path of an entrance, with the prefix of its scope. @default app.channels.path */
  readonly path?: string
  /** After how many milliseconds of real time an expectation gives up. @default 5000 */
  readonly timeoutMs?: number
}

/** The answer to a request that was refused. */
interface Answer {
  readonly statusCode: number
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>
}

/**
 * The client was not let in. Where `connect` rejected or threw, `cause` is what it gave to `reject`, or the error.
 */
export class ConnectRefused extends Error {
  override readonly name = 'ConnectRefused'
  readonly statusCode: number
  /**
   * Why, as the log has it: `origin`, `vsn`, `subprotocol`, `connect` (it rejected), `expired`, `error` (it threw), the limit
   * that was reached, or the state of a server that takes no clients. `undefined` where Fastify or a hook of yours answered.
   */
  readonly reason: string | undefined
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>

  constructor({ statusCode, body, headers }: Answer, why?: InProcessRefusal, entrances = '') {
    const detail = statusCode === 404 ? entrances : body === '' ? why?.reason : body
    const cause = why !== undefined && 'error' in why ? { cause: why.error } : undefined
    super(`the connection was refused with ${statusCode}${detail === undefined ? '' : `: ${detail}`}`, cause)
    this.statusCode = statusCode
    this.reason = why?.reason
    this.body = body
    this.headers = headers
  }
}

/**
 * Connects a client without a network. Its request takes the way of every other: through Fastify's hooks, the origin
 * check and `connect`, into a session of its own. Nothing listens on a port; what belongs to the socket alone (frames of
 * the wrong size, compression, slow readers) has to be tested with one.
 *
 * @param app An instance with fastify-beryl, ready or not.
 * @throws {@link ConnectRefused} with the status that the request was answered with; `BERYL_ERR_ARGUMENT`,
 *   `BERYL_ERR_OPTION_INVALID`
 */
export async function connect(app: FastifyInstance, options: ConnectOptions = {}): Promise<TestClient> {
  const given = checkConnectOptions(options)
  const root = await readied(app)
  let connection: InProcessConnection | undefined
  let refusal: InProcessRefusal | undefined
  const key = announceClient({
    admitted: (own) => {
      connection = own
    },
    refused: (why) => {
      refusal = why
    },
  })
  const response = await root.inject({
    url: urlOf(app, given),
    headers: { ...headersOf(given), [CLIENT_KEY_HEADER]: key },
    ...(given.remoteAddress === undefined ? {} : { remoteAddress: given.remoteAddress }),
  })
  forgetClient(key)
  if (connection === undefined) throw new ConnectRefused(response, refusal, entrancesOf(app))
  return new TestClient(app, codecOf(given), connection, given.timeoutMs ?? DEFAULT_TIMEOUT_MS)
}

/**
 * The outermost instance, ready: the `ready` of a scope runs no `onReady` hooks, on which the tree starts.
 *
 * @throws `BERYL_ERR_ARGUMENT` where that is none, or has no fastify-beryl
 */
async function readied(app: FastifyInstance): Promise<FastifyInstance> {
  const wanted = 'a Fastify instance with fastify-beryl'
  if (!isApp(app, 'ready')) refuseArgument('connect', 'app', wanted, app)
  const root = rootOf(app)
  await root.ready()
  if (!isApp(app, 'channels')) refuseArgument('connect', 'app', wanted, app)
  return root
}

function isApp(app: unknown, member: 'ready' | 'channels'): boolean {
  try {
    return typeof app === 'object' && app !== null && typeof Reflect.get(app, member) === KINDS[member]
  } catch {
    return false
  }
}

const KINDS = { ready: 'function', channels: 'object' } as const

/** @throws `BERYL_ERR_OPTION_INVALID` */
function checkConnectOptions(options: unknown): ConnectOptions {
  const given = section('options', options, [...TEXTS, 'params', 'headers', 'timeoutMs'])
  for (const field of TEXTS) {
    if (given[field] !== undefined && typeof given[field] !== 'string')
      refuseOption(field, 'a string', given[field])
  }
  if (given.params !== undefined && !isObject(given.params)) refuseOption('params', 'an object', given.params)
  const headers = given.headers === undefined ? {} : readFields(given.headers)
  if (headers === undefined || Object.values(headers).some((value) => typeof value !== 'string'))
    refuseOption('headers', 'an object of strings', given.headers)
  whole('timeoutMs', given.timeoutMs, DEFAULT_TIMEOUT_MS, 1)
  return given as ConnectOptions
}

const TEXTS = ['authToken', 'vsn', 'remoteAddress', 'path'] as const

const DEFAULT_TIMEOUT_MS = 5_000
const DEFAULT_VERSION = '2.0.0'

function urlOf(app: FastifyInstance, { params, vsn = DEFAULT_VERSION, path }: ConnectOptions): string {
  return `${path ?? app.channels.path}/websocket?${qs.stringify({ ...params, vsn })}`
}

function headersOf({ headers, authToken }: ConnectOptions): Record<string, string> {
  if (authToken === undefined) return { ...headers }
  const token = Buffer.from(authToken).toString('base64url')
  return { 'sec-websocket-protocol': `phoenix, base64url.bearer.phx.${token}`, ...headers }
}

/** For whoever knocks where there is none. */
function entrancesOf(app: FastifyInstance): string {
  const paths = app.channels.status().entrances.map(({ path }) => path)
  return `no entrance has this path, but ${paths.join(', ')}`
}

/** Unknown versions are the server's to refuse. */
function codecOf({ vsn = DEFAULT_VERSION }: ConnectOptions): ClientCodec {
  return vsn.startsWith('1.') ? clientV1 : clientV2
}
