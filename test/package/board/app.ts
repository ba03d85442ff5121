import { join } from 'node:path'
import autoload from '@fastify/autoload'
import jwt from '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { Registry } from 'prom-client'
import type { Database } from './database.ts'
import { importer } from './importer.ts'
import { grantTo } from './tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly database: Database
  }
}

export const EVERYWHERE = 'everywhere'

export interface BoardOptions {
  readonly database: Database
  readonly secret: string
  readonly clock?: BerylOptions['clock']
}

export async function build({ database, secret, clock }: BoardOptions): Promise<FastifyInstance> {
  const app = Fastify({ logger: { level: process.env.LOG_LEVEL ?? 'silent' } })
  app.decorate('database', database)
  await app.register(jwt, { secret })
  await app.register(beryl, {
    connect: ({ authToken }) => grantTo(app, 'member', authToken),
    renew: ({ token }) => grantTo(app, 'member', token),
    connectionTopic: ({ assigns }) => `user:${assigns.userId}`,
    children: [importer(app)],
    clock,
  })
  await app.register(berylMetrics, { path: '/metrics', register: new Registry() })
  app.groups.create(EVERYWHERE)
  await app.register(autoload, { dir: join(import.meta.dirname, 'features') })
  return app
}
