import type { FastifyInstance } from 'fastify'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import {
  announceClient,
  CLIENT_KEY_HEADER,
  forgetClient,
  type InProcessConnection,
} from '../../src/transport/in-process.ts'
import { SimulatedWire } from './simulated-wire.ts'
import { type Line, type LineListener, type Place, Refused, type Stage } from './stage.ts'

/** In memory, by a fake clock: the same moves give the same trace. */
export function simulatedStage(): Stage {
  const clock = fakeClock(Date.UTC(2026, 0, 1))

  async function until(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
    const deadline = clock.now() + withinMs
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    promise.then(settled, settled)
    for (let step = 0; !isSettled; step = Math.min(250, step + 25)) {
      await clock.advance(step)
      if (clock.now() >= deadline) break
    }
    return isSettled
  }

  return {
    name: 'simulated',
    clock,
    closeTimeoutMs: 0,
    advance: (ms) => clock.advance(ms),
    until,
    open: async (app: FastifyInstance) => void (await app.ready()),
    connect: (place, query, listener) => connect(place, query, listener),
    leftovers: async () => (clock.pending === 0 ? [] : [`${clock.pending} timers of the stage`]),
  }
}

async function connect(place: Place, query: string, listener: LineListener): Promise<Line> {
  let connection: InProcessConnection | undefined
  const key = announceClient({
    admitted(own) {
      connection = own
    },
  })
  try {
    const url = `${place.path}/websocket?vsn=2.0.0${query}`
    const { statusCode } = await place.app.inject({ url, headers: { [CLIENT_KEY_HEADER]: key } })
    if (connection === undefined) throw new Refused(statusCode)
  } finally {
    forgetClient(key)
  }
  return new SimulatedWire(connection, place.clock, listener)
}
