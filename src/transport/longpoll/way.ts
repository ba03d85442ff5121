import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Doorkeeper, DoorOptions } from '../doorkeeper.ts'
import type { Entrance, Refusal } from '../entrance.ts'
import { addressOf } from '../handshake.ts'
import { sendRefusal } from './answers.ts'
import type { ResolvedLongPollOptions } from './options.ts'
import type { Pollers } from './pollers.ts'
import type { PollRelay, Relayed } from './relay.ts'
import type { Claims } from './token.ts'

export interface LongPollRouteOptions {
  readonly path: string
  readonly checksOrigin: boolean
  readonly longPoll: ResolvedLongPollOptions
  readonly limits: DoorOptions['limits'] & { readonly payloadBytes: number }
  readonly drain: { readonly closeMs: number; readonly timeoutMs: number }
}

/** The parts of the node behind the route. */
export interface LongPollWay {
  readonly entrance: Entrance
  readonly door: Doorkeeper
  readonly relay: PollRelay
}

/** Goes on with a request, or fails it. */
export type Done = (error?: Error) => void

/** One way in for those who poll. */
export interface PollEntrance extends LongPollWay {
  readonly options: LongPollRouteOptions
  /** With the prefix of the application. */
  readonly path: string
  readonly pollers: Pollers
}

export function refuse(
  { entrance }: PollEntrance,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): void {
  entrance.refused(addressOf(request), refusal)
  sendRefusal(reply, refusal.statusCode)
}

/** The head of a request that goes on to the node of its session. */
export function relayed({ path, options }: PollEntrance, { node }: Claims, token: string): Relayed {
  return { node, token, path, pubsubTimeoutMs: options.longPoll.pubsubTimeoutMs }
}

/** True where this node asks others for as many clients as may be connected. */
export function isRelayFull({ relay, options }: PollEntrance): boolean {
  return relay.count >= options.limits.connections
}
