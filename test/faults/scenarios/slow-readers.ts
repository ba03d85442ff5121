import { until } from '../../support/until.ts'
import { against, atMost, exactly, type Finding, noted, type Scenario } from '../scenario.ts'
import { everybodyIsServed, Seat, sum } from '../seat.ts'
import type { ServerProcess } from '../server-process.ts'

const SIZES = { small: { clients: 51, deaf: 50 }, full: { clients: 1_000, deaf: 100 } } as const
const BYTES = 16_384
const BATCH = 16
/** The kernel keeps some MiB for each reader; far above that, the server would have to keep the rest. */
const ENOUGH = 2_000

export const nonReaders: Scenario = {
  name: 'clients that do not read',
  play: (size) => against({}, (server) => play(server, SIZES[size])),
}

async function play(
  server: ServerProcess,
  { clients, deaf }: { clients: number; deaf: number },
): Promise<Finding[]> {
  const seats = await Seat.takeMany(clients, server)
  const readers = seats.slice(deaf)
  for (const { peer } of seats.slice(0, deaf)) peer.socket.pause()
  const before = await server.tell('measures')
  let sent = 0
  for (let connections = clients; connections > readers.length && sent < ENOUGH; sent += BATCH) {
    await server.tell('broadcast', { from: sent, count: BATCH, bytes: BYTES })
    await until('the readers have heard', () =>
      readers.every(({ next, wrong }) => next + wrong >= sent + BATCH),
    )
    connections = (await server.status()).connections
  }
  await everybodyIsServed(readers)
  const { limits, connections, closes } = await server.status()
  const growth = (await server.tell('measures')).peakRss - before.rss
  for (const { peer } of seats) peer.socket.destroy()
  return [
    noted('broadcasts', `${sent} of ${BYTES / 1_024} KiB to ${clients} clients`),
    exactly('non-readers cut', deaf, clients - connections),
    exactly('closed without a close frame: 1006', deaf, closes[1006] ?? 0),
    exactly(`cut for ${Object.keys(limits).join(', ')}`, deaf, total(limits)),
    exactly(
      'broadcasts heard by the readers, in order',
      sent * readers.length,
      sum(readers, ({ next }) => next),
    ),
    exactly(
      'lost, doubled or out of order',
      0,
      sum(readers, ({ wrong }) => wrong),
    ),
    atMost('growth of the server’s memory meanwhile', 64 + 2 * deaf, growth / 1_048_576, ' MiB'),
  ]
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
