import cors from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { beryl, type ConnectGrant, type PubSubAdapter, type Rejection, reject } from 'fastify-beryl'
import { asyncapi } from 'fastify-beryl/asyncapi'
import { Type } from 'typebox'
import { EVERY_ROOM, room } from './channels/room.ts'
import { servePage } from './page.ts'
import { readToken, writeToken } from './tokens.ts'

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    room: typeof room
  }
  interface ConnectionAssigns {
    name: string
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The origins of all nodes, where there are several. */
    readonly nodes: readonly string[]
  }
}

/** The settings that make the chat one of several nodes. */
export interface ClusterOptions {
  readonly pubsub: PubSubAdapter
  /** The origins of all nodes: a page of one goes on at another when its own is gone. */
  readonly nodes: readonly string[]
}

/** The chat: a page at `/`, rooms at `/socket`, their contract at `/asyncapi.json`, and `POST /announce { body }`, which speaks to all rooms at once. */
export async function buildChat(
  options: FastifyServerOptions = {},
  cluster?: ClusterOptions,
): Promise<FastifyInstance> {
  const nodes = cluster?.nodes ?? []
  const app = Fastify(options)
  app.decorate('nodes', nodes)
  if (cluster) await app.register(cors, { origin: pagesOf(nodes), methods: ['POST'] })
  await app.register(beryl, {
    ...(cluster && { pubsub: cluster.pubsub, checkOrigin: pagesOf(nodes) }),
    channels: [room],
    connect: ({ authToken }) => grant(authToken),
    renew: ({ token }) => grant(token),
    connectionTopic: ({ assigns }) => `user:${assigns.name}`,
  })
  app.groups.create(EVERY_ROOM)
  app.post<{ Body: { body: string } }>('/announce', { schema: { body: Announcement } }, (request, reply) => {
    app.groups.broadcast(EVERY_ROOM, 'announced', { body: request.body.body })
    return reply.code(202).send({ rooms: app.groups.topics(EVERY_ROOM).size })
  })
  app.post<{ Body: { name: string } }>('/token', { schema: { body: Login } }, ({ body }) =>
    writeToken(body.name.trim()),
  )
  app.get('/asyncapi.json', () => asyncapi(app, { info: { title: 'Beryl chat', version: '1.0.0' } }))
  servePage(app, nodes)
  return app
}

/** The pages of all nodes may speak to each of them, also those that were opened by the other name of this machine. */
function pagesOf(nodes: readonly string[]): string[] {
  return nodes.flatMap((node) => [node, node.replace('127.0.0.1', 'localhost')])
}

/** Believes whoever says a name. */
const Login = Type.Object({ name: Type.String({ maxLength: 24, pattern: '\\S' }) })
const Announcement = Type.Object({ body: Type.String({ minLength: 1, maxLength: 2000 }) })

/** Lets in who has a token, for as long as it lasts. */
function grant(token: string | undefined): ConnectGrant | Rejection {
  const ticket = readToken(token ?? '')
  return ticket ? { assigns: { name: ticket.name }, expiresAt: ticket.expiresAt } : reject()
}
