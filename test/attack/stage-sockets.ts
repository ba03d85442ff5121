import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/ground/clock.ts'
import { CLOSE, Peer, UpgradeRefused } from '../support/peer.ts'
import { scaledClock } from './scaled-clock.ts'
import { type Line, type LineListener, type Place, Refused, type Stage } from './stage.ts'

/** The clock of the nodes goes so many times faster than the machine's. */
const TIMES = 20
/** A socket may take so long to be gone. */
const GONE_MS = 10_000

/** Real sockets on loopback, below which nothing is simulated. One seed gives the same moves, not the same trace. */
export function socketStage(): Stage {
  const clock = scaledClock(TIMES)
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, ms))

  return {
    name: 'sockets',
    clock,
    closeTimeoutMs: 5_000 * TIMES,
    advance: wait,
    async until(promise, withinMs) {
      const settled = promise.then(
        () => true,
        () => true,
      )
      let giveUp = (): void => {}
      const late = new Promise<boolean>((resolve) => {
        const timer = clock.setTimeout(() => resolve(false), withinMs)
        giveUp = () => timer.cancel()
      })
      const isSettled = await Promise.race([settled, late])
      giveUp()
      return isSettled
    },
    open: async (app) => void (await app.listen({ port: 0, host: '127.0.0.1' })),
    connect,
    leftovers: () => leftSockets(),
  }
}

async function connect({ app, path }: Place, query: string, listener: LineListener): Promise<Line> {
  const { port } = app.server.address() as AddressInfo
  const peer = await openPeer(port, `${path}/websocket?vsn=2.0.0${query}`)
  peer.onMessage = (payload, isBinary) => listener.message(payload, isBinary)
  void peer.closed.then((code) => listener.closed(code))
  return {
    send: (data, isBinary) => (isBinary ? peer.binary(data) : peer.text(data.toString())),
    leave(how) {
      // A client that reads nothing would not see its own end.
      peer.socket.resume()
      if (how === 'close') peer.frame(CLOSE, Buffer.from([0x03, 0xe8]))
      else if (how === 'drop') peer.socket.resetAndDestroy()
      else peer.socket.end()
    },
    read: (isReading) => void (isReading ? peer.socket.resume() : peer.socket.pause()),
  }
}

async function openPeer(port: number, path: string): Promise<Peer> {
  try {
    return await Peer.open({ port, path })
  } catch (error) {
    throw error instanceof UpgradeRefused ? new Refused(error.statusCode) : error
  }
}

/** File descriptors of sockets and servers that are still there a while after all was closed. */
async function leftSockets(): Promise<string[]> {
  const deadline = systemClock.now() + GONE_MS
  const open = (): string[] => process.getActiveResourcesInfo().filter((name) => /^TCP/.test(name))
  while (open().length > 0 && systemClock.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  return open().length === 0 ? [] : [`${open().length} file descriptors`]
}
