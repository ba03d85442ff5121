import { Peer } from '../../support/peer.ts'
import { until } from '../../support/until.ts'
import { against, atLeast, atMost, exactly, type Finding, noted, type Scenario } from '../scenario.ts'
import { everybodyIsServed, Seat, sum } from '../seat.ts'
import type { ServerProcess } from '../server-process.ts'

const BLOCKS = {
  small: { blockMs: 2_000, idleMs: 1_500, clients: 20 },
  full: { blockMs: 5_000, idleMs: 2_000, clients: 200 },
} as const

/** Clients that speak all the time, and cannot be heard for longer than they may be silent. */
export const blockedLoop: Scenario = {
  name: 'the event loop is blocked',
  play(size) {
    const { idleMs } = BLOCKS[size]
    const heartbeat = { intervalMs: idleMs / 2, timeoutMs: idleMs }
    return against({ beryl: { heartbeat, limits: { messages: false } } }, (server) =>
      block(server, BLOCKS[size]),
    )
  },
}

async function block(server: ServerProcess, scale: (typeof BLOCKS)['small' | 'full']): Promise<Finding[]> {
  const { blockMs, idleMs, clients } = scale
  const seats = await Seat.takeMany(clients, server)
  await everybodyIsServed(seats)
  const blocked = await server.block(blockMs)
  await everybodyIsServed(seats)
  await blocked.over()
  // Sweeps behind the block find nobody silent: they go on for as long as anybody may be.
  for (const until = performance.now() + idleMs; performance.now() < until; ) await everybodyIsServed(seats)
  const { connections, closes } = await server.status()
  for (const { peer } of seats) peer.socket.destroy()
  return [
    noted('blocked for', `${blockMs} ms, with an idle timeout of ${idleMs} ms`),
    exactly('clients that are still connected', clients, connections),
    exactly('clients closed', 0, Object.values(closes).length),
    exactly(
      'messages unanswered',
      0,
      seats.reduce((total, seat) => total + seat.sent - seat.answered, 0),
    ),
  ]
}

const POLITE = { small: { blockMs: 4_000, clients: 5 }, full: { blockMs: 10_000, clients: 100 } } as const
const POLITE_RATE = { perSecond: 20, burst: 20 } as const

/** Clients that keep to their rate, and whose messages of a long time are read at once. */
export const blockedReader: Scenario = {
  name: 'the event loop is blocked while clients send as often as they may',
  play(size) {
    const limits = { messages: POLITE_RATE, channelMessages: false } as const
    return against({ beryl: { limits } }, (server) => keepSending(server, POLITE[size]))
  },
}

async function keepSending(
  server: ServerProcess,
  { blockMs, clients }: (typeof POLITE)['small' | 'full'],
): Promise<Finding[]> {
  const seats = await Seat.takeMany(clients, server)
  const blocked = await server.block(blockMs)
  // The messages that the rate allows in the time of the block, and half a burst.
  const count = (POLITE_RATE.perSecond * blockMs) / 1_000 + POLITE_RATE.burst / 2
  for (const seat of seats) for (let n = 0; n < count; n++) seat.echo()
  await blocked.over()
  await until('all is answered', () => seats.every((seat) => seat.isAnswered))
  const refused = sum(seats, (seat) => seat.refused)
  // On time again, the same is too much.
  for (const seat of seats) for (let n = 0; n < count; n++) seat.echo()
  await until('all is answered again', () => seats.every((seat) => seat.isAnswered))
  const { connections } = await server.status()
  const refusedLater = sum(seats, (seat) => seat.refused) - refused
  for (const { peer } of seats) peer.socket.destroy()
  return [
    noted('blocked for', `${blockMs} ms, ${count} messages of each client meanwhile`),
    exactly('messages refused', 0, refused),
    atLeast('messages refused for the same on time', clients, refusedLater),
    exactly('clients that are still connected', clients, connections),
  ]
}

const STALLS = {
  small: { blockMs: 4_000, stallMs: 2_500, clients: 10 },
  full: { blockMs: 12_000, stallMs: 10_000, clients: 20 },
} as const

/** Clients that are far behind, read all the time, and could not be written to for longer than a reader may stall. */
export const blockedWriter: Scenario = {
  name: 'the event loop is blocked while readers are behind',
  play(size) {
    const { stallMs } = STALLS[size]
    const backpressure = { stallMs, maxBufferedBytes: false, maxTotalBytes: false } as const
    return against({ beryl: { backpressure } }, (server) => standStill(server, STALLS[size]))
  },
}

async function standStill(
  server: ServerProcess,
  scale: (typeof STALLS)['small' | 'full'],
): Promise<Finding[]> {
  const { blockMs, stallMs, clients } = scale
  const seats = await Seat.takeMany(clients, server)
  for (const { peer } of seats) peer.socket.pause()
  await server.tell('broadcast', BACKLOG)
  const blocked = await server.block(blockMs)
  for (const { peer } of seats) peer.socket.resume()
  await blocked.over()
  await until('all is heard, or cut', () =>
    seats.every(({ peer, next, wrong }) => peer.isGone || next + wrong >= BACKLOG.count),
  )
  await everybodyIsServed(seats.filter(({ peer }) => !peer.isGone))
  const { connections, limits } = await server.status()
  for (const { peer } of seats) peer.socket.destroy()
  return [
    noted('blocked for', `${blockMs} ms, with stallMs ${stallMs}`),
    exactly('readers that are still connected', clients, connections),
    exactly('limits reached', 0, Object.keys(limits).length),
    exactly(
      'broadcasts heard, in order',
      BACKLOG.count * clients,
      sum(seats, ({ next }) => next),
    ),
  ]
}

const CLOSES = {
  small: { normal: 20, drain: { closeMs: 300, handlerMs: 300 } },
  full: { normal: 100, drain: {} },
} as const
/** More than the kernel takes for a client that does not read. */
const BACKLOG = { from: 0, count: 40, bytes: 120_000 }

/** One client does not answer the close frame, one does not read it, all others do as they should. */
export const deafClose: Scenario = {
  name: 'clients that are deaf when the server closes',
  play(size) {
    const { normal, drain } = CLOSES[size]
    const backpressure = { maxBufferedBytes: false } as const
    return against({ beryl: { drain, backpressure } }, (server) => closeOnThem(server, normal))
  },
}

async function closeOnThem(server: ServerProcess, normal: number): Promise<Finding[]> {
  const paused = await Seat.take(server)
  paused.peer.socket.pause()
  await server.tell('broadcast', BACKLOG)
  const deaf = await Peer.open({ port: server.port, isDeaf: true })
  const seats = await Seat.takeMany(normal, server)
  const ms = await server.tell('close')
  const codes = await Promise.all(seats.map(({ peer }) => peer.closed))
  paused.peer.socket.destroy()
  return [
    atMost('app.close() took', 6_000, ms, ' ms'),
    exactly('normal clients closed with 1012', normal, codes.filter((code) => code === 1012).length),
    exactly('the deaf client was told', 1012, deaf.closeCode ?? 1006),
  ]
}
