import { after, suite, test } from 'node:test'
import { adapterFacts } from 'fastify-beryl/testing'
import { RemoteWorkers } from './remote-adapter.ts'

suite('cluster', () => {
  const workers = new RemoteWorkers()
  after(() => workers.end())

  for (const { title, needsLog, needsOutage, run } of adapterFacts) {
    const skip =
      (needsLog && 'cluster() has no log') ||
      (needsOutage && 'the primary is not out of reach: its workers end with it')
    test(`cluster: ${title}`, { skip }, () => run({ adapter: () => workers.adapter() }))
  }
})
