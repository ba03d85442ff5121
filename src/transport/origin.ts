/** One entry of a list of origins, parsed. What is absent is not compared. */
export interface OriginRule {
  readonly scheme: string | undefined
  /** Without the `*.` where `anySubdomain`. */
  readonly host: string
  readonly port: string | undefined
  readonly anySubdomain: boolean
}

const RULE = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^/:*\s]+)(?::(\d+))?\/?$/i

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * Parses an entry such as `https://example.com`, `//example.com:8080`, `example.com` or `//*.example.com`.
 * `undefined` where it is none.
 */
export function parseOriginRule(text: string): OriginRule | undefined {
  const [, scheme, wildcard, host, port] = RULE.exec(text) ?? []
  if (host === undefined) return undefined
  return {
    scheme,
    host: host.toLowerCase(),
    port: port ?? (scheme === undefined ? undefined : DEFAULT_PORTS[scheme]),
    anySubdomain: wildcard !== undefined,
  }
}

/** Whether an Origin header fits one of the rules. `null` (a sandboxed page, a file) fits none. */
export function originIsListed(origin: string, rules: readonly OriginRule[]): boolean {
  const url = parse(origin)
  return url !== undefined && rules.some((rule) => fits(url, rule))
}

/** Whether an Origin header names the host that the request was made to. Scheme and port are free, as in Phoenix. */
export function originIsHost(origin: string, host: string | undefined): boolean {
  const url = parse(origin)
  return url !== undefined && host !== undefined && url.hostname === parse(`http://${host}`)?.hostname
}

function fits(url: URL, rule: OriginRule): boolean {
  const scheme = url.protocol.slice(0, -1)
  if (rule.scheme !== undefined && rule.scheme !== scheme) return false
  if (rule.port !== undefined && rule.port !== (url.port || DEFAULT_PORTS[scheme])) return false
  return url.hostname === rule.host || (rule.anySubdomain && url.hostname.endsWith(`.${rule.host}`))
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
