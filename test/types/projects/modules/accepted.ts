import type { FastifyInstance } from 'fastify'
import { type BerylOptions, type ConnectionAssigns, reject } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { expectSame } from '../same.ts'

// An application of modules that register themselves, each with one line: this one imports none of them.

expectSame<keyof ConnectionAssigns, 'userId' | 'roles'>()

export const connecting: BerylOptions['connect'] = ({ params }) =>
  params.user === undefined ? reject() : { assigns: { userId: String(params.user), roles: [] } }

export const renewing: BerylOptions['renew'] = async ({ token, connection }) =>
  token === connection.assigns.userId ? { expiresAt: new Date() } : reject({ reason: 'token' })

export function send(app: FastifyInstance, user: string): void {
  app.channels.broadcast(`inbox:${user}`, 'mail', { id: '1' })
  app.channels.push('connection', 'board:1', 'moved', { card: '1' })
  // An event that every registered channel sends, in a payload that fits each of them.
  app.groups.broadcast('all', 'announced', { text: 'hi', level: 1 })
  app.groups.broadcast(`team:${user}`, 'announced', { text: 'hi', level: 1 })
}

export function look(app: FastifyInstance, owner: AbortSignal, topic: string): void {
  app.presence.track('board:1', 'ada', { name: 'Ada', cursor: [0, 0] }, { owner })
  app.presence.update('board:1', 'ada', ({ name }) => ({ name, cursor: [1, 1] }), { owner })
  for (const { metas } of Object.values(app.presence.list('board:1', { limit: 10 }))) {
    for (const { name, cursor, phx_ref } of metas) {
      expectSame<typeof name, string>()
      expectSame<typeof cursor, [number, number]>()
      expectSame<typeof phx_ref, string>()
    }
  }
  const ada = app.presence.get('board:1', 'ada')?.metas[0]?.name
  expectSame<typeof ada, string | undefined>()
  // Topics without a channel, and channels that declare no presence, take any object.
  app.presence.track('workers', 1, { load: 0.5 }, { owner })
  app.presence.track('inbox:1', 1, {}, { owner })
  app.presence.update(topic, 1, (before) => ({ ...before, load: 1 }), { owner })
  const load = app.presence.get(topic, 1)?.metas[0]?.load
  expectSame<typeof load, unknown>()
}

export async function tested(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  const inbox = await client.join('inbox:1')
  const left = await inbox.push('read', { id: '1' }).expectReply()
  expectSame<typeof left, { left: number }>()
  const mail = await inbox.expectPush('mail')
  expectSame<typeof mail, { id: string }>()
  const board = client.channel('board:1')
  const { cursor } = await board.expectPresence('ada', { name: /^A/ })
  expectSame<typeof cursor, [number, number]>()
}
