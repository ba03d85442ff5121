import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, type MemoryNetwork } from 'fastify-beryl/testing'
import { Telemetry } from '../../src/ground/telemetry.ts'
import { local } from '../../src/pubsub/local.ts'
import { delivered, Listener, makePubSub, Node, subscribed, threeNodes } from './lab.ts'

// A pubsub that is started again under the same name, on the same adapter.

test('a node whose pubsub was killed and started again is heard by the others, from its first broadcast on', async (t) => {
  const { nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[1].join('room:1', listener)
  for (let restart = 0; restart < 5; restart++) {
    const count = 100 * (5 - restart)
    for (let n = 0; n < count; n++) nodes[0].pubsub.broadcast('room:1', 'said', n)
    await delivered()
    assert.equal(listener.heard.splice(0).length, count)
    nodes[0].pubsub.kill()
    await nodes[0].restart()
  }
  nodes[0].pubsub.disconnect('user:1')
  nodes[0].pubsub.push('b', 'b.1', 'room:1', 'said', 1)
  await delivered()
  assert.deepEqual([nodes[1].disconnects, nodes[1].pushes.length], [['user:1'], 1])
  assert.deepEqual(nodes[1].dropped, [])
})

test('what a former run of a node has sent and comes late is taken, once', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const caught = caughtOn(network, 'topic:room:1')
  nodes[0].pubsub.broadcast('room:1', 'said', 'early')
  await delivered()
  nodes[0].pubsub.kill()
  await nodes[0].restart()
  const listener = new Listener()
  nodes[1].join('room:1', listener)
  nodes[0].pubsub.broadcast('room:1', 'said', 'new')
  for (let copy = 0; copy < 2; copy++) network.inject('topic:room:1', caught[0] as Uint8Array)
  await delivered()
  assert.deepEqual(listener.heard, [
    ['said', 'new'],
    ['said', 'early'],
  ])
})

test('a node knows over its own restart what it has had', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const caught = caughtOn(network, 'control')
  nodes[1].pubsub.disconnect('user:1')
  await delivered()
  nodes[0].pubsub.kill()
  await nodes[0].restart()
  network.inject('control', caught[0] as Uint8Array)
  await delivered()
  assert.deepEqual(nodes[0].disconnects, ['user:1'])
})

test('what stands on a pubsub that has ended takes no topic from its successor', async (t) => {
  const { nodes } = await threeNodes(t)
  const [old, next] = [new Listener(), new Listener()]
  const former = nodes[1].pubsub
  nodes[1].join('room:1', old)
  former.kill()
  await nodes[1].restart()
  nodes[1].join('room:1', next)
  former.unsubscribe('room:1', old)
  former.broadcast('room:1', 'said', 'from the dead')
  nodes[0].pubsub.broadcast('room:1', 'said', 1)
  await delivered()
  assert.deepEqual(next.heard, [['said', 1]])
})

/** An adapter whose stop is in the hands of the test. */
function slowToStop() {
  const calls: string[] = []
  let stopped = (): void => {}
  const adapter = {
    ...local(),
    start: () => void calls.push('start'),
    stop: () =>
      new Promise<void>((resolve) => {
        calls.push('stop')
        stopped = resolve
      }),
  }
  return { adapter, calls, stopped: () => stopped() }
}

test('an adapter is started again when its stop has settled', async () => {
  const { adapter, calls, stopped } = slowToStop()
  const node = new Node('a', adapter)
  await node.pubsub.start()
  node.pubsub.kill()
  assert.equal(await node.pubsub.exited, 'killed', 'which nobody waits for')
  const restarting = node.restart()
  await delivered()
  assert.deepEqual(calls, ['start', 'stop'])
  stopped()
  await restarting
  assert.deepEqual(calls, ['start', 'stop', 'start'])
})

test('a stop that never settles holds up the next start and the end for four seconds', async () => {
  const clock = fakeClock()
  const { adapter, calls } = slowToStop()
  const node = new Node('a', adapter, clock)
  await node.pubsub.start()
  node.pubsub.kill()
  const restarting = node.restart()
  await clock.advance(3_999)
  assert.deepEqual(calls, ['start', 'stop'])
  await clock.advance(1)
  await restarting
  assert.deepEqual(calls, ['start', 'stop', 'start'])
  node.pubsub.shutdown('shutdown')
  await clock.advance(4_000)
  const outcome = await node.pubsub.exited
  assert.match(String((outcome as { error: Error }).error), /not stopped within 4000 ms/)
  assert.deepEqual(
    node.failed.map(({ call }) => call),
    ['stop', 'stop'],
  )
  assert.equal(clock.pending, 0)
})

test('a start that is given up on stops the adapter, and again if it succeeds late; nothing of it is heard', async () => {
  const calls: string[] = []
  let started = (): void => {}
  let say: (status: 'up' | 'down') => void = () => {}
  const node = new Node('a', {
    ...local(),
    start: (_node, _deliver, report) =>
      new Promise<void>((resolve) => {
        calls.push('start')
        started = resolve
        say = report
      }),
    stop: () => void calls.push('stop'),
  })
  const given = new AbortController()
  const starting = Promise.resolve(node.pubsub.start(given.signal)).catch(() => {})
  given.abort()
  assert.deepEqual(calls, ['start', 'stop'])
  started()
  say('up')
  await starting
  assert.deepEqual(calls, ['start', 'stop', 'stop'])
  assert.deepEqual(node.statuses, [])
})

