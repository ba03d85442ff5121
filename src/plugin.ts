import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Channels } from './channels.ts'
import { systemClock } from './clock.ts'
import { Endpoint } from './endpoint.ts'
import { berylError } from './errors.ts'
import type { Groups } from './groups.ts'
import { Lifecycle } from './lifecycle.ts'
import { attachLogger } from './logger.ts'
import { type BerylOptions, type OnGiveUp, resolveOptions } from './options.ts'
import type { Presence } from './presence/presence.ts'
import type { PoisoningOptions } from './protocol/json.ts'
import type { Sessions } from './session/sessions.ts'
import { type Gate, mountWebSocket } from './transport/websocket.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends to topics, looks at them, registers channels. */
    readonly channels: Channels
    /** Who is where. Throws `BERYL_ERR_DISABLED` when used with the option `presence: false`. */
    readonly presence: Omit<Presence, 'start' | 'drain' | 'end' | 'state' | 'peers'>
    /** Named sets of topics. Throws `BERYL_ERR_DISABLED` when used with the option `groups: false`. */
    readonly groups: Omit<Groups, 'start'>
  }
}

async function plugin(app: FastifyInstance, given: BerylOptions): Promise<void> {
  if (app.hasDecorator('channels')) throw berylError('BERYL_ERR_ALREADY_REGISTERED', given.path ?? '/socket')
  const options = resolveOptions(given)
  const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } =
    app.initialConfig as Partial<PoisoningOptions>
  const endpoint = new Endpoint(options, {
    server: app,
    log: app.log,
    clock: systemClock,
    poisoning: { onProtoPoisoning, onConstructorPoisoning },
  })
  const lifecycle = new Lifecycle(endpoint, (error) => giveUp(app, options.supervision.onGiveUp, error))
  attachLogger(endpoint.telemetry, app.log)
  if (!options.checksOrigin)
    app.log.warn('checkOrigin is false: pages of any site may connect in the name of their visitors')

  app.decorate('channels', new Channels(endpoint, lifecycle))
  app.decorate('presence', endpoint.presence ?? disabled('presence'))
  app.decorate('groups', endpoint.groups ?? disabled('groups'))
  app.addHook('onReady', () => lifecycle.start())
  app.addHook('onClose', () => lifecycle.stop())
  await mountWebSocket(app, { ...options, drain }, gateOf(endpoint, lifecycle))

  async function drain(): Promise<void> {
    lifecycle.drain()
    await endpoint.sessions?.drain()
  }
}

/** What the route asks before it lets a client in, and where the client goes then. */
function gateOf(endpoint: Endpoint, lifecycle: Lifecycle): Gate {
  const isUp = (): boolean => {
    const { state } = lifecycle
    return (state === 'running' || state === 'degraded') && endpoint.sessions?.isRunning === true
  }
  return {
    get closedBecause() {
      if (!isUp()) return `not running: ${lifecycle.state}`
      return endpoint.sessions?.isFull ? 'limit maxTotalBytes' : undefined
    },
    clock: endpoint.host.clock,
    makeConnectionId: () => endpoint.makeConnectionId(),
    open: (admission, wire) => (endpoint.sessions as Sessions).open(admission, wire),
    refused(ip, { reason, statusCode, limit }) {
      endpoint.telemetry.emit('connection.refused', {}, { ip, reason, statusCode })
      if (limit !== undefined) endpoint.telemetry.emit('limit.reached', {}, { limit, ip })
    },
  }
}

/**
 * `fastify-beryl`: channels, presence and groups for one Fastify scope.
 *
 * @example await app.register(beryl, { channels: [room] })
 */
export const beryl = fp(plugin, { fastify: '5.x', name: 'fastify-beryl' })

function giveUp(app: FastifyInstance, onGiveUp: OnGiveUp, error: Error): void {
  if (typeof onGiveUp === 'function') onGiveUp(error)
  else if (onGiveUp === 'exit') process.exit(1)
  else void app.close()
}

/** Stands for a part that is switched off: every use says how to switch it on. */
function disabled(name: 'presence' | 'groups'): never {
  return new Proxy(
    {},
    {
      get(_, property) {
        // Whoever looks whether it is a promise, or prints it, does not use it.
        if (typeof property === 'symbol' || property === 'then') return undefined
        throw berylError('BERYL_ERR_DISABLED', name, name)
      },
    },
  ) as never
}
