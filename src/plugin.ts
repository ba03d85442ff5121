import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Router } from './channel/router.ts'
import { bindMethods, refuseArgument } from './ground/argument.ts'
import { berylError } from './ground/errors.ts'
import { refuseOption } from './ground/option-checks.ts'
import type { Groups } from './groups/groups.ts'
import { Channels } from './node/channels.ts'
import { Endpoint, termsOf } from './node/endpoint.ts'
import { Lifecycle } from './node/lifecycle.ts'
import { attachLogger } from './node/logger.ts'
import { type BerylNode, openEntrance } from './node/open-entrance.ts'
import {
  type BerylOptions,
  type MountOptions,
  type ResolvedMountOptions,
  type ResolvedOptions,
  resolveMountOptions,
  resolveOptions,
} from './node/options.ts'
import type { OnGiveUp } from './node/supervision-options.ts'
import type { BerylTree } from './node/tree.ts'
import type { Presence } from './presence/presence.ts'
import type { PubSubAdapter } from './pubsub/adapter.ts'
import type { ChildInit } from './supervision/child-spec.ts'
import type { Supervisor } from './supervision/supervisor.ts'
import { onCloseCalled } from './transport/closing.ts'

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

async function plugin(app: FastifyInstance, given: BerylOptions): Promise<void> {
  const options = resolveOptions(given)
  checkPluginTimeout(app, options.pubsub)
  const endpoint = new Endpoint(options)
  const lifecycle = new Lifecycle(endpoint, (error) =>
    giveUp(app, options.supervision.onGiveUp ?? 'close', error),
  )
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
async function attach(app: FastifyInstance, node: BerylNode): Promise<void> {
  const { endpoint, lifecycle } = node
  const { options } = endpoint
  if (app.hasDecorator('channels')) throw berylError('BERYL_ERR_ALREADY_REGISTERED', options.path)
  if (endpoint.host.isAttached) refuseArgument('beryl.childSpec', 'plugin', ONE_INSTANCE, app)
  endpoint.host.attach(app)
  attachLogger(endpoint.telemetry, app.log, endpoint.clock)
  const channels = bindMethods(new Channels(endpoint, lifecycle))
  nodes.set(channels, node)
  app.decorate('channels', channels)
  const { presence, groups } = endpoint
  app.decorate('presence', presence === undefined ? standIn('presence') : bindMethods(presence))
  app.decorate('groups', groups === undefined ? standIn('groups') : bindMethods(groups))
  await openEntrance(app, node, options, endpoint.terms)
}

const ONE_INSTANCE = 'to be registered with one Fastify instance: call childSpec for each'

/** The nodes behind the decorators, which the scopes below inherit. */
const nodes = new WeakMap<object, BerylNode>()

/** Opens a further entrance to the node of the scope, or of one around it. */
async function furtherEntrance(app: FastifyInstance, given: MountOptions): Promise<void> {
  const options = resolveMountOptions(given)
  const node = app.hasDecorator('channels') ? nodes.get(app.channels) : undefined
  if (node === undefined) throw berylError('BERYL_ERR_NOT_REGISTERED', `mount '${options.path}'`)
  await openEntrance(app, node, options, termsOf(options.limits, routerOf(node.endpoint, options.channels)))
}

function routerOf(endpoint: Endpoint, channels: ResolvedMountOptions['channels']): Router {
  return channels === undefined ? endpoint.router : endpoint.makeRouter(channels)
}

/** A child spec of the whole tree, and the plugin that attaches it to a Fastify instance. */
export interface BerylChild extends ChildInit<Supervisor<BerylTree>, 'beryl'> {
  /** Decorates an instance with this node and mounts its route. Does not start or stop the tree. */
  readonly plugin: FastifyPluginAsync
}

/**
 * The plugin's own tree as a child of a tree of the application's, which then owns it: `supervision.onGiveUp` is refused, for the
 * outer supervisor restarts it. Permanent, waited for without limit when it stops. Wrong options fail its start, and so does a
 * second tree that would run it at the same time; a second Fastify instance is refused, too.
 *
 * @example
 * const node = beryl.childSpec({ channels: [room] })
 * await startSupervisor({ children: [node, worker('feed', run)] })
 * await app.register(node.plugin)
 */
function childSpec(given: BerylOptions = {}): BerylChild {
  let made: BerylNode | undefined
  const node = (): BerylNode => {
    if (made === undefined) {
      const endpoint = new Endpoint(embeddedOptions(given))
      made = { endpoint, lifecycle: new Lifecycle(endpoint) }
    }
    return made
  }
  return new EmbeddedTree(node)
}

function embeddedOptions(given: BerylOptions): ResolvedOptions {
  const options = resolveOptions(given)
  const { onGiveUp } = options.supervision
  return onGiveUp === undefined ? options : refuseOption('supervision.onGiveUp', NO_GIVE_UP, onGiveUp)
}

const NO_GIVE_UP = 'nothing here: the supervisor around an embedded tree decides what becomes of it'

/** A class, since a plain spec must not have more keys than a spec has. */
class EmbeddedTree implements BerylChild {
  readonly id = 'beryl'
  readonly type = 'supervisor'
  readonly start: BerylChild['start']
  readonly plugin: FastifyPluginAsync

  constructor(node: () => BerylNode) {
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

/**
 * A further entrance to the tree of `fastify-beryl`, as a Phoenix endpoint has several sockets: with a path, channels, `connect`,
 * `checkOrigin` and limits of its own. The hooks and the prefix of the scope apply that registers it, before `ready`. Broadcasts,
 * disconnects and presence reach the clients of all entrances. What is not given has its default; nothing is inherited but the
 * channels.
 *
 * @example
 * await app.register(async (admin) => {
 *   admin.addHook('onRequest', (request) => request.jwtVerify())
 *   await admin.register(mount, { path: '/socket', channels: [audit] })
 * }, { prefix: '/admin' })
 */
export const mount = fp(furtherEntrance, { ...META, name: 'fastify-beryl/mount' })

/** @returns what is to be waited for, if anything: it may fail. */
function giveUp(app: FastifyInstance, onGiveUp: OnGiveUp, error: Error): unknown {
  if (typeof onGiveUp === 'function') return onGiveUp(error)
  if (onGiveUp === 'exit') process.exit(1)
  // Whoever started the program must not take this end for a success.
  process.exitCode ||= 1
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
