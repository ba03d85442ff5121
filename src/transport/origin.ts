/** One entry of a list of origins, parsed. What is absent is not compared. */
export interface OriginRule {
  readonly scheme: string | undefined
  /** Without the `*.` where `anySubdomain`. */
  readonly host: string
  readonly port: string | undefined
  readonly anySubdomain: boolean
}

const RULE = /^(?:([a-z][a-z0-9+.-]*):)?\/\/(\*\.)?(\[[0-9a-f:.]+\]|[^/:*\s]+)(?::(\d+))?\/?$/i

/** The schemes of sockets are no origins: a page has that of where it came from. */
const NO_ORIGIN = ['ws', 'wss']

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * Parses an entry such as `https://example.com`, `//example.com:8080` or `//*.example.com`, as Phoenix writes them.
 * `undefined` where it is none.
 */
export function parseOriginRule(text: string): OriginRule | undefined {
  const [, given, wildcard, name = '', port] = RULE.exec(text) ?? []
  const host = hostOf(`http://${name}`)
  const scheme = given?.toLowerCase()
  if (host === undefined || host === '' || /[@?#%\\]/.test(name) || Number(port ?? 0) > 65_535)
    return undefined
  if (scheme !== undefined && NO_ORIGIN.includes(scheme)) return undefined
  return {
    scheme,
    host,
    port: port === undefined ? DEFAULT_PORTS[scheme ?? ''] : String(Number(port)),
    anySubdomain: wildcard !== undefined,
  }
}

/** True where an Origin header fits one of the rules. `null` (a sandboxed page, a file) fits none. */
export function originIsListed(origin: string, rules: readonly OriginRule[]): boolean {
  const url = parse(origin)
  return url !== undefined && rules.some((rule) => fits(url, rule))
}

/** True where an Origin header names the host that the request was made to. Scheme and port are free, as in Phoenix. */
export function originIsHost(origin: string, host: string | undefined): boolean {
  const named = hostOf(origin)
  return named !== undefined && named !== '' && host !== undefined && named === hostOf(`http://${host}`)
}

function fits(url: URL, rule: OriginRule): boolean {
  const scheme = url.protocol.slice(0, -1)
  const host = nameOf(url)
  if (rule.scheme !== undefined && rule.scheme !== scheme) return false
  if (rule.port !== undefined && rule.port !== (url.port || DEFAULT_PORTS[scheme])) return false
  return host === rule.host || (rule.anySubdomain && host.endsWith(`.${rule.host}`))
}

function hostOf(text: string): string | undefined {
  const url = parse(text)
  return url && nameOf(url)
}

/** Compared as DNS compares them: in lower case, international names in ASCII, with or without the dot of the root. */
function nameOf({ hostname }: URL): string {
  // Schemes that the URL standard does not know are left as they are.
  const name = parse(`http://${hostname}`)?.hostname ?? hostname.toLowerCase()
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
