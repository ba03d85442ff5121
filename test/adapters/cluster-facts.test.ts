import { after, suite, test } from 'node:test'
import { adapterFacts } from 'fastify-beryl/testing'
import { RemoteWorkers } from './remote-adapter.ts'

suite('cluster', () => {
  const workers = new RemoteWorkers()
  after(() => workers.end())

  for (const [index, { title, needsOutage, run }] of adapterFacts.entries()) {
    const skip = needsOutage && 'the primary is not out of reach: its workers end with it'
    // The primary outlives a fact, and with it the logs: each fact has names of its own.
    test(`cluster: ${title}`, { skip }, () => run({ adapter: () => workers.adapter(`fact-${index}:`) }))
  }
})
