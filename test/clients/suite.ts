import assert from 'node:assert/strict'
import type { Answer, Client } from './client.ts'
import type { ClientServer } from './server.ts'

/** The stage of one fact: the server, and as many clients as it wants. */
export interface Stage {
  readonly server: ClientServer
  readonly url: string
  /** The codes with which the client hears of an end. */
  readonly codes: EndCodes
  /** A topic of this fact's own. */
  readonly topic: string
  /** A client that is not connected. */
  client(): Promise<Client>
  /** A client that is connected and has joined the topic. */
  member(name: string): Promise<Client>
}

/**
 * The codes of ends, by their causes. A client that polls makes its own, and others where its poll comes after the end instead of
 * waiting for it.
 */
export interface EndCodes {
  readonly restart: readonly unknown[]
  readonly disconnect: readonly unknown[]
}

/** The facts on which every Phoenix client can rely. Each holds for each client, or is skipped there by its name. */
export const clientFacts: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'joins a topic, and gets the reply'({ url, topic, client }) {
    const ada = await client()
    await ada.connect(url)
    assert.deepEqual(await ada.join(topic, { name: 'Ada' }), {
      status: 'ok',
      response: { room: topic.slice('room:'.length), token: 'none' },
    })
    assert.equal(await ada.state(topic), 'joined')
  },

  async 'is refused by join, with the reason'({ url, topic, client }) {
    const mallory = await client()
    await mallory.connect(url)
    assert.deepEqual(await mallory.join(topic, { name: 'Mallory' }), {
      status: 'error',
      response: { reason: 'unwelcome' },
    })
  },

  async 'is told what is wrong with the payload of a join'({ url, topic, client }) {
    const ada = await client()
    await ada.connect(url)
    assert.deepEqual(refusal(await ada.join(topic, { name: 7 })), ['error', 'invalid_payload', '/name'])
    assert.equal((await ada.join(topic, { name: 'Ada' })).status, 'ok')
  },

  async 'is told that a topic is unmatched'({ url, client }) {
    const ada = await client()
    await ada.connect(url)
    assert.deepEqual(await ada.join('nowhere', {}), {
      status: 'error',
      response: { reason: 'unmatched topic' },
    })
  },

  async 'pushes, and gets the reply'({ topic, member }) {
    const ada = await member('Ada')
    const text = 'Grüße, 世界 👋 \u2028 "quoted"'
    assert.deepEqual(await ada.push(topic, 'echo', { text }), { status: 'ok', response: { text } })
  },

  async 'gets many replies, each to its own push'({ topic, member }) {
    const ada = await member('Ada')
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`)
    const answers = await Promise.all(texts.map((text) => ada.push(topic, 'echo', { text })))
    assert.deepEqual(
      answers.map(({ response }) => response),
      texts.map((text) => ({ text })),
    )
  },

  async 'pushes, and gets an error'({ topic, member }) {
    const ada = await member('Ada')
    assert.deepEqual(await ada.push(topic, 'refuse'), { status: 'error', response: { reason: 'not today' } })
  },

  async 'is told what is wrong with a payload, and stays in the channel'({ topic, member }) {
    const ada = await member('Ada')
    const answer = await ada.push(topic, 'echo', { text: 7 })
    assert.deepEqual(refusal(answer), ['error', 'invalid_payload', '/text'])
    assert.deepEqual(await ada.push(topic, 'nonsense'), {
      status: 'error',
      response: { reason: 'unknown_event' },
    })
    assert.equal((await ada.push(topic, 'echo', { text: 'still here' })).status, 'ok')
  },

  async 'hears what the server pushes to it alone'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    await ada.push(topic, 'ask')
    assert.deepEqual(await ada.next(`${topic} told`), { text: 'you alone' })
    await bo.push(topic, 'say', { text: 'marker' })
    assert.deepEqual(await bo.next(`${topic} said`), { text: 'marker' })
  },

  async 'hears what others broadcast, and its own'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    await ada.push(topic, 'say', { text: 'hello' })
    assert.deepEqual(await bo.next(`${topic} said`), { text: 'hello' })
    assert.deepEqual(await ada.next(`${topic} said`), { text: 'hello' })
  },

  async 'does not hear what it broadcasts to the others'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    await ada.push(topic, 'whisper', { text: 'for the others' })
    await ada.push(topic, 'say', { text: 'for all' })
    assert.deepEqual(await bo.next(`${topic} said`), { text: 'for the others' })
    assert.deepEqual(await ada.next(`${topic} said`), { text: 'for all' })
  },

  async 'pushes bytes, and gets bytes'({ topic, member }) {
    const ada = await member('Ada')
    assert.deepEqual(await ada.pushBytes(topic, 'bytes', [0, 1, 127, 128, 255]), {
      status: 'ok',
      response: { bytes: [255, 128, 127, 1, 0] },
    })
    assert.deepEqual((await ada.pushBytes(topic, 'bytes', [])).response, { bytes: [] })
  },

  async 'hears bytes that are broadcast'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    assert.deepEqual(await ada.pushBytes(topic, 'share', [0, 255]), { status: 'ok', response: {} })
    assert.deepEqual(await bo.next(`${topic} shared`), { bytes: [0, 255] })
  },

  async 'gets its heartbeats answered'({ url, client }) {
    const ada = await client()
    await ada.connect(url, { heartbeatIntervalMs: 500 })
    for (let beat = 0; beat < 3; beat++) await ada.next('heartbeat')
  },

  async 'leaves, and is not there any more'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    assert.deepEqual(await bo.leave(topic), { status: 'ok', response: {} })
    await bo.next(`${topic} phx_close`)
    assert.equal(await bo.state(topic), 'closed')
    await ada.push(topic, 'say', { text: 'to whom?' })
    await bo.join(topic, { name: 'Bo' })
    await ada.push(topic, 'say', { text: 'welcome back' })
    assert.deepEqual(await bo.next(`${topic} said`), { text: 'welcome back' })
  },

  async 'joins again by itself after its channel crashed; its other channels notice nothing'({
    topic,
    member,
  }) {
    const ada = await member('Ada')
    await ada.join(`${topic}:other`, { name: 'Ada' })
    await ada.next(`${topic} joined`)
    await ada.send(topic, 'crash')
    await ada.next(`${topic} phx_error`)
    await ada.next(`${topic} joined`)
    assert.equal((await ada.push(topic, 'echo', { text: 'again' })).status, 'ok')
    assert.equal(await ada.state(`${topic}:other`), 'joined')
    assert.equal((await ada.push(`${topic}:other`, 'echo', { text: 'still' })).status, 'ok')
  },

  async 'stays away when the server ends its channel'({ topic, member }) {
    const ada = await member('Ada')
    assert.deepEqual(await ada.push(topic, 'stop'), { status: 'ok', response: {} })
    await ada.next(`${topic} phx_close`)
    assert.equal(await ada.state(topic), 'closed')
  },

  async 'comes back by itself after a restart of the server, and joins again'({
    server,
    codes,
    topic,
    member,
  }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    for (const client of [ada, bo]) {
      await client.next('open')
      await client.next(`${topic} joined`)
    }
    await server.stop()
    assert.ok(codes.restart.includes(await ada.next('close')))
    await server.start()
    for (const client of [ada, bo]) {
      await client.next('open')
      await client.next(`${topic} joined`)
    }
    await ada.push(topic, 'say', { text: 'that was quick' })
    assert.deepEqual(await bo.next(`${topic} said`), { text: 'that was quick' })
  },

  async 'comes back by itself after the server disconnected it'({ server, codes, topic, member }) {
    const ada = await member('Ada')
    await ada.next('open')
    await ada.next(`${topic} joined`)
    server.disconnect('Ada')
    assert.ok(codes.disconnect.includes(await ada.next('close')))
    await ada.next('open')
    await ada.next(`${topic} joined`)
    assert.equal((await ada.push(topic, 'echo', { text: 'here' })).status, 'ok')
  },

  async 'is let in as soon as connect says yes'({ server, url, topic, client }) {
    const ada = await client()
    server.isOpen = false
    await ada.connect(url)
    await ada.next('error')
    server.isOpen = true
    await ada.next('open')
    assert.equal((await ada.join(topic, { name: 'Ada' })).status, 'ok')
  },

  async 'carries the authToken to connect, in the sub-protocol'({ url, topic, client }) {
    const ada = await client()
    await ada.connect(url, { authToken: 'secret+/=?' })
    const { response } = await ada.join(topic, { name: 'Ada' })
    assert.equal((response as { token: string }).token, 'secret+/=?')
  },

  async 'sees who is there, who comes, and who leaves'({ topic, member }) {
    const ada = await member('Ada')
    assert.deepEqual(await ada.next(`${topic} came`), ['Ada', 0])
    const bo = await member('Bo')
    assert.deepEqual(await ada.next(`${topic} came`), ['Bo', 0])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'], Bo: ['Bo'] })
    assert.deepEqual(await bo.next(`${topic} came`), ['Ada', 0])
    await bo.disconnect()
    assert.deepEqual(await ada.next(`${topic} left`), ['Bo', 0])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'] })
  },

  async 'sees that somebody changed, and never that they were away'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    assert.deepEqual(await ada.next(`${topic} came`), ['Ada', 0])
    assert.deepEqual(await ada.next(`${topic} came`), ['Bo', 0])
    await bo.push(topic, 'rename', { text: 'Bosse' })
    assert.deepEqual(await ada.next(`${topic} came`), ['Bo', 1])
    assert.deepEqual(await ada.next(`${topic} left`), ['Bo', 1])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'], Bo: ['Bosse'] })
  },

  async 'sees two tabs of one user as one key with two metas'({ topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    for (let count = 0; count < 2; count++) await ada.next(`${topic} came`)
    const tab = await member('Bo')
    assert.deepEqual(await ada.next(`${topic} came`), ['Bo', 1])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'], Bo: ['Bo', 'Bo'] })
    await bo.disconnect()
    assert.deepEqual(await ada.next(`${topic} left`), ['Bo', 1])
    await tab.leave(topic)
    assert.deepEqual(await ada.next(`${topic} left`), ['Bo', 0])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'] })
  },

  async 'has the right list of presences after a restart of the server'({ server, topic, member }) {
    const [ada, bo] = [await member('Ada'), await member('Bo')]
    for (let count = 0; count < 2; count++) await ada.next(`${topic} came`)
    await server.stop()
    await bo.disconnect()
    await server.start()
    const left = [await ada.next(`${topic} left`), await ada.next(`${topic} left`)]
    // Its own old presence goes when the new one is there: nobody sees Ada gone, nor does she herself.
    assert.deepEqual(left.toSorted(), [
      ['Ada', 1],
      ['Bo', 0],
    ])
    assert.deepEqual(await ada.next(`${topic} came`), ['Ada', 1])
    assert.deepEqual(await ada.present(topic), { Ada: ['Ada'] })
  },
}

function refusal({ status, response }: Answer): unknown[] {
  const { reason, errors } = response as { reason: string; errors: { path: string }[] }
  return [status, reason, ...errors.map(({ path }) => path)]
}
