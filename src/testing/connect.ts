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
  type InProcessMount,
  type InProcessRefusal,
  mountsOf,
} from '../transport/in-process.ts'
import { TestClient } from './client.ts'

/** Any Fastify instance, whatever its server (HTTP/2, TLS), its logger (pino's own type) and its type provider. */
export interface AnyFastify {
  readonly server: object
  ready(): PromiseLike<unknown>
  inject(request: {
    url: string
    headers: Record<string, string>
    remoteAddress?: string | undefined
  }): PromiseLike<Answer>
}

/** The introduction of a client, and the patience of its tests. */
export interface ConnectOptions {
  /** The query of the URL: what `connect` sees as `params`. Nested as Phoenix nests them. @default {} */
  readonly params?: Readonly<Record<string, unknown>> | undefined
  /** The token that phoenix.js takes as `authToken`. @default none */
  readonly authToken?: string | undefined
  /** The version of the protocol. @default '2.0.0' */
  readonly vsn?: string | undefined
  /** Headers of the request, such as `cookie`, `authorization` or `origin`. @default {} */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The address that the client has. @default '127.0.0.1' */
  readonly remoteAddress?: string | undefined
  /**
   * Where to come in: the path of an entrance, with the prefix of its scope. @default that of the instance, else the only
   * one in the scopes below it
   */
  readonly path?: string | undefined
  /** After how many milliseconds of real time an expectation gives up. @default 5000 */
  readonly timeoutMs?: number | undefined
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
 * @param app An instance with fastify-beryl, or with a scope that has it, ready or not.
 * @throws {@link ConnectRefused} with the status that the request was answered with; `BERYL_ERR_ARGUMENT`,
 *   `BERYL_ERR_OPTION_INVALID`
 */
export async function connect(app: AnyFastify, options: ConnectOptions = {}): Promise<TestClient> {
  const given = checkConnectOptions(options)
  const root = await readied(app)
  const mounts = mountsFor(app)
  const mount = mountFor(app, mounts, given.path)
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
    url: urlOf(given.path ?? mount.path, given),
    headers: { ...headersOf(given), [CLIENT_KEY_HEADER]: key },
    ...(given.remoteAddress === undefined ? {} : { remoteAddress: given.remoteAddress }),
  })
  forgetClient(key)
  if (connection === undefined)
    throw new ConnectRefused(response, refusal, `no entrance has this path, but ${pathsOf(mounts)}`)
  const { channels } = mount.scope
  return new TestClient(channels, codecOf(given), connection, given.timeoutMs ?? DEFAULT_TIMEOUT_MS)
}

/** The outermost instance, ready: the `ready` of a scope runs no `onReady` hooks, on which the tree starts. */
async function readied(app: AnyFastify): Promise<AnyFastify> {
  if (!isFastify(app)) refuseArgument('connect', 'app', 'a Fastify instance', app)
  const root = rootOf(app)
  await root.ready()
  return root
}

function isFastify(app: unknown): boolean {
  try {
    return typeof app === 'object' && app !== null && typeof Reflect.get(app, 'ready') === 'function'
  } catch {
    return false
  }
}

/** The mounts that an instance reaches: in the scopes around it, whose decorators it sees, and in those below it. */
function mountsFor(app: AnyFastify): readonly InProcessMount[] {
  return mountsOf(app.server).filter(({ scope }) => isWithin(app, scope) || isWithin(scope, app))
}

/**
 * The mount at a path; without one that of the innermost scope around the instance, else the only one below it. Where none has
 * the path, any: the answer will say so.
 *
 * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_OPTION_INVALID`
 */
function mountFor(
  app: AnyFastify,
  mounts: readonly InProcessMount[],
  path: string | undefined,
): InProcessMount {
  const [first = refuseArgument('connect', 'app', WITH_BERYL, app), ...others] = mounts
  if (path !== undefined) return mounts.find((mount) => mount.path === path) ?? first
  const around = mounts.filter(({ scope }) => isWithin(app, scope))
  const own = around.find(({ scope }) => around.every((other) => isWithin(scope, other.scope)))
  if (own !== undefined || others.length === 0) return own ?? first
  return refuseOption('path', `one of the mounts: ${pathsOf(mounts)}`, path)
}

function pathsOf(mounts: readonly InProcessMount[]): string {
  return mounts.map((mount) => mount.path).join(', ')
}

const WITH_BERYL =
  'a Fastify instance that has fastify-beryl, itself or in a scope: await app.register(beryl, { channels })'

/** True for an instance and for all that are encapsulated in it: Fastify makes those with it as their prototype. */
function isWithin(inner: object, outer: object): boolean {
  return inner === outer || Object.prototype.isPrototypeOf.call(outer, inner)
}

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

function urlOf(path: string, { params, vsn = DEFAULT_VERSION }: ConnectOptions): string {
  return `${path}/websocket?${qs.stringify({ ...params, vsn })}`
}

function headersOf({ headers, authToken }: ConnectOptions): Record<string, string> {
  if (authToken === undefined) return { ...headers }
  const token = Buffer.from(authToken).toString('base64url')
  return { 'sec-websocket-protocol': `phoenix, base64url.bearer.phx.${token}`, ...headers }
}

/** Unknown versions are the server's to refuse. */
function codecOf({ vsn = DEFAULT_VERSION }: ConnectOptions): ClientCodec {
  return vsn.startsWith('1.') ? clientV1 : clientV2
}
