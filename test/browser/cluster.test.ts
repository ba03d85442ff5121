import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { need } from '../support/need.ts'
import { ChatStage, type ChatWindow } from './chat-stage.ts'
import { startCluster } from './cluster-script.ts'

describe('the example of a cluster in Chromium', { timeout: 300_000 }, () => {
  let stage: ChatStage

  before(async () => {
    if (need('chromium').skip === false) stage = await ChatStage.look()
  })
  after(() => stage?.close())

  test(
    'over Redis, the users of a node that is killed move to the other, are told so, and go on',
    {
      ...need('chromium', 'redis-server'),
    },
    (t) => playedBy(t, {}, 'Two nodes over Redis, at redis://', withoutLog),
  )

  test(
    'without a redis-server it says so, takes cluster(), and does the same',
    {
      ...need('chromium'),
    },
    (t) => playedBy(t, { PATH: '/nowhere' }, 'No redis-server on this machine: two nodes over cluster()'),
  )

  async function playedBy(
    t: { after(end: () => Promise<void>): void },
    env: NodeJS.ProcessEnv,
    said: string,
    last: (ada: ChatWindow, title: string) => Promise<void> = async () => {},
  ): Promise<void> {
    const script = await startCluster(env)
    t.after(async () => assert.deepEqual(await script.end('SIGTERM'), [0, null]))
    assert.ok(script.title.startsWith(said), script.title)
    const [one, two] = script.nodes

    const bo = await stage.visit('Bo', { at: two.address })
    await bo.say('Before anybody came')
    await bo.sees('Before anybody came')
    const ada = await stage.visit('Ada', { at: one.address })
    t.after(async () => {
      for (const window of [ada, bo]) await window.close()
    })
    await ada.isServedBy(one.address)
    await bo.isServedBy(two.address)
    await ada.person('Bo').waitFor()
    await ada.say('From the first node')
    await bo.sees('From the first node')

    process.kill(one.pid, 'SIGKILL')
    const whileAway = ['Gone?', 'So it seems', 'It comes back']
    for (const body of whileAway) await bo.say(body)
    await ada.isTold(`That node is gone: moved to ${new URL(two.address).host}.`)
    await ada.isServedBy(two.address)
    await ada.sees('Before anybody came')
    await ada.sees('It comes back')
    assert.deepEqual(await ada.said(), ['Before anybody came', 'From the first node', ...whileAway])
    assert.equal(await ada.page.locator('#messages .note.gap').count(), 0)
    await ada.say('From the second node')
    await bo.sees('From the second node')
    await bo.say('Welcome')
    await ada.sees('Welcome')
    await ada.announce('Tea is ready')
    await bo.sees('Tea is ready')
    await bo.isServedBy(two.address)
    assert.equal(await bo.told(), '')
    await last(ada, script.title)
    assert.deepEqual([...ada.errors, ...bo.errors], [])
  }
})

/** Nothing reaches anybody that is not in the log: who says it is told so. A room of which the node knows nothing waits for it. */
async function withoutLog(ada: ChatWindow, title: string): Promise<void> {
  const broker = await connected(title)
  const gone = once(broker, 'close')
  broker.write('SHUTDOWN NOSAVE\r\n')
  await gone
  await ada.say('Into nothing')
  await ada.sees('Not sent (the log is out of reach): Into nothing')
  assert.equal(await ada.count('Into nothing'), 0)
  await ada.page.getByRole('button', { name: 'Crash my channel' }).click()
  await ada.isTold('Back again.')
  await ada.page.getByRole('link', { name: 'garden' }).click()
  await ada.isTold('The log of this room is out of reach. Joining again…')
}

test('a script of a cluster that is killed takes its nodes and its Redis with it', {
  ...need('redis-server'),
  timeout: 120_000,
}, async () => {
  const script = await startCluster()
  const broker = await connected(script.title)
  const gone = once(broker, 'close')
  assert.deepEqual(await script.end('SIGKILL'), [null, 'SIGKILL'])
  await gone
})

async function connected(title: string): Promise<Socket> {
  const socket = connect(Number(/redis:.*:(\d+)/.exec(title)?.[1]), '127.0.0.1')
  await once(socket, 'connect')
  return socket.resume()
}
