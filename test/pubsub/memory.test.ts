import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PubSubAdapter } from 'fastify-beryl'
import { adapterFacts, memoryNetwork } from 'fastify-beryl/testing'
import { local } from '../../src/pubsub/local.ts'

for (const { title, run } of adapterFacts) {
  test(`memory: ${title}`, () => run(memoryNetwork()))
  test(`memory, each message twice: ${title}`, () => run(memoryNetwork({ copies: 2 })))
}

for (const { title, run } of adapterFacts.filter(
  ({ nodes, needsLog, needsOutage }) => nodes === 1 && needsLog && !needsOutage,
)) {
  test(`local: ${title}`, () => run({ adapter: local }))
}

/** Adapters that break the contract in one point each, and a fact that must notice. */
const BROKEN: readonly [
  fault: string,
  fact: RegExp,
  spoil: (adapter: PubSubAdapter) => Partial<PubSubAdapter>,
][] = [
  ['sends nothing', /reaches every other node/, () => ({ publish() {} })],
  [
    'takes topics for patterns',
    /has not subscribed to/,
    (adapter) => ({ publish: (topic, bytes) => adapter.publish(topic.trim().toLowerCase(), bytes) }),
  ],
  [
    'confirms subscriptions too early',
    /is not missed/,
    (adapter) => ({ subscribe: (topic) => void setImmediate(() => adapter.subscribe(topic)) }),
  ],
  [
    'reads bytes as text',
    /bytes come as they were/,
    (adapter) => ({
      publish: (topic, bytes) => adapter.publish(topic, Buffer.from(Buffer.from(bytes).toString())),
    }),
  ],
  [
    'forgets topics for good',
    /subscribed to again/,
    (adapter) => {
      const left = new Set<string>()
      return {
        subscribe: (topic) => (left.has(topic) ? undefined : adapter.subscribe(topic)),
        unsubscribe(topic) {
          left.add(topic)
          adapter.unsubscribe(topic)
        },
      }
    },
  ],
  ['goes on after its stop', /nothing comes after it/, () => ({ stop() {} })],
]

for (const [fault, wanted, spoil] of BROKEN) {
  test(`an adapter that ${fault} does not pass for one`, async () => {
    const [fact] = adapterFacts.filter(({ title }) => wanted.test(title))
    assert.ok(fact !== undefined)
    const network = memoryNetwork()
    await assert.rejects(fact.run({ adapter: () => spoiled(network.adapter(), spoil), timeoutMs: 100 }))
  })
}

function spoiled(adapter: PubSubAdapter, spoil: (typeof BROKEN)[number][2]): PubSubAdapter {
  return {
    name: 'spoiled',
    get status() {
      return adapter.status
    },
    start: (...args) => adapter.start(...args),
    publish: (topic, bytes) => adapter.publish(topic, bytes),
    subscribe: (topic) => adapter.subscribe(topic),
    unsubscribe: (topic) => adapter.unsubscribe(topic),
    stop: () => adapter.stop(),
    ...spoil(adapter),
  }
}
