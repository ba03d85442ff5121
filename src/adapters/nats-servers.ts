import { refuseOption } from '../ground/option-checks.ts'

/** Where NATS is, and who we are there. */
export interface NatsServers {
  /** `host:port`, without credentials. */
  readonly hosts: readonly string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  /** TLS is wanted; where a server demands it, it is spoken anyway. */
  readonly tls: boolean
}

const WANTED = 'an address such as nats://127.0.0.1:4222 or tls://…, or several of them in an array'
const DEFAULT_PORT = '4222'

/**
 * Takes the addresses apart: the library knows neither `user:password@` nor `tls:`.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`, which never shows an address: it may hold a password
 */
export function serversOf(given: unknown): NatsServers {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (texts.length === 0) refuseOption('nats.servers', WANTED, given)
  const urls = texts.map(urlOf)
  const [first] = urls
  if (first === undefined) return refuseOption('nats.servers', WANTED, given)
  for (const url of urls) if (!isAlike(url, first)) refuseAlike()
  const [user, pass] = [first.username, first.password].map(decoded) as [string, string]
  const credentials = pass !== '' ? { user, pass } : user !== '' ? { token: user } : {}
  return Object.freeze({
    hosts: urls.map(({ hostname, port }) => `${hostname}:${port || DEFAULT_PORT}`),
    tls: first.protocol === 'tls:',
    ...credentials,
  })
}

function urlOf(text: unknown): URL {
  if (typeof text !== 'string') return refuseOption('nats.servers', WANTED, text)
  const full = text.includes('://') ? text : `nats://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  const isOurs = url !== undefined && ['nats:', 'tls:'].includes(url.protocol) && url.hostname !== ''
  return isOurs ? url : refuseOption('nats.servers', WANTED, { 'another text': text.length })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuseOption('nats.servers', 'credentials in which a % is written as %25', 'another %')
  }
}

function isAlike(one: URL, other: URL): boolean {
  return one.protocol === other.protocol && one.username === other.username && one.password === other.password
}

function refuseAlike(): never {
  return refuseOption(
    'nats.servers',
    'the same credentials and the same nats: or tls: for all',
    'different ones',
  )
}
