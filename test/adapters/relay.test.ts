import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterLink } from '../../src/adapters/cluster-link.ts'
import { CREDIT_BYTES, Relay } from '../../src/adapters/relay.ts'
import { type FakeClock, fakeClock } from '../../src/testing/index.ts'
import { TestPort } from './relay-ports.ts'

interface Node {
  readonly link: ClusterLink
  readonly heard: string[]
  readonly port: TestPort
  readonly primary: TestPort
  lost: number
}

async function stage(count: number) {
  const clock = fakeClock()
  const relay = new Relay(clock)
  const nodes: Node[] = []
  for (let n = 0; n < count; n++) nodes.push(await join(relay, clock, `node-${n}`))
  return { clock, relay, nodes: nodes as [Node, Node, Node] }
}

async function join(relay: Relay, clock: FakeClock, name: string): Promise<Node> {
  const [port, primary] = TestPort.pair()
  relay.attach(primary)
  const node: Omit<Node, 'link'> = { heard: [], port, primary, lost: 0 }
  const link = new ClusterLink({
    port,
    node: name,
    prefix: 'p:',
    clock,
    events: {
      arrived: (topic, bytes) => void node.heard.push(`${topic} ${Buffer.from(bytes).subarray(0, 9)}`),
      dropped: (messages) => {
        node.lost += messages
      },
      full: () => {},
      lost: () => void node.heard.push('lost'),
    },
  })
  const opening = link.open(new AbortController().signal)
  await clock.settle()
  await opening
  return Object.assign(node, { link })
}

test('X16: what a node publishes goes to those that want the topic, and to nobody else; one message for each peer and turn', async () => {
  const { clock, nodes } = await stage(3)
  const [one, two, three] = nodes
  const asked = [one.link.subscribe(['a']), two.link.subscribe(['a', 'b']), three.link.subscribe(['b'])]
  await clock.settle()
  await Promise.all(asked)
  const before = [one, two, three].map(({ port, primary }) => [port.sent.length, primary.sent.length])
  for (const text of ['1', '2', '3']) one.link.publish('a', Buffer.from(text))
  one.link.publish('b', Buffer.from('4'))
  await clock.settle()
  assert.deepEqual([one.heard, two.heard, three.heard], [[], ['a 1', 'a 2', 'a 3', 'b 4'], ['b 4']])
  const after = [one, two, three].map(({ port, primary }, n) => [
    port.sent.length - (before[n]?.[0] ?? 0),
    primary.sent.length - (before[n]?.[1] ?? 0),
  ])
  assert.deepEqual(after, [
    [1, 0],
    [0, 1],
    [0, 1],
  ])
})

test('X17: a node that does not read loses what is above its credit, is told how much, and hears on in order', async () => {
  const { clock, nodes } = await stage(2)
  const [one, two] = nodes
  const asked = two.link.subscribe(['a'])
  await clock.settle()
  await asked
  two.port.isStopped = true
  const filling = Buffer.alloc(1_000_000)
  for (let n = 0; n < 40; n++) {
    filling.write(String(n).padStart(3, '0'))
    one.link.publish('a', Buffer.from(filling))
    await clock.settle()
  }
  const held = two.primary.sent.length
  two.port.goOn()
  await clock.settle()
  const heard = two.heard.length
  assert.equal(heard, Math.floor(CREDIT_BYTES / 1_000_100))
  assert.equal(two.lost, 40 - heard)
  assert.ok(two.primary.sent.length - held <= 2)
  one.link.publish('a', Buffer.from('again'))
  await clock.settle()
  assert.equal(two.heard.at(-1), 'a again')
  assert.deepEqual(two.heard, two.heard.toSorted())
  assert.equal(one.link.pendingBytes < 1_000_000, true, 'the sender has its credit back')
})

test('X17: a primary that does not read leaves the bytes pending, where the adapter counts them', async () => {
  const { clock, nodes } = await stage(2)
  const [one] = nodes
  one.primary.isStopped = true
  for (let n = 0; n < 10; n++) one.link.publish('a', Buffer.alloc(1_000_000))
  await clock.settle()
  assert.ok(one.link.pendingBytes > 10_000_000)
  one.primary.goOn()
  await clock.settle()
  assert.equal(one.link.pendingBytes, 0)
})

test('X18: what a worker wanted is forgotten when its channel closes, when it says so, and when it begins anew', async () => {
  const { clock, relay, nodes } = await stage(3)
  const [one, two, three] = nodes
  const asked = nodes.map(({ link }) => link.subscribe(['a']))
  await clock.settle()
  await Promise.all(asked)
  two.primary.end()
  three.link.close()
  await clock.settle()
  one.link.publish('a', Buffer.from('1'))
  await clock.settle()
  assert.deepEqual([two.heard, three.heard], [[], []])
  one.port.end()
  assert.deepEqual(one.heard, ['lost'])
  one.primary.end()
  assert.equal(relay.topicCount, 0)
})

test('X11: what comes over the channel and is not of the library is passed by', async () => {
  const { clock, relay, nodes } = await stage(1)
  const [one] = nodes
  const message = { beryl: 1, from: 'node-0', link: 1 }
  for (const other of [
    undefined,
    7,
    'hello',
    [],
    { cmd: 'shutdown' },
    { beryl: 1 },
    { ...message, link: 'x' },
    { ...message, subscribe: 'a' },
    { ...message, messages: [['a', { type: 'Buffer', data: [1] }]] },
    { ...message, taken: 'all' },
    { beryl: 1, to: 'node-0', link: 1, messages: [[1, 2]] },
    { beryl: 1, to: 'another', link: 1, messages: [['p:a', Buffer.from('x')]] },
  ]) {
    one.primary.take(other)
    one.port.take(other)
  }
  await clock.settle()
  assert.deepEqual(one.heard, [])
  assert.equal(relay.topicCount, 0)
})
