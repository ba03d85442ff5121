import type { Arrival, Scenario, Step, WireEvent } from './transcript.ts'

/**
 * Reads scenarios that are written by hand. A line at the left edge begins one: its name, and the fact that it shows. The
 * lines below it are steps:
 *
 *     join/ok W19 a join is answered
 *       url /short/websocket?vsn=2.0.0           the connection A; default: /socket, V2, user a
 *       > ["1","1","room:1","phx_join",{}]       A sends this text
 *       < ["1","1","room:1","phx_reply",…]       A receives it: JSON is compared as JSON
 *       >> 00 01 01 06 03 "1" "2" "room:1" "bin"  A sends these bytes in a binary frame; `<<` receives
 *       B connect /socket/websocket?vsn=1.0.0    a second connection; its lines begin with its name
 *       B < {"topic":…}
 *
 * and, for any connection: `ping hex`, `pong hex`, `raw hex`, `part text` and `rest text` (fragments), `close code
 * reason`, `cut` (what the client does); `closed code reason`, `answered code` (to its close), `refused status body`,
 * `header name: value` (of the 101). `JOIN` stands for a join of room:1 with the join_ref "1". `with origin …`, `with protocols …` and `with extensions …` say more of the
 * handshake. `quiet` proves that nothing else came, `at ms` moves the time, `POST path` expects `= status body`.
 */
export function readRows(text: string): readonly Row[] {
  const rows: Row[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    if (/^\S/.test(line)) rows.push(new Row(line))
    else (rows.at(-1) as Row).add(line.replace(/^ {2}/, ''))
  }
  return rows
}

export class Row implements Scenario {
  readonly name: string
  readonly fact: string
  readonly steps: Step[] = []
  #ms = 0

  constructor(title: string) {
    const [name = '', ...fact] = title.split(' ')
    this.name = name
    this.fact = fact.join(' ')
  }

  add(line: string): void {
    if (this.steps.length === 0)
      this.#connect('A', /^url (.*)/.exec(line)?.[1] ?? '/socket/websocket?vsn=2.0.0&user=a')
    if (line.startsWith('url ')) return
    if (line === 'JOIN') return this.#join()
    const [, s = 'A', verb = '', rest = ''] = /^(?:([B-G]) )?(\S+) ?(.*)$/.exec(spellOut(line)) ?? []
    if (verb === 'connect') return this.#connect(s, rest)
    if (verb === 'at') this.#ms = Number(rest)
    else if (verb === 'with') this.#amend(handshake(word(rest), after(rest)))
    else if (verb === 'header') this.#header(rest)
    else if (verb === 'refused') this.#refused(s, rest)
    else this.#step({ s, ...parse(verb, rest) } as Step)
  }

  #join(): void {
    for (const step of JOIN) this.add(step)
  }

  #connect(s: string, path: string): void {
    this.#step({ t: 'connect', s, url: `ws://HOST${path}` })
    this.#step({ t: 'open', s, status: 101, headers: NOT_CACHED })
  }

  /** Says more of the handshake that was begun last. */
  #amend(fields: object): void {
    const at = this.steps.findLastIndex((step) => step.t === 'connect')
    this.steps[at] = { ...(this.steps[at] as Step), ...fields }
  }

  #header(text: string): void {
    const [name = '', value = ''] = text.split(': ')
    const at = this.steps.findLastIndex((step) => step.t === 'open')
    const open = this.steps[at] as Step & Arrival & { t: 'open' }
    this.steps[at] = { ...open, headers: { ...open.headers, [name]: value } }
  }

  #refused(s: string, rest: string): void {
    const at = this.steps.findLastIndex((step) => step.t === 'open')
    const refused: WireEvent = { t: 'refused', status: Number(word(rest)), body: after(rest) }
    this.steps[at] = { ms: this.#ms, s, ...refused }
  }

  #step(step: object): void {
    this.steps.push({ ms: this.#ms, ...step } as Step)
  }
}

/** The beginning of most scenarios: A joins room:1. */
const JOIN = [
  '> ["1","1","room:1","phx_join",{"bare":1}]',
  '< ["1","1","room:1","phx_reply",{"response":{},"status":"ok"}]',
]

/** Words that stand for what is too long to be written out. */
const LONG: Readonly<Record<string, string>> = {
  LONG: 'x'.repeat(256),
  HALF: 'x'.repeat(2_100),
  LARGE: 'x'.repeat(4_000),
  DEEP: `${'['.repeat(600)}${']'.repeat(600)}`,
}

const NOT_CACHED = { 'cache-control': 'max-age=0, private, must-revalidate' }

/** `with origin …`, `with protocols a, b`, `with extensions …`. */
function handshake(what: string, value: string): object {
  if (what === 'protocols') return { protocols: value.split(', ') }
  return what === 'origin' ? { origin: value } : { offer: value }
}

function spellOut(line: string): string {
  return line.replace(/LONG|HALF|LARGE|DEEP/g, (name) => LONG[name] as string)
}

function parse(verb: string, rest: string): object {
  switch (verb) {
    case '>':
      return { t: 'send', text: rest }
    case '>>':
      return { t: 'send', hex: bytes(rest) }
    case '<':
      return { t: 'recv', text: rest }
    case '<<':
      return { t: 'recv', hex: bytes(rest) }
    case 'part':
      return { t: 'send_fragment', text: rest, fin: false }
    case 'rest':
      return { t: 'send_fragment', text: rest, fin: true }
    case 'raw':
      return { t: 'send_raw', hex: bytes(rest) }
    case 'ping':
      return { t: 'send_ping', hex: rest }
    case 'pong':
      return { t: 'recv_pong', hex: rest }
    case 'close':
      return { t: 'client_close', code: Number(word(rest)), reason: after(rest) }
    case 'cut':
      return { t: 'client_terminate' }
    case 'closed':
      return { t: 'close', by: 'server', code: Number(word(rest)), reason: after(rest) }
    case 'answered':
      return { t: 'close', by: 'client', code: Number(word(rest)), reason: after(rest) }
    case 'quiet':
      return { t: 'quiet' }
    case 'GET':
    case 'POST':
    case 'PUT':
      return { t: 'http_send', method: verb, path: rest }
    case '=':
      return { t: 'http_recv', status: Number(word(rest)), body: after(rest) }
    default:
      throw new Error(`no such step: ${verb} ${rest}`)
  }
}

/** Pairs of hex digits and `"texts"`, with spaces anywhere between. */
function bytes(text: string): string {
  const hex = text.replace(/"([^"]*)"/g, (_, quoted: string) => Buffer.from(quoted).toString('hex'))
  return hex.replaceAll(' ', '')
}

function word(text: string): string {
  return text.split(' ', 1)[0] as string
}

function after(text: string): string {
  return text.slice(word(text).length).trim()
}
