import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { berylError } from './ground/errors.ts'
import { refuseOption } from './ground/option-checks.ts'
import type { Groups } from './groups/groups.ts'
import { Channels } from './node/channels.ts'
import { Endpoint } from './node/endpoint.ts'
import { Lifecycle } from './node/lifecycle.ts'
import { attachLogger } from './node/logger.ts'
import { type BerylOptions, type OnGiveUp, resolveOptions } from './node/options.ts'
import type { Presence } from './presence/presence.ts'
import type { PubSubAdapter } from './pubsub/adapter.ts'
import type { Sessions } from './session/sessions.ts'
import type { ChildInit } from './supervision/child-spec.ts'
import type { Supervisor } from './supervision/supervisor.ts'
import { onCloseCalled } from './transport/closing.ts'
import type { Entrance } from './transport/entrance.ts'
import { mountWebSocket } from './transport/websocket/route.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends to topics, looks at them, registers channels. */
    readonly channels: Channels
    /** Presence on topics. Throws `BERYL_ERR_DISABLED` when used with the option `presence: false`. */
    readonly presence: Presence
    /** Named sets of topics. Throws `BERYL_ERR_DISABLED` when used with the option `groups: false`. */
    readonly groups: Groups
  }
}

/** An endpoint and the life of its tree. */
interface Node {
  readonly endpoint: Endpoint
  readonly lifecycle: Lifecycle
}

async function plugin(app: FastifyInstance, given: BerylOptions): Promise<void> {
  const options = resolveOptions(given)
  checkPluginTimeout(app, options.pubsub)
  const endpoint = new Endpoint(options)
  const lifecycle = new Lifecycle(endpoint, (error) => giveUp(app, options.supervision.onGiveUp, error))
  await attach(app, { endpoint, lifecycle })
  onCloseCalled(app, () => lifecycle.interrupt())
  app.addHook('onReady', () => lifecycle.start())
  app.addHook('onClose', () => lifecycle.stop())
}

/** Fastify's own time limit has to be a second longer, or its error would hide that of the adapter. */
function checkPluginTimeout(app: FastifyInstance, { connectTimeoutMs }: PubSubAdapter): void {
  const { pluginTimeout = 10_000 } = app.initialConfig
  if (connectTimeoutMs === undefined || pluginTimeout === 0 || connectTimeoutMs + 1_000 <= pluginTimeout)
    return
  const wanted = `at least 1000 less than Fastify's option pluginTimeout, which is ${pluginTimeout}`
  refuseOption('pubsub.connectTimeoutMs', wanted, connectTimeoutMs)
}

/** Gives an application the decorators and the route of a node. */
async function attach(app: FastifyInstance, { endpoint, lifecycle }: Node): Promise<void> {
  const { options } = endpoint
  if (app.hasDecorator('channels')) throw berylError('BERYL_ERR_ALREADY_REGISTERED', options.path)
  endpoint.host.attach(app)
  attachLogger(endpoint.telemetry, app.log, endpoint.clock)
  if (!options.checksOrigin) {
    app.log.warn('checkOrigin is false: pages of any site may connect in the name of their visitors')
  }
  app.decorate('channels', new Channels(endpoint, lifecycle))
  app.decorate('presence', endpoint.presence ?? standIn('presence'))
  app.decorate('groups', endpoint.groups ?? standIn('groups'))
  await mountWebSocket(app, options, entranceOf({ endpoint, lifecycle }))
}

/** The answers that the route needs to let a client in, and the client's way from there. */
function entranceOf({ endpoint, lifecycle }: Node): Entrance {
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
    makeConnectionId: () => endpoint.makeConnectionId(),
    open(admission, wire) {
      const session = (endpoint.sessions as Sessions).open(admission, wire)
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

/** A child spec of the whole tree, and the plugin that attaches it to a Fastify instance. */
export interface BerylChild extends ChildInit<Supervisor, 'beryl'> {
  /** Decorates an instance with this node and mounts its route. Does not start or stop the tree. */
  readonly plugin: FastifyPluginAsync
}

/**
 * The plugin's own tree as a child of a tree of the application's, which then owns it: `onGiveUp` does not apply, the
 * outer supervisor restarts it. Permanent, waited for without limit when it stops. Wrong options fail its start.
 *
 * @example
 * const node = beryl.childSpec({ channels: [room] })
 * await startSupervisor({ children: [node, worker('feed', run)] })
 * await app.register(node.plugin)
 */
function childSpec(given: BerylOptions = {}): BerylChild {
  let made: Node | undefined
  const node = (): Node => {
    if (made === undefined) {
      const endpoint = new Endpoint(resolveOptions(given))
      made = { endpoint, lifecycle: new Lifecycle(endpoint) }
    }
    return made
  }
  return new EmbeddedTree(node)
}

/** A class, since a plain spec must not have more keys than a spec has. */
class EmbeddedTree implements BerylChild {
  readonly id = 'beryl'
  readonly type = 'supervisor'
  readonly start: BerylChild['start']
  readonly plugin: FastifyPluginAsync

  constructor(node: () => Node) {
    this.start = (context) => node().lifecycle.startNested(context)
    this.plugin = fp(async (app: FastifyInstance) => attach(app, node()), META)
  }
}

const META = { fastify: '5.x', name: 'fastify-beryl' }

/**
 * `fastify-beryl`: channels, presence and groups for one Fastify scope.
 *
 * @example await app.register(beryl, { channels: [room] })
 */
export const beryl = Object.assign(fp(plugin, META), { childSpec })

/** @returns what is to be waited for, if anything: it may fail. */
function giveUp(app: FastifyInstance, onGiveUp: OnGiveUp, error: Error): unknown {
  if (typeof onGiveUp === 'function') return onGiveUp(error)
  if (onGiveUp === 'exit') process.exit(1)
  return app.close()
}

/** A decorator with a getter, because Fastify would look into a value to see whether it has one. */
function standIn(name: 'presence' | 'groups'): { getter: () => never } {
  const part = disabled(name)
  return { getter: () => part }
}

/** Stands for a part that is switched off: every use says how to switch it on. */
function disabled(name: 'presence' | 'groups'): never {
  return new Proxy(
    {},
    {
      get(_, property) {
        // A look whether it is a promise, or a print of it, is no use of it.
        if (typeof property === 'symbol' || property === 'then') return undefined
        throw berylError('BERYL_ERR_DISABLED', name, name)
      },
    },
  ) as never
}
