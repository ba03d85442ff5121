import type { FastifyInstance } from 'fastify'
import { berylError } from '../ground/errors.ts'
import type { SessionTerms } from '../session/runtime.ts'
import type { Entrance } from '../transport/entrance.ts'
import type { ResolvedLongPollOptions } from '../transport/longpoll/options.ts'
import { mountLongPoll } from '../transport/longpoll/route.ts'
import { mountWebSocket, type WebSocketOptions } from '../transport/websocket/route.ts'
import type { Endpoint } from './endpoint.ts'
import type { Lifecycle } from './lifecycle.ts'
import { checkLongPoll } from './options.ts'

/** An endpoint and the life of its tree. */
export interface BerylNode {
  readonly endpoint: Endpoint
  readonly lifecycle: Lifecycle
}

/** The options of a door, beside those that hold for the whole node. */
export interface EntranceOptions extends Omit<WebSocketOptions, 'compression' | 'drain'> {
  readonly checksOrigin: boolean
  readonly hasConnect: boolean
  readonly longPoll: ResolvedLongPollOptions | undefined
}

/** Opens an entrance of a node in a scope, whose hooks and prefix apply. */
export async function openEntrance(
  app: FastifyInstance,
  node: BerylNode,
  options: EntranceOptions,
  terms: SessionTerms,
): Promise<void> {
  const { endpoint } = node
  const { drain } = endpoint.options
  checkLongPoll(options.longPoll, endpoint.options)
  const path = `${app.prefix}${options.path}`
  if (!options.checksOrigin) {
    app.log.warn(
      `checkOrigin is false for ${path}: pages of any site may connect in the name of their visitors`,
    )
  }
  endpoint.routers.add(terms.router)
  endpoint.namesConnections ||= options.connectionTopic !== undefined
  const way = { ...options, compression: endpoint.compression, drain }
  const contract = {
    hasConnect: options.hasConnect,
    hasRenew: options.renew !== undefined,
    hasLongPoll: options.longPoll !== undefined,
    channels: () => terms.router.channels,
  }
  const entrance = entranceOf(node, terms)
  await endpoint.entrances.open(path, contract, async () => {
    const door = await mountWebSocket(app, way, entrance)
    const { longPoll } = options
    if (longPoll !== undefined)
      await mountLongPoll(app, { ...way, longPoll }, { entrance, door, relay: endpoint.polls })
    return door
  })
}

/** The answers that a door needs to let a client in, and the client's way from there. */
function entranceOf({ endpoint, lifecycle }: BerylNode, terms: SessionTerms): Entrance {
  const isUp = (): boolean => {
    const { state } = lifecycle
    return (state === 'running' || state === 'degraded') && endpoint.sessions?.isRunning === true
  }
  return {
    get closedBecause() {
      if (!isUp()) return `not running: ${lifecycle.state}`
      return endpoint.sessions?.isFull ? 'limit maxTotalBytes' : undefined
    },
    clock: endpoint.clock,
    node: endpoint.node,
    makeConnectionId: () => endpoint.makeConnectionId(),
    open(admission, wire) {
      const { sessions } = endpoint
      if (sessions === undefined) throw berylError('BERYL_ERR_NOT_RUNNING', lifecycle.state)
      const session = sessions.open(admission, wire, terms)
      // A hook of others stood between the door and this: nobody may be connected to a server that goes.
      if (!isUp()) session.close(1012, '', { kind: 'shutdown', reason: 'drain' })
      return session
    },
    async drain(deadline) {
      lifecycle.drain()
      endpoint.presence?.drain()
      await endpoint.sessions?.drain(deadline)
    },
    refused(ip, { reason, statusCode, limit, names }) {
      endpoint.telemetry.emit('connection.refused', {}, { ip, reason, statusCode, ...names })
      if (limit !== undefined) endpoint.telemetry.emit('limit.reached', {}, { limit, ip })
    },
  }
}
