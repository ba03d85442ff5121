import type { CompiledChannel } from '../channel/definition.ts'
import { hasMethods, refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { Channels, type DescribedNode } from '../node/channels.ts'
import '../plugin.ts'
import { type Book, ChannelWriter } from './channel.ts'
import { connectionChannel, connectionOperations, sharedBy } from './envelope.ts'
import type { Json, JsonObject } from './json.ts'
import { freeKey, inOrder, keyOfPattern, refTo } from './names.ts'
import { type AsyncApiOptions, resolveAsyncApiOptions } from './options.ts'
import { Schemas } from './schemas.ts'
import { keyOfPath, SECURITY_SCHEMES, type WrittenServers, writeServers } from './servers.ts'

export type { Json, JsonObject } from './json.ts'
export type { AsyncApiInfo, AsyncApiOptions, AsyncApiServer, Extensions } from './options.ts'

/** A document of AsyncAPI 3.0, as JSON. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0'
  readonly info: JsonObject
  readonly defaultContentType: 'application/json'
  readonly servers: JsonObject
  readonly channels: JsonObject
  readonly operations: JsonObject
  readonly components: JsonObject
}

/** A Fastify instance with the plugin, whatever its server and its logger. */
export interface DescribedApp {
  readonly channels: Channels
  readonly initialConfig: { readonly https?: unknown }
  hasDecorator(name: string): boolean
}

/**
 * Describes all channels of an application, at all of its entrances, as a document of AsyncAPI 3.0. The same channels give the
 * same document, whatever the order in which they were registered. It is made anew at each call.
 *
 * @param app The scope of the plugin, or one within, after `ready`.
 * @throws `BERYL_ERR_OPTION_INVALID`, `BERYL_ERR_NOT_REGISTERED`, `BERYL_ERR_NOT_RUNNING` before `ready`
 * @example app.get('/asyncapi.json', () => asyncapi(app, { info: { title: 'Chat', version: '1.0.0' } }))
 */
export function asyncapi(app: DescribedApp, options: AsyncApiOptions): AsyncApiDocument {
  const { info, servers: given } = resolveAsyncApiOptions(options)
  const node = Channels.described(channelsOf(app))
  const contracts = [...node.entrances.values()]
  const hasConnect = contracts.some((contract) => contract.hasConnect)
  const hasRenew = contracts.some((contract) => contract.hasRenew)
  const connection = { hasConnect, hasRenew, silenceMs: node.silenceMs }
  const servers = writeServers(node.entrances, given, Boolean(app.initialConfig.https))
  const book: Book = { schemas: new Schemas(), messages: {}, operations: connectionOperations(connection) }
  const channels = { phoenix: connectionChannel(connection), ...writeChannels(node, servers, book) }
  const shared = sharedBy([channels, book.messages, book.schemas.all])
  return {
    asyncapi: '3.0.0',
    info,
    defaultContentType: 'application/json',
    servers: servers.servers,
    channels,
    operations: book.operations,
    components: {
      messages: { ...shared.messages, ...book.messages },
      schemas: { ...shared.schemas, ...book.schemas.all },
      messageTraits: shared.messageTraits,
      ...securitySchemes(servers.servers),
    },
  }
}

function channelsOf(app: DescribedApp): Channels {
  if (!hasMethods<DescribedApp>(app, ['hasDecorator']))
    return refuseArgument('asyncapi', 'app', 'a Fastify instance', app)
  const channels = app.hasDecorator('channels') ? app.channels : undefined
  if (channels instanceof Channels) return channels
  throw berylError('BERYL_ERR_NOT_REGISTERED', 'asyncapi')
}

/** A channel, and the entrances at which it can be joined. */
interface Placed {
  readonly channel: CompiledChannel
  readonly paths: string[]
}

function writeChannels(node: DescribedNode, { ofEntrance }: WrittenServers, book: Book): JsonObject {
  const written: Record<string, Json> = {}
  for (const { channel, paths } of placed(node)) {
    const key = keyOfPattern(channel.pattern.source)
    const [path = ''] = paths
    const free = Object.hasOwn(written, key) ? freeKey(written, `${keyOfPath(path)}.${key}`) : key
    const servers = paths.flatMap((each) => ofEntrance.get(each) ?? [])
    written[free] = {
      ...new ChannelWriter(channel, free, book).write(),
      ...(paths.length < node.entrances.size && {
        servers: servers.map((server) => refTo('servers', server)),
      }),
    }
  }
  return written
}

/** By their patterns; of two entrances that have one each for the same, in their order. */
function placed({ entrances }: DescribedNode): Placed[] {
  const found = new Map<CompiledChannel, Placed>()
  for (const [path, contract] of entrances) {
    for (const channel of contract.channels()) {
      const known = found.get(channel)
      if (known === undefined) found.set(channel, { channel, paths: [path] })
      else known.paths.push(path)
    }
  }
  return [...found.values()].sort((a, b) => inOrder(a.channel.pattern.source, b.channel.pattern.source))
}

function securitySchemes(servers: JsonObject): JsonObject {
  const text = JSON.stringify(servers)
  const isUsed = (key: string): boolean =>
    text.includes(JSON.stringify(refTo('components', 'securitySchemes', key).$ref))
  const used = Object.entries(SECURITY_SCHEMES).filter(([key]) => isUsed(key))
  return used.length === 0 ? {} : { securitySchemes: Object.fromEntries(used) }
}
