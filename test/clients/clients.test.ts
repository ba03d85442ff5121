import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { need } from '../support/need.ts'
import { servePages } from './chromium-clients.ts'
import type { Client } from './client.ts'
import { type ClientKind, type ClientSource, clientKinds } from './kinds.ts'
import { ClientServer } from './server.ts'
import { clientFacts, type Stage } from './suite.ts'

for (const kind of clientKinds) describe(kind.name, need(...kind.needs), () => tryClient(kind))

function tryClient(kind: ClientKind): void {
  const server = new ClientServer(servePages, kind.options)
  let source: ClientSource | undefined
  let clients: Client[] = []

  before(async () => {
    await server.start()
    source = await kind.start(server)
  })
  afterEach(async () => {
    const leaving = clients
    clients = []
    for (const client of leaving) await client.disconnect()
  })
  after(async () => {
    try {
      await source?.close()
    } finally {
      await server.stop()
    }
  })

  async function client(): Promise<Client> {
    assert.ok(source)
    const opened = await source.open()
    clients.push(opened)
    return opened
  }

  function stage(topic: string): Stage {
    const member = async (name: string): Promise<Client> => {
      const opened = await client()
      await opened.connect(source?.url ?? server.url, { params: { name } })
      assert.equal((await opened.join(topic, { name })).status, 'ok')
      return opened
    }
    return { server, url: source?.url ?? server.url, codes: kind.codes, topic, client, member }
  }

  for (const [index, [fact, prove]] of Object.entries(clientFacts).entries()) {
    const skip = kind.skips[fact] ?? false
    test(fact, { skip, timeout: 60_000 }, () => prove(stage(`room:${index}`)))
  }
}

test('W123 clients of both kinds, in Node and in Chromium, are among those that are compressed', () => {
  assert.equal(clientKinds.filter(({ options }) => options?.compression !== undefined).length, 2)
})

test('every skip of a client names a fact of the suite', () => {
  const skipped = clientKinds.flatMap(({ skips }) => Object.keys(skips))
  assert.deepEqual(
    skipped.filter((fact) => !(fact in clientFacts)),
    [],
  )
})
