import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { ConnectRefused, connect, type FakeClock, fakeClock, type TestClient } from 'fastify-beryl/testing'
import { build } from './app.ts'
import { Database } from './database.ts'

// The tests of the board, for whichever runner.

export interface Stage {
  readonly app: FastifyInstance
  readonly clock: FakeClock
  readonly database: Database
}

export async function stage(): Promise<Stage> {
  const clock = fakeClock()
  const database = new Database()
  const app = await build({ database, secret: 'of the tests', clock })
  await app.ready()
  return { app, clock, database }
}

function tokenOf(app: FastifyInstance, user: string, { roles = ['member'], expiresIn = '1h' } = {}): string {
  return app.jwt.sign({ sub: user, name: user.toUpperCase(), roles }, { expiresIn })
}

const enter = (app: FastifyInstance, user: string, expiresIn = '1h'): Promise<TestClient> =>
  connect(app, { authToken: tokenOf(app, user, { expiresIn }) })

const enterOffice = (app: FastifyInstance, roles: string[]): Promise<TestClient> =>
  connect(app, { path: '/office/socket', authToken: tokenOf(app, 'boss', { roles }) })

export const scenarios: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'a board is shown, and each change reaches everybody on it'({ app, database }) {
    await database.save('1', { id: 'a', title: 'write', column: 'todo' })
    const ada = await (await enter(app, 'ada')).join('board:1')
    assert.deepEqual(ada.reply.cards, [{ id: 'a', title: 'write', column: 'todo' }])
    const bob = await (await enter(app, 'bob')).join('board:1')
    const card = await ada.push('add', { title: 'read' }).expectReply()
    await bob.expectPush('changed', { title: 'read', column: 'todo' })
    await bob.push('move', { id: card.id, column: 'done' }).expectReply('ok', { column: 'done' })
    await ada.expectPush('changed', { id: card.id, column: 'done' })
    await ada.push('move', { id: 'none', column: 'done' }).expectReply('error', { reason: 'no such card' })
    await ada.push('add', { title: '' }).expectReply('error', { reason: 'invalid_payload' })
  },

  async 'what changes while a client joins is in its snapshot, or follows it'({ app, database }) {
    const bob = await (await enter(app, 'bob')).join('board:1')
    const client = await enter(app, 'ada')
    const joining = client.join('board:1')
    const added = Array.from({ length: 5 }, (_, i) => bob.push('add', { title: `${i}` }).expectReply())
    const ada = await joining
    await Promise.all(added)
    await client.settle()
    const seen = new Set(ada.reply.cards.map(({ id }) => id))
    for (const { event, payload } of client.received)
      if (event === 'changed') seen.add((payload as { id: string }).id)
    assert.deepEqual(seen, new Set((await database.cards('1')).map(({ id }) => id)))
  },

  async 'only members come in, and only to boards of theirs'({ app }) {
    await assert.rejects(
      connect(app),
      (error) => error instanceof ConnectRefused && error.reason === 'connect',
    )
    await assert.rejects(enter(app, 'ada', '-1s'), { statusCode: 403 })
    const eve = await enter(app, 'eve')
    await assert.rejects(eve.join('board:1'), { response: { reason: 'not a member' } })
    await assert.rejects(eve.join('user:ada'), { response: { reason: 'not yours' } })
    await assert.rejects(eve.join('office'), { response: { reason: 'unmatched topic' } })
  },

  async 'a client renews its token and stays; one that does not is closed'({ app, clock }) {
    const [phone, laptop] = [await enter(app, 'ada', '20s'), await enter(app, 'ada', '20s')]
    await phone.expectMessage({ topic: 'phoenix', event: 'expiring' })
    assert.deepEqual(await phone.renew(tokenOf(app, 'bob')).expectReply('error'), {
      reason: 'other_identity',
    })
    await phone.renew(tokenOf(app, 'ada')).expectReply('ok')
    await clock.advance(30_000)
    await laptop.expectClosed(1001)
    assert.equal(phone.closed, undefined)
  },

  async 'a notification reaches all devices of one user'({ app, database }) {
    await database.save('1', { id: 'a', title: 'write', column: 'todo' })
    const devices = [await enter(app, 'bob'), await enter(app, 'bob')]
    const inboxes = await Promise.all(devices.map((device) => device.join('user:bob')))
    const ada = await enter(app, 'ada')
    const own = await ada.join('user:ada')
    const board = await ada.join('board:1')
    board.push('assign', { id: 'a', to: 'bob' })
    for (const inbox of inboxes) await inbox.expectPush('notified', { text: 'ADA assigned you "write"' })
    await own.refutePush('notified')
  },

  async 'cursors at 30 a second: the last place is where everybody sees it'({ app, clock }) {
    const ada = await (await enter(app, 'ada')).join('board:1')
    const bob = await (await enter(app, 'bob')).join('board:1')
    for (let x = 1; x <= 90; x += 1) {
      ada.push('cursor', { x, y: x })
      await clock.advance(33)
    }
    await clock.advance(1_000)
    await bob.expectPresence('ada', { name: 'ADA', x: 90, y: 90 })
    assert.deepEqual((await app.inject('/boards/1/here')).json<string[]>().sort(), ['ada', 'bob'])
  },

  async 'admins come in by their own entrance: they announce, and kick from one topic'({ app }) {
    await assert.rejects(enterOffice(app, ['member']), { statusCode: 403 })
    const office = await (await enterOffice(app, ['admin'])).join('office')
    const client = await enter(app, 'ada')
    const [inbox, ada] = [await client.join('user:ada'), await client.join('board:1')]
    const bob = await (await enter(app, 'bob')).join('board:1')
    await office.push('announce', { text: 'tea' }).expectReply('ok', { boards: 1 })
    for (const channel of [ada, bob]) await channel.expectPush('announced', { text: 'tea' })
    await office.push('kick', { board: '1', user: 'ada' }).expectReply('ok')
    await ada.expectClose()
    await bob.expectAbsence('ada')
    app.channels.broadcast('user:ada', 'notified', { text: 'you are still connected' })
    await inbox.expectPush('notified')
    assert.equal(app.channels.status().state, 'running')
  },

  async 'the importer loses its database, waits for it, and goes on; nobody is disturbed'({
    app,
    clock,
    database,
  }) {
    const client = await enter(app, 'ada', '2h')
    const ada = await client.join('board:1')
    const waits: number[] = []
    app.channels.onTelemetry('supervisor.event', (_, event) => {
      if ('delayMs' in event) waits.push(Number(event.delayMs))
    })
    database.goAway()
    for (let minute = 0; minute < 60; minute += 1) {
      await client.heartbeat()
      await clock.advance(60_000)
    }
    assert.ok(waits.length > 100, `${waits.length} starts within the hour`)
    assert.ok(waits.every((ms) => ms >= 500 && ms <= 30_000))
    ada.push('add', { title: 'lost' })
    assert.match(String(await ada.expectError()), /ECONNREFUSED/)
    database.comeBack()
    await clock.advance(30_000)
    const again = await client.join('board:1')
    database.mail('1', { id: 'm', title: 'by mail', column: 'todo' })
    await again.expectPush('changed', { title: 'by mail' })
    assert.equal(app.channels.status().state, 'running')
  },

  async 'the metrics count clients, channels and restarts'({ app }) {
    await (await enter(app, 'ada')).join('board:1')
    const { body } = await app.inject('/metrics')
    assert.match(body, /^beryl_connections 1$/m)
    assert.match(body, /^beryl_channels 1$/m)
    assert.match(body, /^beryl_joins_total\{outcome="ok"\} 1$/m)
  },
}
