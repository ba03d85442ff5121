import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonText } from '../../src/protocol/message.ts'
import { encodeEnvelope } from '../../src/pubsub/envelope.ts'
import { local } from '../../src/pubsub/local.ts'
import { makeNodeName } from '../../src/pubsub/pubsub.ts'
import { delivered, Listener, Node, subscribed, threeNodes } from './lab.ts'

test('a broadcast reaches every subscriber of the topic on every node, once, and nobody else', async (t) => {
  const { nodes } = await threeNodes(t)
  const listeners = nodes.map(() => new Listener())
  const elsewhere = new Listener()
  nodes.forEach((node, n) => {
    node.join('room:1', listeners[n] as Listener)
  })
  nodes[1].join('room:2', elsewhere)
  nodes[0].pubsub.broadcast('room:1', 'said', { body: 'hi' })
  assert.deepEqual(listeners[0]?.heard, [['said', { body: 'hi' }]], 'at once on the own node')
  await delivered()
  for (const { heard } of listeners) assert.deepEqual(heard, [['said', { body: 'hi' }]])
  assert.deepEqual(elsewhere.heard, [])
})

test('a payload whose toJSON ends a subscriber passes nobody else over', async (t) => {
  const { nodes } = await threeNodes(t)
  const listeners = ['a', 'b', 'c'].map((id) => new Listener(id))
  for (const listener of listeners) nodes[0].join('room:1', listener)
  const payload = {
    toJSON() {
      nodes[0].pubsub.unsubscribe('room:1', listeners[0] as Listener)
      return { body: 'hi' }
    },
  }
  nodes[0].pubsub.broadcast('room:1', 'said', payload)
  assert.deepEqual(
    listeners.map(({ heard }) => heard.length),
    [0, 1, 1],
  )
})

test('the echo of a broadcast is not delivered again, and is not counted as dropped', async (t) => {
  const { nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[0].join('room:1', listener)
  nodes[0].pubsub.broadcast('room:1', 'said', 1)
  await delivered()
  assert.equal(listener.heard.length, 1)
  assert.deepEqual(nodes[0].dropped, [])
})

test('what a network delivers twice is delivered once, and the second one counted', async (t) => {
  const { nodes } = await threeNodes(t, { copies: 2 })
  const listener = new Listener()
  nodes[1].join('room:1', listener)
  for (const n of [1, 2]) nodes[0].pubsub.broadcast('room:1', 'said', n)
  await delivered()
  assert.deepEqual(listener.heard, [
    ['said', 1],
    ['said', 2],
  ])
  assert.deepEqual(nodes[1].dropped, ['seen before', 'seen before'])
})

test('bytes that no node has sent are ignored and counted', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[0].join('room:1', listener)
  network.inject('topic:room:1', Buffer.from('{"hello":"there"}'))
  network.inject('topic:room:1', Buffer.alloc(0))
  await delivered()
  assert.deepEqual(listener.heard, [])
  assert.deepEqual(nodes[0].dropped, ['not understood', 'not understood'])
})

test('broadcastFrom passes by one connection on whichever node it lives', async (t) => {
  const { nodes } = await threeNodes(t)
  const [own, other] = [new Listener('b.1'), new Listener('b.2')]
  nodes[1].join('room:1', own)
  nodes[1].join('room:1', other)
  nodes[0].pubsub.broadcast('room:1', 'said', 1, 'b.1')
  await delivered()
  assert.deepEqual(own.heard, [])
  assert.deepEqual(other.heard, [['said', 1]])
})

test('a local broadcast stays on its node', async (t) => {
  const { nodes } = await threeNodes(t)
  const [here, there] = [new Listener(), new Listener()]
  nodes[0].join('room:1', here)
  nodes[1].join('room:1', there)
  nodes[0].pubsub.localBroadcast('room:1', 'said', 1)
  await delivered()
  assert.equal(here.heard.length, 1)
  assert.equal(there.heard.length, 0)
})

test('a push goes to the node of its connection alone', async (t) => {
  const { nodes } = await threeNodes(t)
  nodes[0].pubsub.push('b', 'b.7', 'room:1', 'said', { body: 'hi' })
  nodes[0].pubsub.push('a', 'a.1', 'room:1', 'said', Buffer.of(1))
  await delivered()
  assert.deepEqual(nodes[0].pushes, [['a.1', 'room:1', 'said', Buffer.of(1)]])
  assert.deepEqual(nodes[1].pushes, [['b.7', 'room:1', 'said', new JsonText('{"body":"hi"}')]])
  assert.deepEqual(nodes[2].pushes, [])
})

test('a disconnect reaches every node, the own one too, once', async (t) => {
  const { nodes } = await threeNodes(t)
  nodes[2].pubsub.disconnect('user:1')
  await delivered()
  for (const { disconnects } of nodes) assert.deepEqual(disconnects, ['user:1'])
})

test('bytes travel between nodes as bytes', async (t) => {
  const { nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[1].join('room:1', listener)
  nodes[0].pubsub.broadcast('room:1', 'blob', new Uint8Array([0, 255]))
  await delivered()
  assert.deepEqual(listener.heard, [['blob', Buffer.of(0, 255)]])
})

test('a node that is out of reach says so, loses what is sent meanwhile, and hears again afterwards', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[1].join('room:1', listener)
  network.cut()
  assert.equal(nodes[0].pubsub.status, 'down')
  nodes[0].pubsub.broadcast('room:1', 'said', 'lost')
  await delivered()
  network.heal()
  nodes[0].pubsub.broadcast('room:1', 'said', 'heard')
  await delivered()
  assert.deepEqual(listener.heard, [['said', 'heard']])
  assert.deepEqual(nodes[0].statuses, ['down', 'up'])
})

