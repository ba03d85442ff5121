import { createClient } from 'fastify-beryl/client'
import type { App } from '../contract.ts'
import { equal, type Fact, until } from '../stage.ts'

/** Many parts of a program, one connection, and one join for each topic. */
export const sharing: Readonly<Record<string, Fact>> = {
  async 'joins a topic once, however many use it, and leaves it with the last'(stage) {
    const client = stage.client()
    const [one, other] = [
      client.channel(stage.topic, { name: 'ada' }),
      client.channel(stage.topic, { name: 'ada' }),
    ]
    await Promise.all([one.join(), other.join()])
    const heard: string[] = []
    one.on('said', ({ text }) => heard.push(`one ${text}`))
    other.on('said', ({ text }) => heard.push(`other ${text}`))
    await one.push('say', { text: '1' })
    await until('both heard it', () => heard.length === 2)
    one.leave()
    equal([one.state, other.state], ['closed', 'joined'])
    await other.push('say', { text: '2' })
    await until('the other heard it', () => heard.length === 3)
    equal(heard, ['one 1', 'other 1', 'other 2'])
    other.leave()
    await until('it is left', async () => (await stage.seen()).leaves.length === 1)
    const { joins, leaves } = await stage.seen()
    equal([joins.length, leaves], [1, ['left']])
  },

  async 'has never been away where it is left and joined in one turn'(stage) {
    const client = stage.client()
    const first = client.channel(stage.topic, { name: 'ada' })
    void first.join()
    first.leave()
    const second = client.channel(stage.topic, { name: 'ada' })
    await second.join()
    second.leave()
    const third = client.channel(stage.topic, { name: 'ada' })
    equal(await third.join(), { welcome: 'ada' })
    await third.push('echo', { text: '' })
    const { joins, leaves } = await stage.seen()
    equal([joins.length, leaves], [1, []])
  },

  async 'leaves no handler behind'(stage) {
    const client = stage.client()
    const calls: string[] = []
    const room = client.channel(stage.topic, { name: 'ada' })
    room.on('said', () => calls.push('said'))
    room.onState((state) => calls.push(state))
    room.presence.onChange(() => calls.push('presence'))
    await room.join()
    await until('it is there', () => room.presence.list().length === 1)
    room.leave()
    calls.length = 0
    const again = client.channel(stage.topic, { name: 'ada' })
    const heard: string[] = []
    again.on('said', ({ text }) => heard.push(text))
    // The same one too begins without those that it had.
    await Promise.all([again.join(), room.join()])
    await again.push('say', { text: 'hello' })
    await until('it heard it', () => heard.length === 1)
    equal(calls, [])
    // Also not the one behind a handler that leaves.
    again.on('said', () => again.leave())
    again.on('said', () => calls.push('behind it'))
    room.on('said', ({ text }) => heard.push(text))
    await room.push('say', { text: 'bye' })
    await until('the other heard it', () => heard.length === 3)
    equal([heard, calls], [['hello', 'bye', 'bye'], []])
  },

  async 'refuses another payload for a topic that is in use'(stage) {
    const client = stage.client()
    const room = client.channel(stage.topic, { name: 'ada' })
    const early = client.channel(stage.topic, { name: 'bo' })
    await room.join()
    const refusal = (of: unknown) => (of instanceof TypeError ? of.message : of)
    const wanted = `${stage.topic}: joined with {"name":"ada"}, wanted with {"name":"bo"}: leave it first`
    equal(await early.join().catch(refusal), wanted)
    try {
      client.channel(stage.topic, { name: 'bo' })
      throw new Error('it was taken')
    } catch (error) {
      equal(refusal(error), wanted)
    }
    room.leave()
    equal(await early.join(), { welcome: 'bo' })
  },

  async 'is over when the client is closed'(stage) {
    const { client, room } = await stage.member('ada')
    const states: string[] = []
    client.onState((state) => states.push(`client ${state}`))
    room.onState((state) => states.push(state))
    await client.close()
    equal(states, ['closed', 'client closed'])
    equal(await room.join().catch(({ reason }) => reason as unknown), 'closed')
    await until('the server knows', async () => (await stage.seen()).leaves.length === 1)
    equal((await stage.seen()).joins.length, 1)
  },

  async 'tells the server what it leaves when it is closed, behind what it has pushed'(stage) {
    const { client, room } = await stage.member('ada')
    const elsewhere = `${stage.topic}:elsewhere` as const
    await client.channel(elsewhere, { name: 'ada' }).join()
    const { room: witness } = await stage.member('bo')
    await until('both are there', () => witness.presence.list().length === 2)
    void room.push('echo', { text: 'good bye' })
    await client.close()
    await until('she is gone', () => witness.presence.list().length === 1)
    const seen = [await stage.seen(), await stage.order('seen', elsewhere)]
    equal(
      seen.map(({ pushes, leaves }) => [pushes, leaves]),
      // One that is only missed has not `left`.
      [
        [['good bye'], ['left']],
        [[], ['left']],
      ],
    )
  },

  async 'takes a socket of phoenix.js that exists, and leaves it open'(stage) {
    const socket = stage.socket()
    const client = createClient<App>(socket)
    const room = client.channel(stage.topic, { name: 'ada' })
    equal(await room.join(), { welcome: 'ada' })
    const heard: string[] = []
    room.on('said', ({ text }) => heard.push(text))
    await room.push('say', { text: 'hello' })
    await until('it heard it', () => heard.length === 1)
    equal(client.state, 'connected')
    await client.close()
    await until('it is left', async () => (await stage.seen()).leaves.length === 1)
    equal(socket.isConnected(), true)
    await new Promise<void>((resolve) => socket.disconnect(resolve))
  },
}
