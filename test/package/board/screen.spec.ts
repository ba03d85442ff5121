import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientOptions, createClient } from 'fastify-beryl/client'
import { WebSocket } from 'ws'
import { build } from './app.ts'
import type { Admins, Members } from './contract.ts'
import { Database } from './database.ts'
import { Screen } from './screen.ts'

// The board as its users have it: screens with the typed client, over real sockets.

/** A server of the test's own, and clients of it. */
async function serve(t: TestContext) {
  const database = new Database()
  const app = await build({ database, secret: 'of the tests' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const url = (path: string) => `ws://127.0.0.1:${port}${path}`
  const tokenOf = (user: string, role: string) =>
    app.jwt.sign({ sub: user, name: user.toUpperCase(), roles: [role] }, { expiresIn: '1h' })
  const closing: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const close of closing) await close()
    await app.close()
  })
  const options = (user: string, role = 'member'): ClientOptions => ({
    transport: WebSocket,
    reconnectAfterMs: () => 20,
    authToken: async () => tokenOf(user, role),
  })
  const enter = (user: string) => {
    const client = createClient<Members>(url('/socket'), options(user))
    closing.push(() => client.close())
    return client
  }
  const screen = async (user: string) => {
    const shown = new Screen(enter(user), '1', user)
    await shown.open()
    return shown
  }
  const office = async () => {
    const client = createClient<Admins>(url('/office/socket'), options('boss', 'admin'))
    closing.push(() => client.close())
    const room = client.channel('office')
    await room.join()
    return room
  }
  return { app, database, enter, screen, office }
}

/** Waits for what is asked for again and again: 30 s at the most. */
async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !isTrue(); await sleep(5))
    if (performance.now() > deadline) assert.fail(`never: ${what}`)
}

test('what one screen adds and moves, all screens show', async (t) => {
  const { screen } = await serve(t)
  const [ada, bob] = [await screen('ada'), await screen('bob')]
  const { id } = await ada.add('write')
  await until('bob sees it', () => bob.cards.get(id)?.column === 'todo')
  assert.equal(await bob.move(id, 'done'), undefined)
  await until('ada sees it', () => ada.cards.get(id)?.column === 'done')
  assert.equal(await bob.move('none', 'done'), 'Somebody has removed that card')
  await assert.rejects(ada.add(''), { name: 'ChannelError', reason: 'invalid_payload' })
})

test('cursors are shown where they point', async (t) => {
  const { screen } = await serve(t)
  const [ada, bob] = [await screen('ada'), await screen('bob')]
  ada.point(3, 4)
  await until('bob sees where', () => bob.cursors.includes('ADA 3,4'))
  assert.deepEqual(bob.cursors.sort(), ['ADA 3,4', 'BOB 0,0'])
})

test('a screen is told what concerns its user, announcements, and why it was sent away', async (t) => {
  const { screen, office } = await serve(t)
  const [ada, bob, boss] = [await screen('ada'), await screen('bob'), await office()]
  const { id } = await ada.add('write')
  ada.assign(id, 'bob')
  await until('bob is told', () => bob.told.includes('ADA assigned you "write"'))
  assert.deepEqual(await boss.push('announce', { text: 'tea' }), { boards: 1 })
  await until('both are told', () => ada.told.includes('tea') && bob.told.includes('tea'))
  assert.deepEqual(ada.told, ['tea'])
  await boss.push('kick', { board: '1', user: 'ada' })
  await until('it is closed', () => ada.why === 'closed')
  await until('bob sees it', () => bob.cursors.join() === 'BOB 0,0')
})

test('who is no member is told so, by the error of the contract', async (t) => {
  const { enter } = await serve(t)
  const client = enter('eve')
  await client
    .channel('board:1')
    .join()
    .then(
      () => assert.fail('eve came in'),
      (error) => assert.deepEqual([error.reason, error.isRetried], ['not a member', false]),
    )
  await assert.rejects(client.channel('user:ada').join(), { reason: 'not yours' })
})

test('a screen that was cut off comes back, and shows what changed meanwhile', async (t) => {
  const { app, database, screen } = await serve(t)
  const ada = await screen('ada')
  await database.save('1', { id: 'a', title: 'meanwhile', column: 'doing' })
  app.channels.disconnect('user:ada')
  await until('it shows it', () => ada.cards.get('a')?.column === 'doing')
  assert.deepEqual(ada.states, ['joining', 'joined', 'offline', 'joining', 'joined'])
})
