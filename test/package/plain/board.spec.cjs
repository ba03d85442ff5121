const assert = require('node:assert/strict')
const { EventEmitter } = require('node:events')
const { test } = require('node:test')
const { connect, fakeClock } = require('fastify-beryl/testing')

for (const load of [() => require('./board.cjs'), () => import('./board.mjs')]) {
  test(`a small board, by ${load}`, async (t) => {
    const { build } = await load()
    const clock = fakeClock()
    const source = Object.assign(new EventEmitter(), { isAway: false })
    const app = await build({ clock, source })
    t.after(() => app.close())
    const tokenOf = (sub, roles, expiresIn = '1h') => app.jwt.sign({ sub, roles }, { expiresIn })
    const enter = (user, expiresIn) => connect(app, { authToken: tokenOf(user, ['member'], expiresIn) })
    await assert.rejects(connect(app), { statusCode: 403 })

    const client = await enter('ada', '20s')
    await client.renew(tokenOf('ada', ['member'])).expectReply('ok')
    const ada = await client.join('board:1')
    await ada.push('add', { text: 'write' }).expectReply('ok', { cards: 1 })
    const bob = await (await enter('bob')).join('board:1')
    assert.deepEqual(bob.reply, { cards: ['write'] })
    await bob.expectPresence('ada')

    source.isAway = true
    source.emit('broken', new Error('lost'))
    await clock.advance(25_000)
    source.isAway = false
    await clock.advance(1_000)
    source.emit('card', 'by mail')
    await ada.expectPush('added', { text: 'by mail' })

    await assert.rejects(connect(app, { path: '/office', authToken: tokenOf('ada', ['member']) }), {
      statusCode: 403,
    })
    const office = await (
      await connect(app, { path: '/office', authToken: tokenOf('boss', ['admin']) })
    ).join('office')
    office.push('announce', { text: 'tea' })
    await bob.expectPush('announced', { text: 'tea' })
    office.push('kick', { topic: 'board:1', user: 'ada' })
    await ada.expectClose()
    assert.equal(client.closed, undefined)
    assert.match((await app.inject('/metrics')).body, /^beryl_connections 3$/m)
  })
}
