import { readFields } from '../ground/argument.ts'
import { type Fields, refuseOption, section } from '../ground/option-checks.ts'
import { copyJson, isJsonObject, type Json, type JsonObject } from './json.ts'

/** A field of the application's own, in any object of the document. */
export interface Extensions {
  readonly [extension: `x-${string}`]: unknown
}

/** The Info Object of AsyncAPI: what the document is of. */
export interface AsyncApiInfo extends Extensions {
  readonly title: string
  /** The version of the application's contract. */
  readonly version: string
  /** Markdown. */
  readonly description?: string | undefined
  readonly termsOfService?: string | undefined
  readonly contact?: object | undefined
  readonly license?: object | undefined
  readonly tags?: readonly object[] | undefined
  readonly externalDocs?: object | undefined
}

/** The Server Object of AsyncAPI. The path of the entrance is put behind its `pathname`. */
export interface AsyncApiServer extends Extensions {
  /** The name, with the port where it is not that of the protocol: `chat.example.com`. */
  readonly host: string
  /** @default 'wss' */
  readonly protocol?: 'ws' | 'wss' | undefined
  readonly protocolVersion?: string | undefined
  /** The path that a proxy puts before those of the application: `/api`. @default none */
  readonly pathname?: string | undefined
  readonly title?: string | undefined
  readonly summary?: string | undefined
  readonly description?: string | undefined
  readonly variables?: object | undefined
  /** Security Scheme Objects, of which one is enough. @default both ways of a Phoenix client, where there is a `connect` */
  readonly security?: readonly object[] | undefined
  readonly tags?: readonly object[] | undefined
  readonly externalDocs?: object | undefined
}

/** The part of a document that the application alone knows. */
export interface AsyncApiOptions {
  readonly info: AsyncApiInfo
  /** Where the application is reached, by names of your own. @default one, whose host is a variable */
  readonly servers?: { readonly [name: string]: AsyncApiServer } | undefined
}

/** {@link AsyncApiOptions} checked, as JSON. */
export interface ResolvedAsyncApiOptions {
  readonly info: JsonObject
  readonly servers: ReadonlyMap<string, JsonObject> | undefined
}

type Kind = 'text' | 'object' | 'list'

const INFO: Readonly<Record<string, Kind>> = {
  title: 'text',
  version: 'text',
  description: 'text',
  termsOfService: 'text',
  contact: 'object',
  license: 'object',
  tags: 'list',
  externalDocs: 'object',
}

const SERVER: Readonly<Record<string, Kind>> = {
  host: 'text',
  protocol: 'text',
  protocolVersion: 'text',
  pathname: 'text',
  title: 'text',
  summary: 'text',
  description: 'text',
  variables: 'object',
  security: 'list',
  tags: 'list',
  externalDocs: 'object',
}

/** @throws `BERYL_ERR_OPTION_INVALID` */
export function resolveAsyncApiOptions(options: unknown): ResolvedAsyncApiOptions {
  const { info, servers } = section('asyncapi', options, ['info', 'servers'])
  return { info: infoOf(info), servers: servers === undefined ? undefined : serversOf(servers) }
}

function infoOf(given: unknown): JsonObject {
  const fields = fieldsOf('asyncapi.info', given, INFO, 'an object with title and version')
  for (const name of ['title', 'version'])
    if (fields[name] === undefined || fields[name] === '')
      refuseOption(`asyncapi.info.${name}`, `the ${name} of your application's contract`, fields[name])
  return fields
}

function serversOf(given: unknown): ReadonlyMap<string, JsonObject> {
  const wanted = 'servers by their names, such as { production: { host: "chat.example.com" } }'
  const servers = Object.entries(readFields(given) ?? refuseOption('asyncapi.servers', wanted, given))
  if (servers.length === 0) refuseOption('asyncapi.servers', `${wanted}, or nothing here`, given)
  return new Map(servers.map(([name, server]) => [name, serverOf(name, server)]))
}

function serverOf(name: string, given: unknown): JsonObject {
  const field = `asyncapi.servers.${name}`
  if (!/^[a-z\d][\w.-]*$/i.test(name))
    refuseOption(field, 'a name of letters, digits, "_", "-" and "."', name)
  const fields = fieldsOf(field, given, SERVER, 'an object with host')
  const { host, protocol = 'wss', pathname } = fields
  if (typeof host !== 'string' || !/^[^\s/?#]+$/.test(host))
    refuseOption(`${field}.host`, 'a host such as "chat.example.com" or "localhost:3000"', host)
  if (protocol !== 'ws' && protocol !== 'wss') refuseOption(`${field}.protocol`, '"ws" or "wss"', protocol)
  if (pathname !== undefined && !/^\/[^\s?#]*[^\s?#/]$/.test(String(pathname)))
    refuseOption(`${field}.pathname`, 'a path such as "/api", without a trailing slash', pathname)
  return { ...fields, protocol }
}

function fieldsOf(
  field: string,
  given: unknown,
  kinds: Readonly<Record<string, Kind>>,
  wanted: string,
): JsonObject {
  const fields: Fields = readFields(given) ?? refuseOption(field, wanted, given)
  const written: Record<string, Json> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : extensionKind(field, key, kinds)
    written[key] = jsonOf(`${field}.${key}`, kind, value)
  }
  return written
}

/** Fields of the application's own may hold any JSON. */
function extensionKind(field: string, key: string, kinds: object): undefined {
  if (/^x-[\w.-]+$/.test(key)) return undefined
  return refuseOption(`${field}.${key}`, `one of ${Object.keys(kinds).join(', ')}, or x-…`, key)
}

function jsonOf(field: string, kind: Kind | undefined, value: unknown): Json {
  const copy = readJson(value)
  if (kind === 'text' && typeof copy !== 'string') return refuseOption(field, 'a string', value)
  if (kind === 'object' && !isJsonObject(copy)) return refuseOption(field, 'an object', value)
  if (kind === 'list' && !Array.isArray(copy)) return refuseOption(field, 'an array', value)
  return copy ?? refuseOption(field, 'JSON', value)
}

/** A proxy may throw when it is looked at. */
function readJson(value: unknown): Json | undefined {
  try {
    return copyJson(value)
  } catch {
    return undefined
  }
}
