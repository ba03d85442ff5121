import type { EntranceContract } from '../node/entrances.ts'
import type { Json, JsonObject } from './json.ts'
import { freeKey, keyOf, refTo } from './names.ts'

type Entrances = ReadonlyMap<string, EntranceContract>

/** The servers of a document, and which of them are one entrance. */
export interface WrittenServers {
  readonly servers: JsonObject
  /** The path of an entrance → the keys of its servers. */
  readonly ofEntrance: ReadonlyMap<string, readonly string[]>
}

/** A server for each entrance at each place where the application is reached. */
export function writeServers(
  entrances: Entrances,
  given: ReadonlyMap<string, JsonObject> | undefined,
  isSecure: boolean,
): WrittenServers {
  const servers: Record<string, Json> = {}
  const ofEntrance = new Map<string, string[]>()
  const [first] = entrances.keys()
  for (const [path, contract] of entrances) {
    const own = given ?? new Map([['', anywhere(isSecure)]])
    const keys = Array.from(own, ([name, server]) => {
      const isPlain = given !== undefined && path === first
      const plain = isPlain ? name : [name, keyOfPath(path)].filter(Boolean).join('.')
      return waysOf(contract).map((way) => {
        const key = freeKey(servers, `${plain}${way.key}`)
        servers[key] = serverAt(path, server, way, contract.hasConnect)
        return key
      })
    })
    ofEntrance.set(path, keys.flat())
  }
  return { servers, ofEntrance }
}

/** A way in at an entrance. */
interface Way {
  /** Behind the key of the server. */
  readonly key: string
  readonly path: string
  readonly protocols: Readonly<Record<string, string>>
  /** The security scheme of the token. */
  readonly token: string
}

const WEBSOCKET: Way = {
  key: '',
  path: '/websocket',
  protocols: { ws: 'ws', wss: 'wss' },
  token: 'authToken',
}
const LONG_POLL: Way = {
  key: '.longpoll',
  path: '/longpoll',
  protocols: { ws: 'http', wss: 'https' },
  token: 'authTokenHeader',
}

function waysOf({ hasLongPoll }: EntranceContract): readonly Way[] {
  return hasLongPoll ? [WEBSOCKET, LONG_POLL] : [WEBSOCKET]
}

/** The key of a path: `/admin/socket` is `admin.socket`. */
export function keyOfPath(path: string): string {
  return keyOf(path.slice(1).replaceAll('/', ':'))
}

function serverAt(path: string, server: JsonObject, way: Way, hasConnect: boolean): JsonObject {
  const { pathname = '', protocol, ...others } = server
  const security = [way.token, 'params'].map((scheme) => refTo('components', 'securitySchemes', scheme))
  return {
    ...others,
    protocol: way.protocols[String(protocol)] ?? '',
    pathname: `${pathname}${path}${way.path}`,
    ...(hasConnect && !('security' in server) && { security }),
  }
}

function anywhere(isSecure: boolean): JsonObject {
  return {
    host: '{host}',
    protocol: isSecure ? 'wss' : 'ws',
    variables: { host: { default: 'localhost:3000', description: 'Where the application is reached.' } },
  }
}

/** The ways in which a client can say who it is. Which of them `connect` of the application reads, it alone knows. */
export const SECURITY_SCHEMES: JsonObject = {
  authToken: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description:
      'A token among the sub-protocols: `phoenix, base64url.bearer.phx.<token>`, the token in base64url without padding. ' +
      'phoenix.js sends its option `authToken` so.',
  },
  authTokenHeader: {
    type: 'httpApiKey',
    in: 'header',
    name: 'X-Phoenix-AuthToken',
    description: 'The same token, with long polling.',
  },
  params: {
    type: 'httpApiKey',
    in: 'query',
    name: 'token',
    description: 'A parameter of the URL, `token` by custom. phoenix.js sends its option `params` so.',
  },
}