test('a broadcast made after the subscription was confirmed arrives', async (t) => {
  const { nodes } = await threeNodes(t)
  const listener = new Listener()
  const ready = subscribed(nodes[1].pubsub, 'room:1', listener)
  assert.ok(ready instanceof Promise)
  await ready
  nodes[0].pubsub.broadcast('room:1', 'said', 1)
  await delivered()
  assert.equal(listener.heard.length, 1)
})

test('the network is asked for a topic once, and told when the last one here has left it', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const [node] = nodes
  const { pubsub } = node
  const before = network.topics().length
  const [one, two] = [new Listener(), new Listener()]
  node.join('room:1', one)
  node.join('room:1', two)
  const unlisten = pubsub.listen('room:1', () => {})
  assert.equal(network.topics().length, before + 1)
  pubsub.unsubscribe('room:1', one)
  pubsub.unsubscribe('room:1', two)
  assert.deepEqual(pubsub.topics(), ['room:1'])
  unlisten()
  unlisten()
  assert.deepEqual(pubsub.topics(), [])
  assert.equal(network.topics().length, before)
})

test('the same function may listen twice, and ends each time alone', async (t) => {
  const { nodes } = await threeNodes(t)
  const heard: unknown[] = []
  const listener = ({ payload }: { payload: unknown }): void => void heard.push(payload)
  const ends = [nodes[0].pubsub.listen('t', listener), nodes[0].pubsub.listen('t', listener)]
  nodes[0].pubsub.broadcast('t', 'e', 1)
  ends[0]?.()
  nodes[1].pubsub.broadcast('t', 'e', 2)
  await delivered()
  assert.deepEqual(heard, [1, 1, 2])
})

test('lanes carry bytes to all other nodes or to one, and never back to the sender', async (t) => {
  const { nodes } = await threeNodes(t)
  const heard: [number, string, number[]][] = []
  const lanes = nodes.map(({ pubsub }, n) => {
    const lane = pubsub.lane('presence')
    lane.listen((from, bytes) => heard.push([n, from, [...bytes]]))
    return lane
  })
  lanes[0]?.publish(Buffer.of(1))
  lanes[0]?.send('c', Buffer.of(2))
  nodes[0].pubsub.lane('other').publish(Buffer.of(3))
  await delivered()
  assert.deepEqual(heard, [
    [1, 'a', [1]],
    [2, 'a', [1]],
    [2, 'a', [2]],
  ])
})

test('a node that stands alone encodes nothing for others', async (t) => {
  const sent: unknown[] = []
  const node = new Node('a', { ...local(), publish: (topic) => void sent.push(topic) })
  await node.pubsub.start()
  t.after(() => node.pubsub.kill())
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  node.pubsub.broadcast('room:1', 'said', cycle)
  node.pubsub.disconnect('user:1')
  assert.deepEqual(sent, [])
  assert.deepEqual(node.disconnects, ['user:1'])
})

test('a payload that is no JSON throws at the broadcaster before anybody got anything', async (t) => {
  const { nodes } = await threeNodes(t)
  const listener = new Listener()
  nodes[0].join('room:1', listener)
  assert.throws(() => nodes[0].pubsub.broadcast('room:1', 'said', 1n), { code: 'BERYL_ERR_PAYLOAD_INVALID' })
  assert.deepEqual(listener.heard, [])
})

test('the failure of a listener is reported, and the others hear', async (t) => {
  const { nodes } = await threeNodes(t)
  const failures: unknown[] = []
  const heard: unknown[] = []
  nodes[0].telemetry.on('listener.failed', (_, { error }) => void failures.push(error))
  nodes[0].pubsub.listen('t', () => {
    throw new Error('broken')
  })
  nodes[0].pubsub.listen('t', ({ event }) => void heard.push(event))
  nodes[1].pubsub.broadcast('t', 'e', 1)
  await delivered()
  assert.deepEqual(failures, [new Error('broken')])
  assert.deepEqual(heard, ['e'])
})

test('an envelope with a kind of a later version is ignored and counted', async (t) => {
  const { network, nodes } = await threeNodes(t)
  const bytes = encodeEnvelope({
    kind: 'broadcast',
    node: 'z',
    run: 1,
    sequence: 1,
    topic: 't',
    event: 'e',
    connectionId: undefined,
    payload: 1,
  })
  bytes[1] = 9
  network.inject('control', bytes)
  await delivered()
  assert.deepEqual(nodes[0].dropped, ['not understood'])
})

test('stopping the pubsub stops its adapter, and a failure of that is its exit reason', async () => {
  const broken = new Node('a', { ...local(), stop: () => Promise.reject(new Error('stuck')) })
  await broken.pubsub.start()
  broken.pubsub.shutdown('shutdown')
  assert.deepEqual(await broken.pubsub.exited, { error: new Error('stuck') })
  const well = new Node('b', local())
  await well.pubsub.start()
  well.pubsub.shutdown('shutdown')
  assert.equal(await well.pubsub.exited, 'shutdown')
})

test('node names are unique', () => {
  assert.equal(new Set(Array.from({ length: 1000 }, makeNodeName)).size, 1000)
})
