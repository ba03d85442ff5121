import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../src/ground/clock.ts'
import type { NodeClock } from './node-clock.ts'

/** The way in which a client goes. `half`: it sends no more, but does not close its end either. */
export type Leaving = 'close' | 'drop' | 'half'

/** The ears of a client. Never called inside of a call of the server's. */
export interface LineListener {
  message(data: Buffer, isBinary: boolean): void
  closed(code: number): void
}

/** The client's end of one connection. */
export interface Line {
  send(data: Buffer, isBinary: boolean): void
  leave(how: Leaving): void
  /** Takes nothing more from the server, or again. */
  read(isReading: boolean): void
}

/** The node, as a line knows it. */
export interface Place {
  readonly app: FastifyInstance
  readonly clock: NodeClock
  /** That of the entrance. */
  readonly path: string
}

/** The server said no. */
export class Refused extends Error {
  readonly statusCode: number
  constructor(statusCode: number) {
    super(`refused with ${statusCode}`)
    this.statusCode = statusCode
  }
}

/**
 * Where the moves are played: in memory, by a clock that stands still until it is told to move, or over real sockets, by
 * the machine's clock at many times its speed.
 */
export interface Stage {
  readonly name: 'simulated' | 'sockets'
  readonly clock: Clock
  /** ws, which knows no other clock than the machine's, waits so long for a peer that does not answer a close. */
  readonly closeTimeoutMs: number
  /** Lets so much time pass. */
  advance(ms: number): Promise<void>
  /** Lets time pass until a promise settles, for so long at the most. @returns whether it has */
  until(promise: Promise<unknown>, withinMs: number): Promise<boolean>
  /** Makes a node reachable. */
  open(app: FastifyInstance): Promise<void>
  /** @throws {@link Refused} */
  connect(place: Place, query: string, listener: LineListener): Promise<Line>
  /** The remains of a round when all is closed; none where all is well. */
  leftovers(): Promise<string[]>
}