test('a topic that the adapter refuses is asked for again by the next who joins, and when the adapter is up again', async () => {
  let refuses = true
  let say: (status: 'up' | 'down') => void = () => {}
  const asked: string[] = []
  const node = new Node('a', {
    ...local(),
    start(_node, _deliver, report) {
      say = report
    },
    async subscribe(topic) {
      asked.push(topic)
      if (refuses && topic.startsWith('topic:')) throw new Error('no')
    },
  })
  await node.pubsub.start()
  node.pubsub.listen('room:1', () => {})
  await delivered()
  await assert.rejects(subscribed(node.pubsub, 'room:1', new Listener()) as Promise<void>, /no/)
  refuses = false
  say('up')
  await delivered()
  assert.equal(subscribed(node.pubsub, 'room:1', new Listener()), undefined, 'confirmed')
  assert.deepEqual(asked, ['control', 'node:a', 'topic:room:1', 'topic:room:1', 'topic:room:1'])
  assert.equal(node.failed.length, 1, 'told once')
})

test('X3 a topic that an adapter refused while it was up is asked for again after a while, less and less often, as long as somebody is on it', async () => {
  const clock = fakeClock()
  let refuses = true
  let asked = 0
  const node = new Node(
    'a',
    {
      ...local(),
      async subscribe(topic) {
        if (!topic.startsWith('topic:')) return
        asked++
        if (refuses) throw new Error('no')
      },
    },
    clock,
  )
  await node.pubsub.start()
  const stop = node.pubsub.listen('room:1', () => {})
  const silence = node.pubsub.listen('room:2', () => {})
  await delivered()
  const askedAfter = async (ms: number): Promise<number> => {
    const before = asked
    await clock.advance(ms)
    await delivered()
    return asked - before
  }
  assert.deepEqual([await askedAfter(999), await askedAfter(1)], [0, 2])
  assert.deepEqual([await askedAfter(1_999), await askedAfter(1)], [0, 2])
  silence()
  assert.deepEqual([await askedAfter(3_999), await askedAfter(1)], [0, 1], 'nobody is on the other one')
  for (const seconds of [8, 16, 30, 30]) assert.equal(await askedAfter(seconds * 1_000), 1)
  refuses = false
  assert.equal(await askedAfter(30_000), 1)
  assert.equal(await askedAfter(3_600_000), 0, 'it is heard')
  assert.equal(subscribed(node.pubsub, 'room:1', new Listener()), undefined, 'confirmed')
  refuses = true
  stop()
  node.pubsub.listen('room:3', () => {})
  await delivered()
  assert.equal(await askedAfter(1_000), 1, 'it begins anew')
  node.pubsub.kill()
  assert.equal(await askedAfter(3_600_000), 0, 'its end')
})

/** An adapter that is down and refuses, until it is told to be well, or up and refusing still. */
function refusing() {
  const state = { refuses: true, status: 'down' as 'up' | 'down' }
  const asked: string[] = []
  let say: (status: 'up' | 'down') => void = () => {}
  const node = new Node('a', {
    ...local(),
    isSolo: false,
    get status() {
      return state.status
    },
    start(_node, _deliver, report) {
      say = report
    },
    async subscribe(topic) {
      asked.push(topic)
      if (state.refuses) throw new Error('no')
    },
  })
  const up = (refuses: boolean): void => {
    Object.assign(state, { refuses, status: 'up' })
    say('up')
  }
  return { node, asked, up }
}

test('X3 topics of the node itself that are refused while the adapter is down are asked for again when it is up', async () => {
  const { node, asked, up } = refusing()
  await node.pubsub.start()
  await delivered()
  assert.deepEqual(asked.splice(0), ['control', 'node:a'])
  assert.equal(node.failed.length, 1)
  up(false)
  await delivered()
  assert.deepEqual(asked.splice(0), ['control', 'node:a'])
  up(false)
  assert.deepEqual(asked, [], 'they are there')
})

test('X3 a node whose own topics are refused by an adapter that is up fails, for its supervisor to start it again', async () => {
  const { node, up } = refusing()
  await node.pubsub.start()
  await delivered()
  up(true)
  assert.deepEqual(await node.pubsub.exited, { error: new Error('no') })
})

test('a start of the pubsub is synchronous where the adapter is', () => {
  const pubsub = makePubSub('a', local(), new Telemetry())
  assert.equal(pubsub.start(), pubsub)
})

/** The bytes that are published on a topic of the network, as they come. */
function caughtOn(network: MemoryNetwork, topic: string): Uint8Array[] {
  const caught: Uint8Array[] = []
  const spy = network.adapter()
  void spy.start(
    'spy',
    (_, bytes) => void caught.push(Uint8Array.from(bytes)),
    () => {},
  )
  void spy.subscribe(topic)
  return caught
}
