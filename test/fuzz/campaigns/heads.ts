import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { upgradeHead } from '../../support/peer.ts'
import { until } from '../../support/until.ts'
import type { Campaign } from '../campaign.ts'
import type { Dice } from '../dice.ts'
import type { House } from '../house.ts'
import { Violation } from '../judge.ts'
import { mutate } from '../messages.ts'

const PER_ROUND = 20
const PATIENCE = 40

/** The statuses with which an upgrade may be answered. Not 500: nothing that a client says is the server's fault. */
const STATUSES = new Set([100, 101, 400, 403, 404, 405, 408, 413, 414, 415, 417, 426, 431, 501, 503, 505])

/** Heads of upgrade requests, whole or in pieces, whose senders wait for an answer or do not. */
export const upgradeHeads: Campaign = {
  name: 'upgrade heads',
  unit: 'heads',
  perRound: PER_ROUND,
  async round(dice, house) {
    const heard = new Map([['messages', PER_ROUND]])
    const answers = await Promise.all(Array.from({ length: PER_ROUND }, () => knock(dice, house)))
    for (const status of answers.flat()) {
      if (!STATUSES.has(status)) throw new Violation(`a head was answered with ${status}`)
      heard.set(String(status), (heard.get(String(status)) ?? 0) + 1)
    }
    await house.calm()
    return heard
  },
}

/** Sends one head and tells the statuses that came: none where the server still waits for the rest of it. */
async function knock(dice: Dice, house: House): Promise<number[]> {
  const socket = connect({ port: house.port, host: '127.0.0.1' }).on('error', () => {})
  let answer = ''
  let isGone = false
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('close', () => {
    isGone = true
  })
  await once(socket, 'connect')
  await write(dice, socket, randomHead(dice, house.port))
  // Those who send half a head get no answer: they go when others have been served a few times.
  for (let tick = 0; tick < PATIENCE && answer === '' && !isGone; tick++) await house.tick()
  if (dice.oneIn(4)) socket.resetAndDestroy()
  else socket.destroy()
  await until('a knocking socket is gone', () => isGone)
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
}

async function write(dice: Dice, socket: Socket, head: Buffer): Promise<void> {
  const pieces = dice.oneIn(3) ? 1 + dice.below(4) : 1
  for (let piece = 0; piece < pieces; piece++) {
    const at = (part: number): number => Math.floor((head.length * part) / pieces)
    socket.write(head.subarray(at(piece), at(piece + 1)))
    if (pieces > 1) await setImmediate()
  }
}

const PATHS = [
  '/socket/websocket?vsn=2.0.0',
  '/socket/websocket?vsn=2.0.0&a[b]=1&l[]=1&__proto__[x]=1&constructor[prototype][y]=1',
  '/socket/websocket?vsn=2.0.0&__proto__=1&hasOwnProperty=2&toString=3',
  '/socket/websocket?vsn[]=2.0.0',
  '/socket/websocket?vsn[toString]=2.0.0',
  '/socket/websocket?vsn=2.0.0&vsn=1.0.0',
  '/socket/websocket?%ff',
  '/socket/websocket?%',
  '/socket/websocket?vsn=2.0.0&a=%E9',
  '/socket/websocket/?vsn=1.0.0',
  '/socket/websocket',
  '/socket',
  '//socket/websocket?vsn=2.0.0',
  '/socket/websocket?vsn=%32.0.0#x',
  'http://127.0.0.1/socket/websocket?vsn=2.0.0',
  '*',
  `/socket/websocket?vsn=2.0.0&${'a[b][c][d][e][f][g]=1&'.repeat(300)}`,
  `/socket/websocket?vsn=2.0.0&q=${'x'.repeat(20_000)}`,
]

const HEADERS = [
  'Origin: http://127.0.0.1',
  'Origin: null',
  'Origin: http://evil.example',
  'Origin: ',
  'Origin: http://[::1',
  'Host: ',
  'Host: [::1',
  'Host: a b',
  'Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.dG9rZW4',
  'Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.%%%',
  'Sec-WebSocket-Protocol: ,,',
  'Sec-WebSocket-Protocol: a, a',
  'Sec-WebSocket-Version: 8',
  'Sec-WebSocket-Key: short',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  'Sec-WebSocket-Extensions: ;;;=',
  'Upgrade: h2c',
  'Connection: keep-alive, Upgrade, Upgrade',
  'Content-Length: 5',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Expect: 100-continue',
  'X-Beryl-Ticket: AAAAAAAAAAAAAAAAAAAAAAAA',
  'Cookie: __proto__=1',
  `X-Long: ${'x'.repeat(17_000)}`,
  'no colon',
  ': no name',
]

function randomHead(dice: Dice, port: number): Buffer {
  const lines = upgradeHead(port, dice.oneIn(2) ? dice.pick(PATHS) : '/socket/websocket?vsn=2.0.0').split(
    '\r\n',
  )
  const [request = '', ...headers] = lines.slice(0, -2)
  for (let change = dice.below(3); change > 0; change--) changeHeaders(dice, headers)
  const method = dice.oneIn(10) ? dice.pick(['POST', 'HEAD', 'OPTIONS', 'CONNECT', 'PUT', 'get', '']) : 'GET'
  const head = [request.replace('GET', method), ...headers, '', ''].join('\r\n')
  const bytes = Buffer.from(head + (dice.oneIn(6) ? 'xxxxx' : ''))
  if (dice.oneIn(8)) return bytes.subarray(0, dice.below(bytes.length))
  return dice.oneIn(6) ? mutate(dice, bytes) : bytes
}

function changeHeaders(dice: Dice, headers: string[]): void {
  const at = dice.below(headers.length + 1)
  if (dice.oneIn(4)) headers.splice(at, 1)
  else headers.splice(at, dice.below(2), dice.pick(HEADERS))
}
